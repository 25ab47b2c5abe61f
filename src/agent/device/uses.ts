import { realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Tree } from '../tree.ts';

const NET = '/sys/class/net';
const BLOCK = '/sys/block';

/** What the node itself does with a PCI device, each in a few words: its network and its disks would be gone with it. */
export function usesOf(address: string, root: string, tree: Tree): string[] {
  const addressed = addressedInterfaces(tree);
  const disks = disksInUse(tree);
  const behind = (path: string): boolean => isBehind(join(root, path), address);
  return [
    ...tree
      .list(NET)
      .filter(name => behind(`${NET}/${name}`))
      .flatMap(name => networkUse(name, tree, addressed)),
    ...tree
      .list(BLOCK)
      .filter(name => behind(`${BLOCK}/${name}`))
      .flatMap(name => partsOf(name, tree).flatMap(part => diskUse(part, tree, disks))),
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

function networkUse(name: string, tree: Tree, addressed: ReadonlySet<string>): string[] {
  const master = tree.link(`${NET}/${name}/master`);
  if (master !== undefined) return [`${name} is in ${master}`];
  return addressed.has(name) ? [`${name} has an address of the node`] : [];
}

/**
 * First column of /proc/net/route, without its heading: an IPv4 address brings a route with it. Of /proc/net/if_inet6 the
 * last one, where the scope is not that of the link (20): every interface that is up has an address of that scope.
 */
function addressedInterfaces(tree: Tree): ReadonlySet<string> {
  const routed = linesOf(tree, '/proc/net/route').slice(1);
  const inet6 = linesOf(tree, '/proc/net/if_inet6').map(line => line.trim().split(/ +/));
  return new Set([
    ...routed.map(line => line.split('\t')[0] ?? ''),
    ...inet6.flatMap(columns => (columns[3] === '20' ? [] : (columns.at(-1) ?? []))),
  ]);
}

/** What of the disks of the node is mounted, and what is swapped to. */
interface DisksInUse {
  /** As `253:0`. */
  readonly numbers: ReadonlySet<string>;
  readonly names: ReadonlySet<string>;
  readonly swaps: ReadonlySet<string>;
}

/** Of a file system with a number of its own (btrfs) the name of its disk tells, of one that was mounted by label the number. */
function disksInUse(tree: Tree): DisksInUse {
  const devices = (path: string): string[] =>
    linesOf(tree, path).flatMap(line => /^\/dev\/(\S+)/.exec(line)?.[1] ?? []);
  return {
    numbers: new Set(linesOf(tree, '/proc/self/mountinfo').map(line => line.split(' ')[2] ?? '')),
    names: new Set(devices('/proc/mounts')),
    swaps: new Set(devices('/proc/swaps')),
  };
}

/** A disk and its partitions, as paths below /sys/block. */
function partsOf(disk: string, tree: Tree): string[] {
  const partitions = tree.list(`${BLOCK}/${disk}`).filter(name => name.startsWith(disk));
  return [disk, ...partitions.map(name => `${disk}/${name}`)];
}

/** What builds on it (LVM, RAID, encryption) are its holders. */
function diskUse(part: string, tree: Tree, { names, numbers, swaps }: DisksInUse): string[] {
  const name = basename(part);
  if (names.has(name) || numbers.has(tree.text(`${BLOCK}/${part}/dev`) ?? '?'))
    return [`/dev/${name} is mounted`];
  if (swaps.has(name)) return [`the node swaps to /dev/${name}`];
  const holders = tree.list(`${BLOCK}/${part}/holders`);
  return holders.length === 0 ? [] : [`/dev/${name} is a part of ${holders.join(', ')}`];
}

function linesOf(tree: Tree, path: string): string[] {
  return (tree.text(path) ?? '').split('\n');
}
