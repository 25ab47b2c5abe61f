import type { Note, Rendering } from '../../../domain/vm/exchange.ts';
import type { ExportFormat } from '../../../domain/vm/format.ts';
import { decideMachine } from '../../../domain/vm/machine.ts';
import { WORKLOADS_FOLDER } from '../../../domain/vm/statefiles.ts';
import type { AccelPolicy, WorkloadFacts } from '../../../domain/workload/facts.ts';
import { judgeOnNode } from '../../../domain/workload/judge.ts';
import type { ParsedWorkload } from '../../../domain/workload/parse.ts';
import { workloadError } from '../../../domain/workload/problem.ts';
import type { Workload } from '../../../domain/workload/workload.ts';
import { commandLine } from '../../../io/exec.ts';
import { sha1 } from '../../../io/sha1.ts';
import { sha256 } from '../../../io/sha256.ts';
import type { Context } from '../../context.ts';
import { printable } from '../../output/table.ts';

/** The node that a workload is rendered for; a fact that is not known stands against nothing. */
export interface Node {
  readonly facts: WorkloadFacts;
  readonly accel: AccelPolicy;
}

/** A workload in a format, as on that node. Throws WORKLOAD_INVALID with every problem of its file. */
export function rendered(parsed: ParsedWorkload, format: ExportFormat, { accel, facts }: Node): Rendering {
  const workload = judged(parsed, { accel, facts });
  const folder = `${WORKLOADS_FOLDER}/${workload.uuid}`;
  return format.render(decideMachine(workload, facts, { accel, folder, at: path => path, sha256, sha1 }));
}

function judged(parsed: ParsedWorkload, { accel, facts }: Node): Workload {
  const { file, problems, workload } = parsed;
  if (!workload) throw workloadError(file, problems);
  const onNode = judgeOnNode({ ...parsed, workload }, facts, accel);
  if (onNode.length > 0) throw workloadError(file, onNode);
  return workload;
}

/** As it goes to standard output: a command in one line for a shell, a file as it is. */
export function textOf(rendering: Rendering): string {
  if ('text' in rendering) return rendering.text;
  const [program = '', ...words] = rendering.argv;
  return `${commandLine(program, words)}\n`;
}

/** What a format does not carry, and what had to be assumed. */
export function warnOf({ terminal }: Context, notes: readonly Note[]): void {
  for (const { key, text } of notes) terminal.warn(printable(`note: ${key}: ${text}`));
}
