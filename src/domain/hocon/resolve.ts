import type { Diagnostic } from '../../base/diagnostic.ts';
import {
  type Appended,
  type Branch,
  isScalar,
  type Joined,
  type Layer,
  type ListLayer,
  type Reference,
} from './layers.ts';
import { joinedPath } from './path.ts';
import { type HoconObject, type HoconScalar, type HoconValue, indexed } from './tree.ts';

/** A value down to its first level: what it is, not yet what is in it. So a value can refer to its own neighbours. */
type Head = HoconScalar | ListLayer | Branches;

/** Objects that are merged, the last one on top. */
interface Branches {
  readonly kind: 'branches';
  readonly branches: readonly Branch[];
}

/** Substitutions can double a value at every step: a document is refused before it fills the memory or the stack. */
const MOST_WORK = 1_000_000;
const MOST_DEPTH = 200;

export interface Resolved {
  readonly root: HoconObject;
  readonly problems: readonly Diagnostic[];
}

/** All substitutions of a document replaced by their values (HOCON, "Substitutions"). */
export function resolveDocument(root: Branch): Resolved {
  const resolver = new Resolver(root);
  const value = resolver.object({ kind: 'branches', branches: [root] });
  return { root: value, problems: resolver.problems };
}

class Resolver {
  readonly problems: Diagnostic[] = [];
  readonly #root: Branches;
  /** The layers whose heads are being found: who comes back to one looks below it (HOCON, "Self-Referential Substitutions"). */
  readonly #busy = new Set<Layer>();
  readonly #known = new Map<Layer, Head | undefined>();
  readonly #path: string[] = [];
  /** The definitions on the way to the value that is being made: it must not contain itself. */
  readonly #inside: (readonly Layer[])[] = [];
  readonly #told = new Set<Layer>();
  #spent = false;
  #looksBelow = 0;
  #work = 0;

  constructor(root: Branch) {
    this.#root = { kind: 'branches', branches: [root] };
  }

  object({ branches }: Branches): HoconObject {
    const keys = new Set(branches.flatMap(branch => [...branch.slots.keys()]));
    const fields = new Map<string, HoconValue>();
    for (const key of keys) {
      this.#path.push(key);
      const value = this.#value(layersOf(branches, key));
      this.#path.pop();
      if (value) fields.set(key, value);
    }
    return { kind: 'object', fields, origin: (branches.at(-1) ?? branches[0] ?? ROOT).origin };
  }

  #value(layers: readonly Layer[]): HoconValue | undefined {
    const top = layers.at(-1);
    if (!top || !this.#mayWork(top)) return undefined;
    if (isScalar(top)) return top;
    if (this.#inside.some(outer => sameLayers(outer, layers))) {
      this.#tell(top, 'a value that contains itself', 'one that ends');
      return undefined;
    }
    this.#inside.push(layers);
    const head = this.#head(layers, layers.length);
    const value = head && this.#whole(head);
    this.#inside.pop();
    return value;
  }

  #whole(head: Head): HoconValue {
    if (head.kind === 'branches') return this.object(head);
    if (head.kind !== 'list') return head;
    const items = head.items.flatMap((item, index) => {
      this.#path.push(String(index));
      const value = this.#value([item]);
      this.#path.pop();
      return value ?? [];
    });
    return { kind: 'list', items, origin: head.origin };
  }

  /** Of the first `count` layers. Objects are merged with what is below them until something else is. */
  #head(layers: readonly Layer[], count: number): Head | undefined {
    let branches: readonly Branch[] = [];
    for (let at = count - 1; at >= 0; at--) {
      const layer = layers[at];
      const head = layer && this.#headOf(layer, layers, at);
      if (head?.kind === 'branches') branches = this.#merged([head, { kind: 'branches', branches }]);
      else if (head) return branches.length > 0 ? { kind: 'branches', branches } : head;
    }
    return branches.length > 0 ? { kind: 'branches', branches } : undefined;
  }

  #headOf(layer: Layer, layers: readonly Layer[], at: number): Head | undefined {
    switch (layer.kind) {
      case 'branch':
        return { kind: 'branches', branches: [layer] };
      case 'appended':
        return this.#once(layer, () => this.#append(layer, layers, at));
      case 'reference':
        return this.#once(layer, () => this.#lookUp(layer));
      case 'joined':
        return this.#once(layer, () => this.#join(layer, layers, at));
      default:
        return layer;
    }
  }

  /** What was found without looking below anything that is being resolved is the same for everyone. */
  #once(layer: Layer, find: () => Head | undefined): Head | undefined {
    if (this.#known.has(layer)) return this.#known.get(layer);
    if (!this.#mayWork(layer)) return undefined;
    const before = this.#looksBelow;
    this.#busy.add(layer);
    const head = find();
    this.#busy.delete(layer);
    if (this.#looksBelow === before) this.#known.set(layer, head);
    return head;
  }

  #lookUp(reference: Reference): Head | undefined {
    const before = this.#looksBelow;
    const problems = this.problems.length;
    for (const path of reference.paths) {
      const head = this.#at(path);
      if (head) return head;
    }
    if (reference.optional || this.problems.length > problems) return undefined;
    const name = `\${${joinedPath(reference.paths.at(-1) ?? [])}}`;
    if (this.#looksBelow === before) this.#tell(reference, name, 'the path of a value of this document');
    else
      this.#tell(reference, `${name}, which leads back to itself`, 'a value that does not depend on itself');
    return undefined;
  }

  #at(path: readonly string[]): Head | undefined {
    let head: Head | undefined = this.#root;
    for (const key of path) {
      if (head?.kind !== 'branches') return undefined;
      const layers = layersOf(head.branches, key);
      const busy = layers.findIndex(layer => this.#busy.has(layer));
      if (busy >= 0) this.#looksBelow++;
      head = this.#head(layers, busy < 0 ? layers.length : busy);
    }
    return head;
  }

  #append(appended: Appended, layers: readonly Layer[], at: number): Head | undefined {
    this.#looksBelow++;
    const below = this.#head(layers, at);
    const before = below ? itemsOf(below) : [];
    if (before) return { ...appended, kind: 'list', items: [...this.#counted(before), ...appended.items] };
    this.#tell(appended, '+=', 'a list to add to');
    return undefined;
  }

  #join(joined: Joined, layers: readonly Layer[], at: number): Head | undefined {
    const parts = joined.parts.map(part => (part.kind === 'space' ? part : this.#headOf(part, layers, at)));
    const values = parts.filter(part => part !== undefined && part.kind !== 'space');
    const [first] = values;
    if (!first || parts.filter(part => part !== undefined).length === 1) return first;
    const objects = values.filter(value => value.kind === 'branches');
    if (objects.length === values.length) return { kind: 'branches', branches: this.#merged(objects) };
    if (values.some(value => value.kind === 'list')) {
      const lists = values.map(itemsOf);
      if (lists.every(list => list !== undefined))
        return { kind: 'list', items: lists.flatMap(list => this.#counted(list)), origin: joined.origin };
    } else if (objects.length === 0) {
      const text = this.#counted(parts.map(part => (part && 'text' in part ? part.text : ''))).join('');
      this.#work += text.length / 16;
      return { kind: 'string', text, origin: joined.origin };
    }
    this.#tell(joined, values.map(nameOf).join(' beside '), 'values of one kind beside each other');
    return undefined;
  }

  /** An object that is merged with itself (`a = ${a}`) stays what it is: only its last place counts. */
  #merged(objects: readonly Branches[]): readonly Branch[] {
    const all = this.#counted(objects.flatMap(object => object.branches));
    return all.length < 2 ? all : [...new Set(all.toReversed())].toReversed();
  }

  #counted<T>(list: readonly T[]): readonly T[] {
    this.#work += list.length;
    return list;
  }

  /** False once the document has turned out to be without measure. */
  #mayWork(layer: Layer): boolean {
    this.#work++;
    const deep = this.#inside.length + this.#busy.size > MOST_DEPTH;
    if (this.#work <= MOST_WORK && !deep) return !this.#spent;
    this.#tell(layer, deep ? 'a value too deep' : 'a value too large', BOUNDS);
    this.#spent = true;
    return false;
  }

  #tell(layer: Layer, got: string, expected: string): void {
    if (this.#spent || this.#told.has(layer)) return;
    this.#told.add(layer);
    const key = 'key' in layer ? layer.key : joinedPath(this.#path);
    this.problems.push({ ...layer.origin, key, got, expected });
  }
}

const BOUNDS = `at most ${MOST_WORK} values, ${MOST_DEPTH} levels deep`;
const ROOT = { origin: { file: '', line: 1 } };

function layersOf(branches: readonly Branch[], key: string): readonly Layer[] {
  const [only, another] = branches;
  if (only && !another) return only.slots.get(key) ?? [];
  return branches.flatMap(branch => branch.slots.get(key) ?? []);
}

function sameLayers(a: readonly Layer[], b: readonly Layer[]): boolean {
  return a.length === b.length && a.every((layer, i) => layer === b[i]);
}

/** A list, or an object that stands for one, as a list. */
function itemsOf(head: Head): readonly Layer[] | undefined {
  if (head.kind === 'list') return head.items;
  if (head.kind !== 'branches') return undefined;
  const slots = new Map(head.branches.flatMap(branch => [...branch.slots]));
  return indexed(slots)?.flatMap(layers => layers.at(-1) ?? []);
}

function nameOf(head: Head): string {
  if (head.kind === 'branches') return 'an object';
  return head.kind === 'list' ? 'a list' : JSON.stringify(head.text);
}
