import type { NodeSummary } from '../../../api/nodes.ts';
import { hostPath, PATHS } from '../../../api/paths.ts';
import { type HostChange, type HostView, hostListSchema, hostViewSchema } from '../../../api/placement.ts';
import { nearest } from '../../../base/diagnostic.ts';
import { PxenError } from '../../../base/error.ts';
import { type Context, control, unwrap } from '../../context.ts';
import { matching } from '../node.ts';

export async function listHosts(context: Context): Promise<readonly HostView[]> {
  return unwrap(await control(context).get(PATHS.hosts), hostListSchema).hosts;
}

/** By name or id. Throws NOT_FOUND with the nearest name. */
export function findHost(hosts: readonly HostView[], name: string): HostView {
  const found = matchingHost(hosts, name);
  if (found) return found;
  throw unknown(
    'host',
    name,
    hosts.map(host => host.name),
    'mesh host list',
  );
}

export async function changeHost(context: Context, name: string, change: HostChange): Promise<HostView> {
  return unwrap(await control(context).put(hostPath(name), change), hostViewSchema);
}

/** Where `-n` points: a node, or a host that libvirt controls. */
export type Place = Pick<NodeSummary, 'id' | 'name'>;

/** What `-n` means: a node by id, name or one of its cards, or a libvirt host by id or name. Throws NOT_FOUND. */
export async function findPlace(
  context: Context,
  nodes: readonly NodeSummary[],
  name: string,
): Promise<Place> {
  const node = matching(nodes, name);
  if (node) return node;
  const hosts = await listHosts(context);
  const host = matchingHost(hosts, name);
  if (host) return host;
  const known = [...nodes, ...hosts].flatMap(place => [place.id, place.name ?? place.id]);
  throw unknown('node', name, [...new Set(known)], 'mesh node info');
}

function matchingHost(hosts: readonly HostView[], name: string): HostView | undefined {
  return hosts.find(host => host.name === name) ?? hosts.find(host => host.id === name.toLowerCase());
}

function unknown(what: string, name: string, known: readonly string[], list: string): PxenError {
  const near = nearest(name, known);
  const hint = near === undefined ? `; ${list} lists all` : `; did you mean ${near}?`;
  return new PxenError('NOT_FOUND', `no ${what} ${name}${hint}`);
}
