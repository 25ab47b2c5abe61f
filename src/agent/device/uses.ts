import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Tree } from '../tree.ts';

const NET = '/sys/class/net';
const BLOCK = '/sys/block';

/** What the node itself does with a PCI device, each in a few words: its network and its disks would be gone with it. */
export function usesOf(address: string, root: string, tree: Tree): string[] {
  const routed = routedInterfaces(tree.text('/proc/net/route') ?? '');
  const mounted = mountedDevices(tree.text('/proc/mounts') ?? '');
  const behind = (path: string): boolean => isBehind(join(root, path), address);
  return [
    ...tree
      .list(NET)
      .filter(name => behind(`${NET}/${name}`))
      .flatMap(name => networkUse(name, tree, routed)),
    ...tree
      .list(BLOCK)
      .filter(name => behind(`${BLOCK}/${name}`))
      .flatMap(name => diskUse(name, mounted)),
  ];
}

/** Links of sysfs lead through all devices that something hangs on. */
function isBehind(path: string, address: string): boolean {
  try {
    return realpathSync(path).split('/').includes(address);
  } catch {
    return false;
  }
}

function networkUse(name: string, tree: Tree, routed: ReadonlySet<string>): string[] {
  const master = tree.link(`${NET}/${name}/master`);
  if (master !== undefined) return [`${name} is in ${master}`];
  return routed.has(name) ? [`${name} has an address of the node`] : [];
}

function diskUse(name: string, mounted: readonly string[]): string[] {
  const used = mounted.find(device => device === name || new RegExp(`^${name}p?\\d+$`).test(device));
  return used === undefined ? [] : [`/dev/${used} is mounted`];
}

/** First column of /proc/net/route, without its heading: an address brings a route with it. */
function routedInterfaces(table: string): ReadonlySet<string> {
  const lines = table.split('\n').slice(1);
  return new Set(lines.map(line => line.split('\t')[0] ?? ''));
}

function mountedDevices(table: string): string[] {
  return table.split('\n').flatMap(line => /^\/dev\/(\S+) /.exec(line)?.[1] ?? []);
}
