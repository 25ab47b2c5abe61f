import type { Context } from '../../context.ts';
import { workloadInFull } from '../../output/workload.ts';
import { listHosts } from '../host/hosts.ts';
import { listNodes } from '../node.ts';
import { type ListOptions, wanted } from './list.ts';

/** `mesh workload status`: everything that is known of workloads, a block each. */
export async function workloadStatus(context: Context, options: Omit<ListOptions, 'names'>): Promise<number> {
  const { terminal } = context;
  const workloads = await wanted(context, options);
  if (context.json) {
    terminal.json({ workloads });
    return 0;
  }
  const [nodes, hosts] = await Promise.all([listNodes(context), listHosts(context)]);
  const blocks = workloads.map(view =>
    workloadInFull(context, view, {
      address: nodes.find(node => node.id === view.node)?.address,
      translation: hosts.find(host => host.name === view.host)?.translation,
    }),
  );
  if (blocks.length > 0) terminal.print(blocks.join('\n\n'));
  else
    terminal.print(
      options.node === undefined ? 'There is no workload yet.' : `No workload is on ${options.node}.`,
    );
  return 0;
}
