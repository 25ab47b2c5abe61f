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

/** What shared layers bring, worked out once for all machines that are built together. */
export type WholeMembers = WeakMap<
  Layer,
  { readonly brought: readonly OverlayEntry[]; member: Member | undefined }
>;

/**
 * Splits a planned tree into members that are unpacked one after the other, later entries overriding earlier ones, and
 * give exactly that tree. Each shared layer gets a member with what its O, L and D lines bring, as far as the tree has
 * that path with that type, so nothing has to disappear again; the last member holds what is then still wrong or
 * missing. A shared member depends on little more than its layer and is compressed once for many machines.
 */
export function splitMembers(
  layers: readonly Layer[],
  tree: readonly OverlayEntry[],
  whole: WholeMembers = new WeakMap(),
): Member[] {
  const planned = new Map(tree.map(entry => [entry.path, entry]));
  const shared = layers
    .filter(layer => layer.shared)
    .map(layer => sharedMember(layer, planned, whole))
    .filter(member => member.entries.length > 0);
  const unpacked = new Map(shared.flatMap(member => member.entries).map(entry => [entry.path, entry]));
  const rest = tree.filter(entry => !arrived(entry, unpacked.get(entry.path)));
  return [...shared, { name: layers.at(-1)?.name ?? 'overlay', entries: rest, last: true }];
}

function arrived(wanted: OverlayEntry, unpacked: OverlayEntry | undefined): boolean {
  return unpacked !== undefined && sameOnNode(wanted, unpacked);
}

/** Most machines have all that a layer brings: for them its member is one and the same value. */
function sharedMember(layer: Layer, planned: ReadonlyMap<string, OverlayEntry>, whole: WholeMembers): Member {
  const all = whole.get(layer) ?? { brought: broughtBy(layer), member: undefined };
  whole.set(layer, all);
  const lasting = all.brought.filter(entry => planned.get(entry.path)?.type === entry.type);
  if (lasting.length < all.brought.length) return memberOf(layer, lasting);
  all.member ??= memberOf(layer, lasting);
  return all.member;
}

function memberOf(layer: Layer, entries: readonly OverlayEntry[]): Member {
  return {
    name: layer.name,
    entries: [...entries, ...undeclaredParents(entries)].sort(byPath),
    last: false,
  };
}

/** What the O, L and D lines of a layer say, the last line for each path and type. */
function broughtBy(layer: Layer): OverlayEntry[] {
  const brought = new Map<string, OverlayEntry>();
  for (const item of layer.items) {
    if (item.action === 'A' || item.action === 'R') continue;
    const entry = entryOf(item);
    brought.set(`${entry.type} ${entry.path}`, entry);
  }
  return [...brought.values()];
}
