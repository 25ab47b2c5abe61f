import { type Diagnostic, nearest, quote } from '../../base/diagnostic.ts';
import { joinedPath } from './path.ts';
import { type HoconList, type HoconObject, type HoconValue, indexed } from './tree.ts';
import type { ValueType } from './values.ts';

/**
 * Reads the fields of one object and notes every problem with its file, line and path. Whoever reads says which keys
 * there are by asking for them; `refuseOthers` then finds the mistyped ones.
 */
export class Fields {
  readonly path: readonly string[];
  readonly object: HoconObject;
  readonly #problems: Diagnostic[];
  readonly #known = new Set<string>();

  constructor(object: HoconObject, path: readonly string[], problems: Diagnostic[]) {
    this.object = object;
    this.path = path;
    this.#problems = problems;
  }

  /** What stands under a key; `null` is as good as nothing. */
  value(key: string): HoconValue | undefined {
    this.#known.add(key);
    const value = this.object.fields.get(key);
    return value?.kind === 'null' ? undefined : value;
  }

  /** Undefined when nothing stands there, or nothing of the type: that is a problem then. */
  optional<T>(key: string, type: ValueType<T>): T | undefined {
    const value = this.value(key);
    if (!value) return undefined;
    const read = type.read(value);
    if (read === undefined) this.wrong(key, type.expected);
    return read;
  }

  /** As `optional`, and a missing key is a problem too. */
  required<T>(key: string, type: ValueType<T>): T | undefined {
    if (!this.value(key)) this.missing(key, type.expected);
    return this.optional(key, type);
  }

  /** The fields of an object under a key. */
  section(key: string): Fields | undefined {
    const value = this.value(key);
    if (value === undefined || value.kind === 'object')
      return value && new Fields(value, [...this.path, key], this.#problems);
    this.wrong(key, 'an object: { ... }');
    return undefined;
  }

  /** The fields of every object in an object of objects, by their keys. */
  sections(key: string): readonly (readonly [string, Fields])[] {
    const section = this.section(key);
    if (!section) return [];
    return [...section.object.fields.keys()].flatMap(id => {
      const fields = section.section(id);
      return fields ? [[id, fields] as const] : [];
    });
  }

  /** The fields of every object in a list of objects. */
  items(key: string): readonly Fields[] {
    const list = this.#list(key);
    if (!list) return [];
    return list.items.flatMap((item, index) => {
      const path = [...this.path, key, String(index)];
      if (item.kind === 'object') return new Fields(item, path, this.#problems);
      this.#problem(path, item, gotOf(item), 'an object: { ... }');
      return [];
    });
  }

  /** Every value of a list that is of a type. */
  list<T>(key: string, type: ValueType<T>): readonly T[] {
    return (this.#list(key)?.items ?? []).flatMap((item, index) => {
      const read = type.read(item);
      if (read === undefined)
        this.#problem([...this.path, key, String(index)], item, gotOf(item), type.expected);
      return read ?? [];
    });
  }

  /** Every value of an object whose keys are free, such as `{ nvidia-gpu: 1 }`. */
  map<T>(key: string, type: ValueType<T>): ReadonlyMap<string, T> {
    const section = this.section(key);
    const entries = [...(section?.object.fields.keys() ?? [])].flatMap(word => {
      const read = section?.optional(word, type);
      return read === undefined ? [] : [[word, read] as const];
    });
    return new Map(entries);
  }

  /** A list under a key, also one written key by key: `devices.0 = ...`. */
  #list(key: string): HoconList | undefined {
    const value = this.value(key);
    if (!value || value.kind === 'list') return value;
    const items = value.kind === 'object' ? indexed(value.fields) : undefined;
    if (items) return { kind: 'list', items, origin: value.origin };
    this.wrong(key, 'a list: [ ... ]');
    return undefined;
  }

  /** What stands under a key is not what it should be; `got` where its own text does not say it. */
  wrong(key: string, expected: string, got?: string): void {
    const value = this.object.fields.get(key) ?? this.object;
    this.#problem([...this.path, key], value, got ?? gotOf(value), expected);
  }

  missing(key: string, expected: string): void {
    this.#problem([...this.path, key], this.object, undefined, expected);
  }

  /** Keys that nobody asked for, with the nearest that somebody did. */
  refuseOthers(): void {
    const known = [...this.#known];
    for (const [key, value] of this.object.fields) {
      if (this.#known.has(key)) continue;
      const near = nearest(key, known);
      const expected =
        near === undefined ? `one of ${known.join(', ')}` : `a known key; did you mean ${near}?`;
      this.#problem([...this.path, key], value, 'an unknown key', expected);
    }
  }

  #problem(path: readonly string[], value: HoconValue, got: string | undefined, expected: string): void {
    const { file, line } = value.origin;
    const key = joinedPath(path);
    this.#problems.push({ file, line, key, expected, ...(got === undefined ? {} : { got }) });
  }
}

function gotOf(value: HoconValue): string {
  if (value.kind === 'object') return 'an object';
  if (value.kind === 'list') return 'a list';
  return value.kind === 'string' ? quote(value.text) : value.text;
}
