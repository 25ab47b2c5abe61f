import type { Context } from '../../context.ts';
import { hostInFull, hostTable } from '../../output/host.ts';
import { printable } from '../../output/table.ts';
import { findHost, listHosts } from './hosts.ts';

/** `mesh host list`: every host with what is on it, what it has and what it costs now. */
export async function hostList(context: Context, { names }: { readonly names: boolean }): Promise<number> {
  const { json, terminal } = context;
  const hosts = await listHosts(context);
  if (json) terminal.json({ hosts });
  else if (names) for (const { name } of hosts) terminal.print(printable(name));
  else if (hosts.length > 0) terminal.print(hostTable(context, hosts));
  else
    terminal.print(
      'There is no host yet: a node becomes one with its first report; for libvirt see mesh host add --help.',
    );
  return 0;
}

/** `mesh host info NAME`: one host in full. */
export async function hostInfo(context: Context, name: string): Promise<number> {
  const host = findHost(await listHosts(context), name);
  if (context.json) context.terminal.json(host);
  else context.terminal.print(hostInFull(host));
  return 0;
}
