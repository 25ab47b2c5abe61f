import { byPath, entryOf, type OverlayEntry, sameOnNode, undeclaredParents } from './entry.ts';
import type { Layer } from './layer.ts';

/** One gzip member of an overlay. */
export interface Member {
  /** The layer it comes from; the last one holds what belongs to this machine. */
  readonly name: string;
  /** In path order. */
  readonly entries: readonly OverlayEntry[];
  /** The last member ends the archive; tar would stop reading at an earlier end. */
  readonly last: boolean;
}

/**
 * Splits a planned tree into members that are unpacked one after the other, later entries overriding earlier ones, and
 * give exactly that tree. Each shared layer gets a member with what its O, L and D lines bring, as far as the tree has
 * that path with that type, so nothing has to disappear again; the last member holds what is then still wrong or
 * missing. A shared member depends on little more than its layer and is compressed once for many machines.
 */
export function splitMembers(layers: readonly Layer[], tree: readonly OverlayEntry[]): Member[] {
  const planned = new Map(tree.map(entry => [entry.path, entry]));
  const shared = layers
    .filter(layer => layer.shared)
    .map(layer => ({ name: layer.name, entries: lastingEntries(layer, planned), last: false }))
    .filter(member => member.entries.length > 0);
  const unpacked = new Map(shared.flatMap(member => member.entries).map(entry => [entry.path, entry]));
  const rest = tree.filter(entry => !arrived(entry, unpacked.get(entry.path)));
  return [...shared, { name: layers.at(-1)?.name ?? 'overlay', entries: rest, last: true }];
}

function arrived(wanted: OverlayEntry, unpacked: OverlayEntry | undefined): boolean {
  return unpacked !== undefined && sameOnNode(wanted, unpacked);
}

function lastingEntries(layer: Layer, planned: ReadonlyMap<string, OverlayEntry>): OverlayEntry[] {
  const own = new Map<string, OverlayEntry>();
  for (const item of layer.items) {
    if (item.action === 'A' || item.action === 'R') continue;
    const entry = entryOf(item);
    if (planned.get(entry.path)?.type === entry.type) own.set(entry.path, entry);
  }
  const entries = [...own.values()];
  return [...entries, ...undeclaredParents(entries)].sort(byPath);
}
