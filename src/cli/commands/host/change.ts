import { hostPath } from '../../../api/paths.ts';
import { type HostChange, hostRemovedSchema } from '../../../api/placement.ts';
import { type Context, control, unwrap } from '../../context.ts';
import { hostInFull } from '../../output/host.ts';
import { printable } from '../../output/table.ts';
import { changeHost, findHost, listHosts } from './hosts.ts';

/** What is to be said of a host; null takes it away, absent leaves it as it is. */
export type HostWords = Omit<HostChange, 'expect'>;

/** `mesh host add NAME --uri URI --profile ID`: a host that libvirt controls; nodes are hosts by themselves. */
export async function hostAdd(context: Context, name: string, words: HostWords): Promise<number> {
  return changed(context, name, { expect: 'new', ...words });
}

/** `mesh host set`, `set-state` and `set-profile`: what is said counts from the next decision on. */
export async function hostSet(context: Context, given: string, words: HostWords): Promise<number> {
  const { name } = findHost(await listHosts(context), given);
  return changed(context, name, { expect: 'known', ...words });
}

async function changed(context: Context, name: string, change: HostChange): Promise<number> {
  const host = await changeHost(context, name, change);
  if (context.json) context.terminal.json(host);
  else context.terminal.print(hostInFull(host));
  return 0;
}

/** `mesh host remove NAME`: a libvirt host is gone then; of a node everything that an admin said of it. */
export async function hostRemove(context: Context, given: string): Promise<number> {
  const { name, uri } = findHost(await listHosts(context), given);
  const answer = unwrap(await control(context).delete(hostPath(name)), hostRemovedSchema);
  const what = uri === undefined ? 'nothing is said of it any more; a node stays a host' : 'removed';
  if (context.json) context.terminal.json(answer);
  else context.terminal.print(printable(`${answer.removed}: ${what}`));
  return 0;
}
