import { decideMachine } from '../../../domain/vm/machine.ts';
import { qemuArgv } from '../../../domain/vm/qemu/argv.ts';
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
import { type Input, readFacts, readWorkloads } from './input.ts';

export interface RenderOptions {
  /** A JSON file of what a node would report; a fact that is not known stands against nothing. */
  readonly facts?: string | undefined;
  /** Whether virtual machines may do without KVM on that node. */
  readonly accel?: AccelPolicy | undefined;
}

/**
 * `mesh workload render FILE`, without any pxend: the command that a node would start, in one line for a shell. Throws
 * WORKLOAD_INVALID with every problem of the file.
 */
export async function workloadRender(
  { json, terminal }: Context,
  file: string,
  { facts, accel = 'kvm' }: RenderOptions,
  input: Input = process.stdin,
): Promise<number> {
  const node = facts === undefined ? {} : await readFacts(facts, input);
  for (const parsed of await readWorkloads([file], input)) {
    const argv = argvOn(node, judged(parsed, node, accel), accel);
    if (json) terminal.json({ argv });
    else terminal.print(shellLine(argv));
  }
  return 0;
}

function judged(parsed: ParsedWorkload, facts: WorkloadFacts, accel: AccelPolicy): Workload {
  const { file, problems, workload } = parsed;
  if (!workload) throw workloadError(file, problems);
  const onNode = judgeOnNode({ ...parsed, workload }, facts, accel);
  if (onNode.length > 0) throw workloadError(file, onNode);
  return workload;
}

function argvOn(facts: WorkloadFacts, workload: Workload, accel: AccelPolicy): string[] {
  const folder = `${WORKLOADS_FOLDER}/${workload.uuid}`;
  return qemuArgv(decideMachine(workload, facts, { accel, folder, at: path => path, sha256, sha1 }));
}

function shellLine([program = '', ...words]: readonly string[]): string {
  return commandLine(program, words);
}
