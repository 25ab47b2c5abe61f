import { EXPORT_FORMATS, formatOf } from '../../../domain/vm/formats.ts';
import type { AccelPolicy } from '../../../domain/workload/facts.ts';
import { workloadError } from '../../../domain/workload/problem.ts';
import type { Context } from '../../context.ts';
import { type Input, readFacts, readWorkloads } from './input.ts';
import { rendered, textOf } from './rendering.ts';

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
  const node = { facts: facts === undefined ? {} : await readFacts(facts, input), accel };
  for (const parsed of await readWorkloads([file], input)) {
    const { problems, workload } = parsed;
    if (!workload) throw workloadError(parsed.file, problems);
    const rendering = rendered(parsed, EXPORT_FORMATS[formatOf(workload.engine)], node);
    const { notes: _notes, ...command } = rendering;
    if (json) terminal.json(command);
    else terminal.write('stdout', textOf(rendering));
  }
  return 0;
}
