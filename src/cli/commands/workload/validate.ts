import { several } from '../../../base/diagnostic.ts';
import type { AccelPolicy, WorkloadFacts } from '../../../domain/workload/facts.ts';
import { judgeOnNode, judgeTogether } from '../../../domain/workload/judge.ts';
import type { ParsedWorkload } from '../../../domain/workload/parse.ts';
import { byLine, type WorkloadProblem } from '../../../domain/workload/problem.ts';
import type { Workload } from '../../../domain/workload/workload.ts';
import type { Context } from '../../context.ts';
import { printable } from '../../output/table.ts';
import { type Input, readFacts, readWorkloads } from './input.ts';

export interface ValidateOptions {
  /** A JSON file of what a node would report; without it the rules that need a node are not applied. */
  readonly facts?: string | undefined;
  /** Whether virtual machines may do without KVM on that node. */
  readonly accel?: AccelPolicy | undefined;
}

/** What came out for one file. */
interface Verdict {
  readonly file: string;
  readonly problems: readonly WorkloadProblem[];
  /** Null when there are problems. */
  readonly workload: Workload | null;
}

/** `mesh workload validate FILE...`, without any pxend. Exit status 0: all are well, 1: problems, 2: a file could not be read. */
export async function workloadValidate(
  context: Context,
  files: readonly string[],
  { facts, accel = 'kvm' }: ValidateOptions,
  input: Input = process.stdin,
): Promise<number> {
  const node = facts === undefined ? undefined : await readFacts(facts, input);
  const verdicts = judge(await readWorkloads(files, input), node, accel);
  if (context.json) context.terminal.json(report(verdicts));
  else print(context, verdicts);
  return verdicts.every(isWell) ? 0 : 1;
}

function judge(
  all: readonly ParsedWorkload[],
  facts: WorkloadFacts | undefined,
  accel: AccelPolicy,
): readonly Verdict[] {
  const shared = Map.groupBy(judgeTogether(all), ({ file }) => file);
  return all.map(parsed => {
    const { file, workload } = parsed;
    const onNode = workload && facts ? judgeOnNode({ ...parsed, workload }, facts, accel) : [];
    const problems = [...parsed.problems, ...(shared.get(file) ?? []), ...onNode].sort(byLine);
    return { file, problems, workload: problems.length > 0 ? null : (workload ?? null) };
  });
}

function isWell({ problems }: Verdict): boolean {
  return problems.length === 0;
}

function report(verdicts: readonly Verdict[]): object {
  const ok = verdicts.every(isWell);
  const [only, ...others] = verdicts;
  if (only && others.length === 0) return { ok, problems: only.problems, workload: only.workload };
  const problems = verdicts.flatMap(verdict => verdict.problems);
  return { ok, problems, workloads: verdicts.map(({ workload }) => workload) };
}

function print({ terminal }: Context, verdicts: readonly Verdict[]): void {
  for (const { file, problems } of verdicts) {
    for (const { message } of problems) terminal.warn(printable(message));
    if (problems.length === 0) terminal.print(printable(`${file}: ok`));
  }
  const bad = verdicts.filter(verdict => !isWell(verdict));
  const count = bad.reduce((sum, { problems }) => sum + problems.length, 0);
  const files = verdicts.length === 1 ? '' : ` in ${bad.length} of ${verdicts.length} files`;
  if (bad.length > 0) terminal.warn(`mesh: ${several(count, 'problem')}${files}`);
  else if (verdicts.length > 1) terminal.print(`${verdicts.length} files: ok`);
}
