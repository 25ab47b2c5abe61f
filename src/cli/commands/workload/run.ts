import type { Verb } from '../../../api/agent.ts';
import { PATHS } from '../../../api/paths.ts';
import {
  type WorkloadLine,
  type WorkloadRun,
  type WorkloadView,
  workloadLineSchema,
} from '../../../api/workloads.ts';
import { ERROR_KINDS, PxenError } from '../../../base/error.ts';
import { type Context, control, errorOf, understood } from '../../context.ts';
import { type RunAbout, runView } from '../../output/run.ts';
import { printable } from '../../output/table.ts';
import { findPlace, type Place } from '../host/hosts.ts';
import { listNodes } from '../node.ts';
import { type Choice, choose, listWorkloads } from './choose.ts';

export interface RunOptions {
  /** Names, uuids, patterns, ALL. */
  readonly workloads: readonly string[];
  /** Machine id, name or MAC; of a libvirt host its id or name. */
  readonly node?: string | undefined;
  /** How long a guest may take to shut down, seconds. */
  readonly timeout: number;
  readonly dryRun: boolean;
  /** Of balloon: bytes. */
  readonly memory?: number | undefined;
  /** Of replace: number of a volume, or of a NIC. */
  readonly volume?: number | undefined;
  readonly nic?: number | undefined;
}

/** What may pass without a word from pxend beyond the time of the guest: a node checks a big file, milliseconds. */
const PATIENCE = 600_000;

/** `mesh workload start`, `stop` and all that change something: shows how it goes, and ends well when all of them did. */
export async function workloadRun(context: Context, verb: Verb, options: RunOptions): Promise<number> {
  const [nodes, known] = await Promise.all([listNodes(context), listWorkloads(context)]);
  const place = options.node === undefined ? undefined : await findPlace(context, nodes, options.node);
  const names = aimed(context, verb, choose(known, options.workloads), place);
  if (names.length === 0) return 0;
  const { dryRun, memory, nic, timeout: timeoutSeconds, volume } = options;
  const body: WorkloadRun = {
    verb,
    workloads: names,
    timeoutSeconds,
    dryRun,
    ...(place && { node: place.id }),
    ...(memory !== undefined && { memory }),
    ...(volume !== undefined && { volume }),
    ...(nic !== undefined && { nic }),
  };
  const places = place ? [place, ...nodes] : nodes;
  const nodeName = (id: string): string => places.find(known => known.id === id)?.name ?? id;
  const about = { verb, dryRun, memory, nic, volume, several: names.length > 1, nodeName };
  return runAndShow(context, [body], about);
}

/** Asks for all of it at once, each workload once, and shows how it goes; what pxend refuses as a whole is thrown when the others are done. */
export async function runAndShow(
  context: Context,
  bodies: readonly WorkloadRun[],
  about: RunAbout,
): Promise<number> {
  const ends = new Map<string, number>();
  const view = runView(context, about);
  const take = (value: unknown): void => {
    const line = understood(value, workloadLineSchema);
    if ('done' in line) ends.set(line.workload, 0);
    else if ('error' in line) ends.set(line.workload, ERROR_KINDS[line.error.code].exit);
    view.line(line);
  };
  try {
    const settled = await Promise.allSettled(bodies.map(body => follow(context, body, take)));
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    for (const workload of bodies.flatMap(body => body.workloads))
      if (!ends.has(workload)) take(unfinished(workload));
  } finally {
    view.end();
  }
  return exitOf([...ends.values()]);
}

async function follow(context: Context, body: WorkloadRun, take: (line: unknown) => void): Promise<void> {
  const silence = body.timeoutSeconds * 1000 + PATIENCE;
  const refused = await control(context).postForLines(PATHS.workloadRun, body, take, silence);
  if (refused) throw errorOf(refused);
}

/** pxend ends its answer with a line for every workload, unless it is itself ended. */
function unfinished(workload: string): WorkloadLine {
  const message = 'pxend did not say how it ended; see: mesh workload status';
  return { workload, error: { code: 'SERVER_DOWN', message, details: [] } };
}

function exitOf(ends: readonly number[]): number {
  const [only = 1, ...others] = ends;
  if (others.length === 0) return only;
  return ends.some(exit => exit !== 0) ? 1 : 0;
}

type State = WorkloadView['state'];

/** What a pattern or ALL means for a verb. Of a lost workload nobody knows the state, so pxend says what can be done. */
const FITTING: Record<Verb, readonly State[]> = {
  download: ['stopped', 'ended', 'starting', 'running', 'paused', 'stopping', 'returning', 'lost'],
  start: ['stopped', 'ended', 'lost'],
  stop: ['starting', 'running', 'paused', 'stopping', 'ended', 'returning', 'lost'],
  'soft-stop': ['running', 'lost'],
  pause: ['running', 'lost'],
  resume: ['paused', 'lost'],
  restart: ['running', 'paused', 'ended', 'lost'],
  balloon: ['running', 'paused', 'lost'],
  replace: ['running', 'lost'],
};

/** Verbs for which -n says where to run it; for the others it says where it runs. */
const PLACING: readonly Verb[] = ['download', 'start'];

/** The names to send. What is named is always sent; a pattern means those that it can apply to, and the others are told. */
export function aimed(context: Context, verb: Verb, choice: Choice, node: Place | undefined): string[] {
  const { named, workloads } = choice;
  const here = workloads.filter(
    view => named.has(view) || !node || PLACING.includes(verb) || view.node === node.id,
  );
  if (here.length === 0)
    throw new PxenError('NOT_FOUND', `no workload that fits is on ${node?.name ?? node?.id}`);
  const fitting = here.filter(view => named.has(view) || FITTING[verb].includes(view.state));
  const others = here.filter(view => !fitting.includes(view)).map(view => `${view.name} (${view.state})`);
  if (others.length > 0) context.terminal.warn(printable(`mesh: left out: ${others.join(', ')}`));
  return [...new Set(fitting.map(view => view.name))];
}
