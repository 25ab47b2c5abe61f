import type { HoconScalar, Origin } from './tree.ts';

/**
 * A document with its includes in place, but with substitutions unresolved. A key keeps its definitions as layers, the
 * last on top: one that is an object is merged with what is below, and `${...}` may have to look below itself.
 */
export type Layer = Branch | HoconScalar | ListLayer | Reference | Joined | Appended;

export interface Branch {
  readonly kind: 'branch';
  readonly slots: Map<string, Layer[]>;
  readonly origin: Origin;
}

export interface ListLayer {
  readonly kind: 'list';
  readonly items: Layer[];
  readonly origin: Origin;
}

/** A substitution, with the absolute paths where its value may be, best first. */
export interface Reference {
  readonly kind: 'reference';
  /** What it stands in, for problems. */
  readonly key: string;
  readonly paths: readonly (readonly string[])[];
  readonly optional: boolean;
  readonly origin: Origin;
}

export interface Joined {
  readonly kind: 'joined';
  readonly key: string;
  readonly parts: readonly (Layer | { readonly kind: 'space'; readonly text: string })[];
  readonly origin: Origin;
}

/** Items that `+=` adds to the list below, if there is one (HOCON, "The += field separator"). */
export interface Appended {
  readonly kind: 'appended';
  readonly key: string;
  readonly items: Layer[];
  readonly origin: Origin;
}

export function emptyBranch(origin: Origin): Branch {
  return { kind: 'branch', slots: new Map(), origin };
}

/** Puts a further definition of a key on top; of those that no value can come through, none is kept. */
export function define(branch: Branch, key: string, layer: Layer): void {
  const layers = branch.slots.get(key);
  const top = layers?.at(-1);
  if (top?.kind === 'branch' && layer.kind === 'branch') merge(top, layer);
  else if (top && layers && layer.kind === 'appended' && (top.kind === 'list' || top.kind === 'appended'))
    top.items.push(...layer.items);
  else if (!layers || layer.kind === 'list' || isScalar(layer)) branch.slots.set(key, [layer]);
  else layers.push(layer);
}

/** HOCON, "Duplicate keys and object merging": what the second object says, it says later. */
export function merge(into: Branch, from: Branch): void {
  for (const [key, layers] of from.slots) for (const layer of layers) define(into, key, layer);
}

export function isScalar(layer: Layer): layer is HoconScalar {
  return 'text' in layer;
}
