import { PATHS } from '../../../api/paths.ts';
import { type PlanRequest, type PlanView, planViewSchema } from '../../../api/placement.ts';
import type { WorkloadRun } from '../../../api/workloads.ts';
import { PxenError } from '../../../base/error.ts';
import { judgeTogether } from '../../../domain/workload/judge.ts';
import { parseWorkload } from '../../../domain/workload/parse.ts';
import { type Context, control, unwrap } from '../../context.ts';
import { planFrom, planText } from '../../output/placement.ts';
import { printable } from '../../output/table.ts';
import { jsonText } from '../../output/terminal.ts';
import { choose, listWorkloads } from '../workload/choose.ts';
import { type Input, readWorkloadFiles } from '../workload/input.ts';
import { aimed, runAndShow } from '../workload/run.ts';

export interface PlanOptions {
  /** Workload files, which host0 need not have. */
  readonly files: readonly string[];
  /** Names, uuids, patterns, ALL: workloads of host0. */
  readonly workloads: readonly string[];
  /** Start them as planned. */
  readonly start: boolean;
}

/** `mesh plan`: where a set of workloads goes when all are placed together. Exit status 1: something fits nowhere, and then nothing is started. */
export async function planWorkloads(
  context: Context,
  options: PlanOptions,
  input: Input = process.stdin,
): Promise<number> {
  const { files, start, workloads } = options;
  refuseMixture(options);
  const subjects = files.length > 0 ? await inFiles(files, input) : await known(context, workloads);
  if (subjects.length === 0) return 0;
  const view = unwrap(await control(context).post(PATHS.plans, { subjects }), planViewSchema);
  if (context.json && start) context.terminal.print(jsonText({ plan: view }));
  else if (context.json) context.terminal.json(view);
  else context.terminal.print(planText(planFrom(view)));
  const homeless = view.placements.filter(({ host }) => host === null).map(({ name }) => name);
  if (homeless.length === 0) return start ? startPlanned(context, view) : 0;
  if (start)
    context.terminal.warn(printable(`mesh: nothing is started: ${homeless.join(', ')} without a host`));
  return 1;
}

type Subjects = PlanRequest['subjects'];

function refuseMixture({ files, start, workloads }: PlanOptions): void {
  if (files.length + workloads.length === 0)
    throw new PxenError('USAGE', 'nothing to plan', {
      details: ['name files, or workloads of host0: -w NAME1,NAME2, -w "web-*" or -w ALL'],
    });
  if (files.length > 0 && workloads.length > 0)
    throw new PxenError('USAGE', 'mesh plan takes files or -w, not both');
  if (start && files.length > 0)
    throw new PxenError('USAGE', '--start is for workloads of host0: -w; files are only planned', {
      details: ['put them into /var/pxen/monoliths on host0 first'],
    });
}

/** Throws WORKLOAD_INVALID with every problem of all of them. */
async function known(context: Context, words: readonly string[]): Promise<Subjects> {
  const all = await listWorkloads(context);
  const names = aimed(context, 'start', choose(all, words), undefined);
  refuse(all.filter(({ name }) => names.includes(name)).flatMap(({ problems }) => problems));
  return names.map(workload => ({ workload }));
}

/** Throws WORKLOAD_INVALID with every problem of all of them. */
async function inFiles(files: readonly string[], input: Input): Promise<Subjects> {
  const read = await readWorkloadFiles(files, input);
  const parsed = read.map(({ file, text }) => parseWorkload(text, file));
  refuse([...parsed.flatMap(({ problems }) => problems), ...judgeTogether(parsed)]);
  return [...read];
}

function refuse(problems: readonly { readonly message: string }[]): void {
  if (problems.length === 0) return;
  throw new PxenError('WORKLOAD_INVALID', 'the files have problems, so nothing is planned', {
    details: problems.map(({ message }) => message),
  });
}

/** One request for each host. What it costs there is settled; all else that could stand against it is judged again. */
function startPlanned(context: Context, { placements }: PlanView): Promise<number> {
  const groups = Map.groupBy(placements, ({ node }) => node);
  const bodies = [...groups].map(
    ([node, planned]): WorkloadRun => ({
      verb: 'start',
      workloads: planned.map(({ name }) => name),
      timeoutSeconds: 0,
      dryRun: false,
      ...(node !== undefined && { node }),
    }),
  );
  const nodeName = (id: string): string => placements.find(({ node }) => node === id)?.host ?? id;
  const about = { verb: 'start', dryRun: false, several: placements.length > 1, nodeName } as const;
  if (!context.json) context.terminal.print('');
  return runAndShow(context, bodies, about);
}
