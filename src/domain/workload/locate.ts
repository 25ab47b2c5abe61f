import { nearest, quote } from '../../base/diagnostic.ts';
import { KEY_PATTERNS, type KeyPattern } from './keys.ts';
import type { Fault } from './problem.ts';

/** Which key of the table a key of a file is. */
export interface Located {
  readonly pattern: KeyPattern;
  /** Of a key with an `<id>`. */
  readonly id?: number | undefined;
}

const KNOWN: ReadonlySet<string> = new Set(KEY_PATTERNS);
/** A segment that is an id: 0 to 999 (MH-11, MH-20). */
const ID = /\.(0|[1-9]\d{0,2})(?=\.)/;

export function locate(key: string): Located | undefined {
  if (isPattern(key)) return key.includes('<id>') ? undefined : { pattern: key };
  const id = ID.exec(key)?.[1];
  const pattern = key.replace(ID, '.<id>');
  return id !== undefined && isPattern(pattern) ? { pattern, id: Number(id) } : undefined;
}

function isPattern(text: string): text is KeyPattern {
  return KNOWN.has(text);
}

/** What is wrong with a key that cannot be located. */
export function keyFault(key: string, line: number): Fault {
  const place = { line, key: shownKey(key), code: 'UNKNOWN_KEY' } as const;
  const badId = idOf(key);
  if (badId !== undefined)
    return {
      ...place,
      got: `the id ${quote(badId)}`,
      expected: 'a number from 0 to 999 without leading zeros',
    };
  const near = nearKey(key);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return { ...place, got: 'an unknown key', expected: `a known key${hint}` };
}

/** What stands where a known key has its `<id>`. */
function idOf(key: string): string | undefined {
  const words = key.split('.', 8);
  return words.find((_, at) => isPattern(words.with(at, '<id>').join('.')));
}

/** Hints are for slips of the pen; a key that is longer than all known ones by half is none, and costs time. */
const LONGEST_HINTED = 48;

function nearKey(key: string): string | undefined {
  if (key.length > LONGEST_HINTED) return undefined;
  const id = ID.exec(key)?.[1] ?? '0';
  return nearest(
    key,
    KEY_PATTERNS.map(pattern => pattern.replace('<id>', id)),
  );
}

/** A key of a user as it may stand in a message. */
export function shownKey(key: string): string {
  return /^[\x21-\x7e]{1,80}$/.test(key) ? key : quote(key);
}
