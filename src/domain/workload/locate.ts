import { nearest, quote } from '../../base/diagnostic.ts';
import { KEY_PATTERNS, type KeyPattern, type Part } from './keys.ts';
import type { Fault } from './problem.ts';

/** Which key of the table a key of a file is. */
export interface Located {
  readonly pattern: KeyPattern;
  /** Of a key with an `<id>` or `<n>`. */
  readonly id?: number | undefined;
  /** Of a key with an `<arg>` or `<k>`. */
  readonly word?: string | undefined;
}

/** What may stand for a part of a pattern, and what to say where something else does. */
interface Placeholder {
  readonly form: RegExp;
  readonly kind: string;
  readonly expected: string;
}

/** MH-11, MH-20. */
const NUMBER: Placeholder = {
  form: /^(0|[1-9]\d{0,2})$/,
  kind: 'the id',
  expected: 'a number from 0 to 999 without leading zeros',
};

const PLACEHOLDERS: Readonly<Record<string, Placeholder>> = {
  '<id>': NUMBER,
  '<n>': NUMBER,
  '<arg>': {
    form: /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/,
    kind: 'the option',
    expected: 'the name of a QEMU option without its dash',
  },
  '<k>': {
    form: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    kind: 'the tag',
    expected: 'at most 64 letters, digits, dots, hyphens and underscores',
  },
};

/** Patterns by what they are with a star for their placeholder. */
const STARRED: ReadonlyMap<string, KeyPattern> = new Map(
  KEY_PATTERNS.map(pattern => [pattern.replace(/<\w+>/, '*'), pattern]),
);

/** A tag is the rest of its key, dots and all. */
const TAG = 'runtime.tag.';

export function locate(key: string): Located | undefined {
  const found = find(key);
  if (!found) return undefined;
  const { part, pattern } = found;
  if (part === undefined) return { pattern };
  const placeholder = placeholderOf(pattern);
  if (!placeholder?.form.test(part)) return undefined;
  return placeholder === NUMBER ? { pattern, id: Number(part) } : { pattern, word: part };
}

/** The part of a key that is its own. */
export function partOf({ id, word }: Pick<Located, 'id' | 'word'>): Part | undefined {
  return id ?? word;
}

/** The pattern that a key has but for the form of its part. */
function find(key: string): { readonly pattern: KeyPattern; readonly part?: string } | undefined {
  const plain = STARRED.get(key);
  if (plain !== undefined) return key.includes('*') ? { pattern: plain, part: '*' } : { pattern: plain };
  if (key.startsWith(TAG)) return { pattern: 'runtime.tag.<k>', part: key.slice(TAG.length) };
  // No known key has more.
  const words = key.split('.', 8);
  for (const [at, part] of words.entries()) {
    const pattern = STARRED.get(words.with(at, '*').join('.'));
    if (pattern?.includes('<')) return { pattern, part };
  }
  return undefined;
}

function placeholderOf(pattern: KeyPattern): Placeholder | undefined {
  const [name = ''] = /<\w+>/.exec(pattern) ?? [];
  return PLACEHOLDERS[name];
}

/** What is wrong with a key that cannot be located; with the known key that may have been meant. */
export function keyFault(key: string, line: number, withHint: boolean): Fault {
  const place = { line, key: shownKey(key), code: 'UNKNOWN_KEY' } as const;
  const { part = '', pattern } = find(key) ?? {};
  const placeholder = pattern && placeholderOf(pattern);
  if (placeholder) {
    const { expected, kind } = placeholder;
    return { ...place, got: `${kind} ${quote(part)}`, expected };
  }
  const near = withHint ? nearKey(key) : undefined;
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return { ...place, got: 'an unknown key', expected: `a known key${hint}` };
}

/** Hints are for slips of the pen; a key that is longer than all known ones by half is none, and costs time. */
const LONGEST_HINTED = 48;

function nearKey(key: string): string | undefined {
  if (key.length > LONGEST_HINTED) return undefined;
  const id = /\.(0|[1-9]\d{0,2})(?=\.|$)/.exec(key)?.[1] ?? '0';
  const word = key.split('.').at(-1) ?? '';
  const known = KEY_PATTERNS.map(pattern => pattern.replace(/<(?:id|n)>/, id).replace(/<\w+>/, () => word));
  return known.find(each => each.startsWith(`${key}.`)) ?? nearest(key, known);
}

/** A key of a user as it may stand in a message. */
export function shownKey(key: string): string {
  return /^[\x21-\x7e]{1,80}$/.test(key) ? key : quote(key);
}
