import type { WorkloadView } from '../../../api/workloads.ts';
import type { Context } from '../../context.ts';
import { printable } from '../../output/table.ts';
import { workloadTable } from '../../output/workload.ts';
import { findPlace } from '../host/hosts.ts';
import { listNodes } from '../node.ts';
import { choose, listWorkloads } from './choose.ts';

export interface ListOptions {
  /** Names, uuids, patterns; none: all. */
  readonly workloads: readonly string[];
  /** Only those on this node: machine id, name or MAC; or on this libvirt host: id or name. */
  readonly node?: string | undefined;
  /** Only the names, a line each. */
  readonly names: boolean;
}

/** `mesh workload list`. */
export async function workloadList(context: Context, options: ListOptions): Promise<number> {
  const { terminal } = context;
  const workloads = await wanted(context, options);
  if (context.json) terminal.json({ workloads });
  else if (options.names) for (const { name } of workloads) terminal.print(printable(name));
  else if (workloads.length > 0) terminal.print(workloadTable(context, workloads));
  else if (options.node !== undefined) terminal.print(`No workload is on ${options.node}.`);
  else terminal.print('There is no workload yet: put NAME.conf into /var/pxen/monoliths.');
  return 0;
}

/** All of them, unless some are named, on one node. */
export async function wanted(
  context: Context,
  { node, workloads: words }: Pick<ListOptions, 'node' | 'workloads'>,
): Promise<readonly WorkloadView[]> {
  const known = await listWorkloads(context);
  const chosen = words.length === 0 ? known : choose(known, words).workloads;
  if (node === undefined) return chosen;
  const { id } = await findPlace(context, await listNodes(context), node);
  return chosen.filter(view => view.node === id);
}
