/** Builds dist/: the daemon, the command line and the agent, each one file that starts at once. */
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

/** CommonJS packages inside an ES module bundle still call require() for node's own modules. */
const requireBanner =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** `packages: 'external'` leaves dependencies in node_modules; the agent has none there and carries everything. */
const bundles = [
  { in: 'src/server/main.ts', out: 'pxend.js', external: ['express', 'pino', 'ssh2'] },
  { in: 'src/cli/main.ts', out: 'mesh.js', external: ['ssh2'] },
  { in: 'src/agent/main.ts', out: 'agent.js', external: [] },
];

await mkdir(dist, { recursive: true });
/** What is started out of dist/ while it is built anew meets whole files only. */
const beside = await mkdtemp(join(dist, '.building-'));
try {
  await Promise.all(
    bundles.map(bundle =>
      build({
        absWorkingDir: root,
        entryPoints: [bundle.in],
        outfile: join(beside, bundle.out),
        external: bundle.external,
        bundle: true,
        platform: 'node',
        target: 'node24',
        format: 'esm',
        minifySyntax: true,
        minifyWhitespace: true,
        legalComments: 'none',
        banner: { js: requireBanner },
        logLevel: 'warning',
      }),
    ),
  );
  for (const { out } of bundles) await rename(join(beside, out), join(dist, out));
} finally {
  await rm(beside, { recursive: true, force: true });
}
