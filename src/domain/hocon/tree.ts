/** Where a value was written. */
export interface Origin {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
}

/** A whole HOCON document: includes read, objects merged, substitutions resolved. Every value knows its line. */
export type HoconValue = HoconObject | HoconList | HoconScalar;

export interface HoconObject {
  readonly kind: 'object';
  readonly fields: ReadonlyMap<string, HoconValue>;
  readonly origin: Origin;
}

export interface HoconList {
  readonly kind: 'list';
  readonly items: readonly HoconValue[];
  readonly origin: Origin;
}

export interface HoconScalar {
  readonly kind: 'string' | 'number' | 'boolean' | 'null';
  /** As written, without quotes: `1e5`, `true`, `16 GiB`. */
  readonly text: string;
  readonly origin: Origin;
}

/** The value at a path, such as `pxen`, `vm`; undefined where nothing or no object is on the way. */
export function valueAt(root: HoconObject, path: readonly string[]): HoconValue | undefined {
  let value: HoconValue | undefined = root;
  for (const key of path) value = value?.kind === 'object' ? value.fields.get(key) : undefined;
  return value;
}

/**
 * The values of an object whose keys are whole numbers, in their order; undefined when it has no such key (HOCON,
 * "Conversion of numerically-indexed objects to arrays": `devices.0 = ...` writes a list key by key).
 */
export function indexed<T>(fields: ReadonlyMap<string, T>): readonly T[] | undefined {
  const numbered = [...fields].filter(([key]) => /^\d{1,9}$/.test(key));
  if (numbered.length === 0) return undefined;
  return numbered.sort(([a], [b]) => Number(a) - Number(b)).map(([, value]) => value);
}
