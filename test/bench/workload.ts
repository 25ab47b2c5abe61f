import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { speakerIso } from '../../scripts/room/guests/speaker.ts';
import type { WorkloadLine } from '../../src/api/workloads.ts';
import { ALDER, Lab, PATIENCE } from '../fixtures/lab/lab.ts';
import { type BenchOptions, medianOf, OURS, type Skip } from './report.ts';
import type { World } from './world.ts';

const NAME = 'speaker';
const PORT = 7903;
const START = 'start to the first serial byte';
const STATUS = '100 status queries';
const BARE = 'bare QEMU';
const IDLE = 'no queries';
/** Seconds; what issue 4 asks of the parts that are pxen's. */
const OURS_AT_MOST = 0.3;
/** Of one processor. */
const STATUS_AT_MOST = 0.05;
const QUERIES = 100;
const TICKS_PER_SECOND = 100;

/** A node in QEMU, whose KVM is emulated too. Of the world nothing is used: a node needs a room of its own. */
export async function benchWorkloads(_world: World, options: BenchOptions): Promise<Skip[]> {
  const lab = new Lab();
  try {
    await lab.open(ALDER);
    writeFileSync(join(lab.isos, 'speaker.iso'), speakerIso('speaking'));
    copyFileSync(join(import.meta.dirname, 'on-node.ts'), join(lab.isos, 'on-node.ts'));
    await lab.onNode(ALDER, 'cd /tmp && busybox wget -q http://host0/isos/on-node.ts');
    lab.workload(NAME, WORKLOAD);
    await measureStarts(lab, options);
    await measureStatus(lab, options);
  } finally {
    await lab.close();
  }
  return [];
}

/** Its volume stays, so that only the first start fetches it. */
const WORKLOAD = {
  'platform.memory.size': '64M',
  'platform.cpu.threads': 1,
  'platform.volume.0.type': 'iso',
  'platform.volume.0.path': '/srv/speaker.iso',
  'platform.volume.0.source': 'http://host0/isos/speaker.iso',
  'platform.volume.0.ephemeral': 0,
  'runtime.console.id': PORT - 7900,
  'placement.node': ALDER.name,
};

/** One start; seconds. */
interface Run {
  /** From the start of `mesh` to the first byte. */
  readonly total: number;
  /** From the start of `mesh` until it has heard that QEMU runs. */
  readonly spawned: number;
  /** Each step of the agent. */
  readonly steps: ReadonlyMap<string, number>;
}

/** pxen and bare QEMU take turns, so that both meet the same mood of the machine. */
async function measureStarts(lab: Lab, { onFigure, runs }: BenchOptions): Promise<void> {
  const count = Math.max(3, runs);
  await lab.verb('start', NAME);
  await lab.verb('stop', NAME, '--now');
  const argv = await argvOf(lab);
  const commands: number[] = [];
  const ours: Run[] = [];
  const bare: number[] = [];
  for (let i = 0; i < count; i++) {
    commands.push(await commandOnce(lab));
    ours.push(await startOnce(lab));
    bare.push(await bareOnce(lab, argv));
  }
  const median = medianOf(ours, run => run.total);
  const theirs = medianOf(bare, seconds => seconds);
  const command = medianOf(commands, seconds => seconds);
  const own = median.total - theirs;
  const common = { suite: 'workload', case: START, unit: 'starts/s', cpu: undefined, cpuUnit: '' } as const;
  const verdict = own <= OURS_AT_MOST ? 'reached' : 'missed';
  onFigure({
    ...common,
    subject: OURS,
    value: 1 / median.total,
    note: `${seconds(median.total)} in all, ${seconds(own)} more than bare (target ${seconds(OURS_AT_MOST)}: ${verdict}): ${partsOf(median, command)}`,
  });
  onFigure({ ...common, subject: BARE, value: 1 / theirs, note: seconds(theirs) });
}

/** A command that asks host0 and no node, as `start` does before it sends its order. */
async function commandOnce(lab: Lab): Promise<number> {
  const from = performance.now();
  await lab.output('list', `${lab.meshHere} workload list --json`);
  return (performance.now() - from) / 1000;
}

async function startOnce(lab: Lab): Promise<Run> {
  const watch = lab.room.spawn('first-byte', [
    ...[process.execPath, '--no-warnings', join(import.meta.dirname, 'first-byte.ts')],
    ...[await lab.addressOf(ALDER), String(PORT)],
  ]);
  await watch.saw(/ready/, PATIENCE);
  const from = performance.timeOrigin + performance.now();
  const mesh = lab.run('start', `${lab.meshHere} workload start -w ${NAME} --json`);
  await mesh.saw(/"step":"spawn".*\n/, PATIENCE);
  const spawned = (performance.timeOrigin + performance.now() - from) / 1000;
  process.kill(watch.pid, 'SIGUSR1');
  const [, at] = await watch.saw(/first byte at ([\d.]+)/, PATIENCE);
  await mesh.ended();
  await lab.verb('stop', NAME, '--now');
  return { total: (Number(at) - from) / 1000, spawned, steps: stepsOf(mesh.output) };
}

function stepsOf(output: string): Map<string, number> {
  const lines: WorkloadLine[] = output
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  return new Map(
    lines.flatMap(line => ('step' in line ? [[line.step, (line.milliseconds ?? 0) / 1000] as const] : [])),
  );
}

/** The very command line of the workload, in a folder as the agent makes it. */
async function bareOnce(lab: Lab, argv: string): Promise<number> {
  const folder = `/tmp/pxen/${NAME}-1`;
  const start = `node --no-warnings /tmp/on-node.ts '${argv}' ${PORT}`;
  return Number(await lab.onNode(ALDER, `mkdir -p ${folder} && ${start} && rm -r ${folder}`)) / 1000;
}

async function argvOf(lab: Lab): Promise<string> {
  const line = await lab.mesh('workload', 'start', '-w', NAME, '--dry-run', '--json');
  return JSON.stringify(JSON.parse(line).argv);
}

/** What the node's agent needs for its usual work, and for that and 100 queries, in the same time. */
async function measureStatus(lab: Lab, { onFigure }: BenchOptions): Promise<void> {
  await lab.verb('start', NAME);
  const asked = await agentShare(lab, async () => {
    for (let i = 0; i < QUERIES; i++) await lab.view(NAME);
  });
  const idle = await agentShare(lab, () => new Promise(resolve => setTimeout(resolve, asked.seconds * 1000)));
  const common = { suite: 'workload', case: STATUS, unit: 'queries/s', cpuUnit: 'of a core' } as const;
  const verdict = asked.share <= STATUS_AT_MOST ? 'reached' : 'missed';
  const note = `the agent's share of one processor of the node (target ${STATUS_AT_MOST}: ${verdict})`;
  onFigure({ ...common, subject: OURS, value: QUERIES / asked.seconds, cpu: asked.share, note });
  onFigure({ ...common, subject: IDLE, value: QUERIES / idle.seconds, cpu: idle.share, note: '' });
}

async function agentShare(lab: Lab, work: () => Promise<void>): Promise<{ seconds: number; share: number }> {
  const [before, from] = [await agentTicks(lab), performance.now()];
  await work();
  const seconds = (performance.now() - from) / 1000;
  return { seconds, share: ((await agentTicks(lab)) - before) / TICKS_PER_SECOND / seconds };
}

/** User and system time of the agent and of the processes that bring host0 to it. */
async function agentTicks(lab: Lab): Promise<number> {
  const stats = await lab.onNode(
    ALDER,
    'for p in $(pidof node sshd); do cat /proc/$p/stat 2>/dev/null; done; true',
  );
  return stats.split('\n').reduce((sum, line) => sum + ticksIn(line), 0);
}

/** proc(5): fields 14 and 15, counted behind the name. */
function ticksIn(stat: string): number {
  const fields = stat.replace(/^.*\) /, '').split(' ');
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}

/** Up to the spawn; then the guest is on its way, whatever pxen does beside it. */
function partsOf({ spawned, steps }: Run, command: number): string {
  const names = [...steps.keys()];
  const own = [...steps].slice(0, names.indexOf('spawn') + 1);
  const rest = spawned - command - own.reduce((sum, [, took]) => sum + took, 0);
  const parts = [['mesh and its questions', command], ['the way to the agent', rest], ...own] as const;
  return `QEMU runs after ${seconds(spawned)}: ${parts.map(([name, took]) => `${name} ${seconds(took)}`).join(', ')}`;
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`;
}
