import { quote } from '../../base/diagnostic.ts';
import { KEYS, type Key, type KeyPattern, keyOf, type ValueOf } from './keys.ts';
import type { Line } from './lines.ts';
import { keyFault, type Located, locate } from './locate.ts';
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

/** What can have several of its kind in one file, told apart by an `<id>`. */
export type Family = 'platform.volume' | 'network';

const FAMILIES: readonly Family[] = ['platform.volume', 'network'];

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
  at(pattern: KeyPattern, id?: number): Setting | undefined {
    return this.byKey.get(keyOf(pattern, id));
  }

  /** As written, else the default. Undefined when there is neither, and when what is written is no value of the key. */
  value<P extends KeyPattern>(pattern: P, id?: number): ValueOf<P> | undefined {
    const setting = this.at(pattern, id);
    return (setting ? setting.value : fallbackOf(pattern)) as ValueOf<P> | undefined;
  }

  /** The value of a key that the rules say is there. */
  sure<P extends KeyPattern>(pattern: P, id?: number): ValueOf<P> {
    const value = this.value(pattern, id);
    if (value === undefined) throw new Error(`no rule sees to it that there is a ${keyOf(pattern, id)}`);
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
}

/** Undefined for a key without an `<id>`. */
export function familyOf(pattern: KeyPattern): Family | undefined {
  return FAMILIES.find(family => pattern.startsWith(`${family}.<id>.`));
}

function fallbackOf(pattern: KeyPattern): unknown {
  const { read, fallback }: Key<unknown> = KEYS[pattern];
  const reading = fallback === undefined ? {} : read(fallback);
  return 'value' in reading ? reading.value : undefined;
}

/** The lines as settings, and what is wrong with a line by itself. Of a key that stands there twice the first counts. */
export function readSettings(lines: readonly Line[]): { settings: Settings; faults: readonly Fault[] } {
  const first = new Map<string, Setting>();
  const faults: Fault[] = [];
  for (const { key, text, number: line } of lines) {
    const located = locate(key);
    const before = first.get(key);
    if (!located) faults.push(keyFault(key, line));
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
  const { read, expected }: Key<unknown> = KEYS[setting.pattern];
  const reading = setting.text === '' ? {} : read(setting.text);
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
