import { EXPORT_FORMATS, type ExportName } from '../../../domain/vm/formats.ts';
import type { AccelPolicy } from '../../../domain/workload/facts.ts';
import type { Context } from '../../context.ts';
import { type Input, readFacts, readWorkloads } from './input.ts';
import { rendered, textOf, warnOf } from './rendering.ts';

export interface ExportOptions {
  readonly format: ExportName;
  /** A JSON file of what a node would report; a fact that is not known stands against nothing. */
  readonly facts?: string | undefined;
  /** Whether virtual machines may do without KVM on that node. */
  readonly accel?: AccelPolicy | undefined;
  /** Where minimega has its files at run time, and in which namespace (FW-24). */
  readonly base?: string | undefined;
  readonly namespace?: string | undefined;
}

/**
 * `mesh workload export FILE --format F`, without any pxend: the workload as another program wants it, on standard
 * output; what that does not carry on standard error. Throws WORKLOAD_INVALID with every problem of the file.
 */
export async function workloadExport(
  context: Context,
  file: string,
  { accel = 'kvm', base, facts, format, namespace }: ExportOptions,
  input: Input = process.stdin,
): Promise<number> {
  const node = { facts: facts === undefined ? {} : await readFacts(facts, input), accel };
  const { json, terminal } = context;
  const settings = {
    ...(base === undefined ? {} : { base }),
    ...(namespace === undefined ? {} : { namespace }),
  };
  const target = EXPORT_FORMATS[format];
  for (const parsed of await readWorkloads([file], input, target.engine)) {
    const rendering = rendered(parsed, target, node, settings);
    if (json) terminal.json({ format, ...rendering });
    else {
      terminal.write('stdout', textOf(rendering));
      warnOf(context, rendering.notes);
    }
  }
  return 0;
}
