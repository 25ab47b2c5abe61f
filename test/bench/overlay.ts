import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { OverlayResult } from './overlay-load.ts';
import { type BenchOptions, OURS, type Skip, type Target } from './report.ts';
import { run, type World } from './world.ts';

const PROJECT = join(import.meta.dirname, '../..');
const LOAD = join(import.meta.dirname, 'overlay-load.ts');
const SHARED_FILES = 50;
const OWN_FILES = 10;
/** GNU tar needs a minute for a thousand: so many are measured, the rest reckoned. */
const TAR_SAMPLE = 20;

/** 1,000 overlays in a second, whatever GNU tar needs. */
export const OVERLAY_TARGETS: readonly Target[] = [
  { suite: 'overlay', cases: /./, peer: 'one second', ratio: 1 },
];

/** Machines with a few files of their own, many that all share, and the agent: the set of spec/baselines.md D. */
export async function benchOverlays(world: World, options: BenchOptions): Promise<Skip[]> {
  const count = options.quick ? 200 : 1000;
  writeHost0(world, count);
  const output = await world.load([process.execPath, '--no-warnings', LOAD, join(world.folder, 'overlays')]);
  const result = JSON.parse(output) as OverlayResult;
  const note = result.problems > 0 ? `${result.problems} PROBLEMS` : '';
  const tar = await gnuTar(world);
  const cases = [
    { name: `${count} overlays of new machines`, seconds: result.first, cpu: result.firstCpu },
    { name: `${count} overlays, a shared file changed`, seconds: result.again, cpu: result.againCpu },
  ];
  for (const { name, seconds, cpu } of cases) {
    const figure = { suite: 'overlay', case: name, unit: 'overlays/s', cpuUnit: 'ms/overlay' } as const;
    options.onFigure({ ...figure, subject: OURS, value: count / seconds, cpu: (cpu / count) * 1000, note });
    options.onFigure({ ...figure, subject: 'GNU tar czf', value: 1 / tar, cpu: tar * 1000, note: '' });
    options.onFigure({ ...figure, subject: 'one second', value: 1000, cpu: undefined, note: '' });
  }
  return [];
}

function writeHost0(world: World, count: number): void {
  for (let i = 0; i < SHARED_FILES; i++)
    world.write(`overlays/host0/files/shared-${i}`, randomBytes(400).toString('hex'));
  world.write('overlays/host0/groups/all/manifest', manifest('shared', SHARED_FILES));
  for (let i = 0; i < OWN_FILES; i++)
    world.write(`overlays/host0/files/own-${i}`, randomBytes(200).toString('hex'));
  for (let i = 0; i < count; i++) {
    const machine = `overlays/host0/machines/node-${i}`;
    world.write(`${machine}/UUID`, `${(0x10000000 + i).toString(16)}\n`);
    world.write(`${machine}/groups`, 'all\n');
    world.write(`${machine}/own`, `node ${i}\n`);
    world.write(
      `${machine}/manifest`,
      `${manifest('own', OWN_FILES)}O MODE=root:root:0644 SRC=/host0/machines/node-${i}/own TGT=/etc/own\n`,
    );
  }
}

function manifest(prefix: string, count: number): string {
  const line = (_: unknown, i: number): string =>
    `O MODE=root:root:0644 SRC=/host0/files/${prefix}-${i} TGT=/etc/bench/${prefix}-${i}\n`;
  return Array.from({ length: count }, line).join('');
}

/** Seconds for one archive of the same files. */
async function gnuTar(world: World): Promise<number> {
  const tree = join(world.folder, 'tree');
  mkdirSync(tree);
  run('cp', '-r', join(world.folder, 'overlays/host0/files'), tree);
  copyFileSync(join(PROJECT, 'dist/agent.js'), join(tree, 'agent.js'));
  const began = performance.now();
  for (let i = 0; i < TAR_SAMPLE; i++)
    await world.load(['tar', 'czf', join(world.folder, `tree-${i}.tgz`), '-C', tree, '.']);
  return (performance.now() - began) / 1000 / TAR_SAMPLE;
}
