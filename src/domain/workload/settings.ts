import { quote } from '../../base/diagnostic.ts';
import { KEY_PATTERNS, KEYS, type Key, type KeyPattern, keyOf, type Part, type ValueOf } from './keys.ts';
import type { Line } from './lines.ts';
import { keyFault, type Located, locate, partOf } from './locate.ts';
import type { Fault } from './problem.ts';

/** A key that the file sets. */
export interface Setting extends Located {
  /** As written, with its id. */
  readonly key: string;
  readonly text: string;
  readonly line: number;
  /** Undefined when the text is no value of the key. */
  readonly value: unknown;
}

/** What can have several of its kind in one file, told apart by an `<id>`, `<n>`, `<arg>` or `<k>`. */
export type Family = KeyPattern extends infer P ? (P extends `${infer F}.<${string}` ? F : never) : never;

/** All known keys of a file with their values. */
export class Settings {
  /** In the order of the file. */
  readonly all: readonly Setting[];
  private readonly byKey: ReadonlyMap<string, Setting>;
  private readonly byFamily: ReadonlyMap<Family | undefined, readonly Setting[]>;

  constructor(settings: readonly Setting[]) {
    this.all = settings;
    this.byKey = new Map(settings.map(setting => [setting.key, setting]));
    this.byFamily = Map.groupBy(settings, ({ pattern }) => familyOf(pattern));
  }

  /** Absent when the file does not have the key. */
  at(pattern: KeyPattern, part?: Part): Setting | undefined {
    return this.byKey.get(keyOf(pattern, part));
  }

  /** As written, else the default. Undefined when there is neither, and when what is written is no value of the key. */
  value<P extends KeyPattern>(pattern: P, part?: Part): ValueOf<P> | undefined {
    const setting = this.at(pattern, part);
    return (setting ? setting.value : fallbackOf(pattern)) as ValueOf<P> | undefined;
  }

  /** As written, but nothing where that is what the absence of the key means. */
  chosen<P extends KeyPattern>(pattern: P, part?: Part): ValueOf<P> | undefined {
    const value = this.at(pattern, part)?.value;
    return (value === fallbackOf(pattern) ? undefined : value) as ValueOf<P> | undefined;
  }

  /** The value of a key that the rules say is there. */
  sure<P extends KeyPattern>(pattern: P, part?: Part): ValueOf<P> {
    const value = this.value(pattern, part);
    if (value === undefined) throw new Error(`no rule sees to it that there is a ${keyOf(pattern, part)}`);
    return value;
  }

  of(family: Family): readonly Setting[] {
    return this.byFamily.get(family) ?? [];
  }

  /** Every id that a known key has, well or not, in ascending order. */
  ids(family: Family): readonly number[] {
    const ids = new Set(this.of(family).map(({ id = 0 }) => id));
    return [...ids].sort((a, b) => a - b);
  }

  /** The same of a family that is told apart by words. */
  words(family: Family): readonly string[] {
    const words = new Set(this.of(family).map(({ word = '' }) => word));
    return [...words].sort();
  }

  /** What the keys of a family are told apart by. */
  parts(family: Family): readonly Part[] {
    return [...new Set(this.of(family).map(setting => partOf(setting) ?? ''))];
  }
}

const FAMILIES: ReadonlyMap<KeyPattern, Family> = new Map(
  KEY_PATTERNS.filter(pattern => pattern.includes('<')).map(pattern => [
    pattern,
    pattern.replace(/\.<.*/, '') as Family,
  ]),
);

/** Undefined for a key that is there once. */
export function familyOf(pattern: KeyPattern): Family | undefined {
  return FAMILIES.get(pattern);
}

function fallbackOf(pattern: KeyPattern): unknown {
  const { read, fallback }: Key<unknown> = KEYS[pattern];
  const reading = fallback === undefined ? {} : read(fallback);
  return 'value' in reading ? reading.value : undefined;
}

/** A near miss takes half a millisecond to find. */
const MOST_HINTS = 200;

/** The lines as settings, and what is wrong with a line by itself. Of a key that stands there twice the first counts. */
export function readSettings(lines: readonly Line[]): { settings: Settings; faults: readonly Fault[] } {
  const first = new Map<string, Setting>();
  const faults: Fault[] = [];
  let unknown = 0;
  for (const { key, text, number: line } of lines) {
    const located = locate(key);
    const before = first.get(key);
    if (!located) faults.push(keyFault(key, line, unknown++ < MOST_HINTS));
    else if (before) faults.push(doubleFault(before, text, line));
    else {
      const { value, fault } = readValue({ ...located, key, text, line });
      if (fault) faults.push(fault);
      first.set(key, { ...located, key, text, line, value });
    }
  }
  return { settings: new Settings([...first.values()]), faults };
}

function doubleFault({ key, line: before }: Setting, text: string, line: number): Fault {
  const got = `a second value ${quote(text)}`;
  return { line, key, code: 'DUPLICATE_KEY', got, expected: `one, it is on line ${before}` };
}

function readValue(setting: Omit<Setting, 'value'>): { value?: unknown; fault?: Fault } {
  const { read, expected, mayBeEmpty }: Key<unknown> = KEYS[setting.pattern];
  const reading = setting.text === '' && !mayBeEmpty ? {} : read(setting.text);
  if ('value' in reading) return { value: reading.value };
  return { fault: faultAt(setting, 'BAD_VALUE', reading.expected ?? expected) };
}

/** Something wrong with what a key is set to. */
export function faultAt(
  { key, text, line }: Pick<Setting, 'key' | 'text' | 'line'>,
  code: Fault['code'],
  expected: string,
): Fault {
  return { line, key, code, got: text === '' ? '' : quote(text), expected };
}
