import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT } from '../../scripts/room/room.ts';

const folder = mkdtempSync(join(tmpdir(), 'pxen-install-'));
/** Without the project's node_modules/.bin on the PATH, as a user's shell has it; the Node it finds is not ours. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function call(command: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    cwd: folder,
    env: { PATH, HOME: folder },
  });
  return { status, stdout, stderr };
}

/** npm of this computer: what a user has before anything of ours. */
function npm(...args: string[]): void {
  const done = spawnSync(
    'npm',
    [...args, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'],
    {
      encoding: 'utf8',
      cwd: PROJECT,
    },
  );
  if (done.status !== 0) throw new Error(`npm ${args.join(' ')}: ${done.stderr}`);
}

beforeAll(() => {
  npm('pack', '--pack-destination', folder);
  npm('install', '--global', '--prefix', join(folder, 'global'), join(folder, 'pxen-0.1.0.tgz'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each([
  ['a checkout', join(PROJECT, 'scripts')],
  ['an npm install', join(folder, 'global/bin')],
])('from %s', (_, bin) => {
  test.each(['mesh', 'pxend'])('%s starts under the Node that the package brings', program => {
    expect(call(join(bin, program), '--version')).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
  });

  test('mesh builds an overlay offline: the base layer and the agent are found', () => {
    const root = join(folder, 'root');
    const configured = call(join(bin, 'mesh'), '--root', root, 'system', 'configure', '--check');
    expect(configured).toEqual({ status: 0, stdout: '0 machine folders in order\n', stderr: '' });
  });

  test('the systemd unit starts this very installation', () => {
    const { stdout } = call(join(bin, 'pxend'), '--systemd-unit', '--root', '/');
    const launcher = /^ExecStart=(\S+) --root \/$/m.exec(stdout)?.[1] ?? '';
    expect(call(launcher, '--version')).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
  });
});

test('a call that needs no server answers in under 0.3 s', () => {
  const times = Array.from({ length: 5 }, () => {
    const from = performance.now();
    expect(call(join(PROJECT, 'scripts/mesh'), '--help').status).toBe(0);
    return performance.now() - from;
  }).sort((a, b) => a - b);
  const median = times[2] ?? 0;
  console.log(`mesh --help: ${times.map(t => t.toFixed(0)).join(', ')} ms`);
  expect(median).toBeLessThan(300);
});
