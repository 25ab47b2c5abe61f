import type { Note, Rendering } from '../../../domain/vm/exchange.ts';
import { EXPORT_DEFAULTS, type ExportFormat, type ExportSettings } from '../../../domain/vm/format.ts';
import { decideMachine } from '../../../domain/vm/machine.ts';
import { WORKLOADS_FOLDER } from '../../../domain/vm/statefiles.ts';
import type { AccelPolicy, WorkloadFacts } from '../../../domain/workload/facts.ts';
import { judgeOnNode, type WellFormed } from '../../../domain/workload/judge.ts';
import { written } from '../../../domain/workload/on-node.ts';
import type { ParsedWorkload } from '../../../domain/workload/parse.ts';
import { problemIn, type WorkloadProblem, workloadError } from '../../../domain/workload/problem.ts';
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
export function rendered(
  parsed: ParsedWorkload,
  format: ExportFormat,
  { accel, facts }: Node,
  settings: Partial<ExportSettings> = {},
): Rendering {
  const workload = judged(parsed, { accel, facts });
  const refused = refusedBy(format, { ...parsed, workload });
  if (refused.length > 0) throw workloadError(parsed.file, refused);
  const folder = `${WORKLOADS_FOLDER}/${workload.uuid}`;
  const machine = decideMachine(workload, facts, { accel, folder, at: path => path, sha256, sha1 });
  return format.render(machine, { ...EXPORT_DEFAULTS, ...settings, sha1 });
}

/** What stands against the format by itself. */
function refusedBy({ refuse }: ExportFormat, parsed: WellFormed): WorkloadProblem[] {
  const refusals = refuse?.(parsed.workload) ?? [];
  return refusals.map(({ expected, key }) =>
    problemIn(parsed.file, { ...written(parsed, key, ''), code: 'NOT_SUPPORTED', expected }),
  );
}

function judged(parsed: ParsedWorkload, { accel, facts }: Node): Workload {
  const { file, problems, workload } = parsed;
  if (!workload) throw workloadError(file, problems);
  const onNode = judgeOnNode({ ...parsed, workload }, facts, accel);
  if (onNode.length > 0) throw workloadError(file, onNode);
  return workload;
}

/** As it goes to standard output: commands in one line each for a shell, a file as it is. */
export function textOf(rendering: Rendering): string {
  if ('text' in rendering) return rendering.text;
  const commands = 'argv' in rendering ? [rendering.argv] : rendering.commands;
  return commands.map(([program = '', ...words]) => `${commandLine(program, words)}\n`).join('');
}

/** What a format does not carry, and what had to be assumed. */
export function warnOf({ terminal }: Context, notes: readonly Note[]): void {
  for (const { key, text } of notes) terminal.warn(printable(`note: ${key}: ${text}`));
}
