import { nearest } from '../../base/diagnostic.ts';
import type { HoconValue } from './tree.ts';
import { parseDuration, parseReal, parseSize } from './units.ts';

/** A type of the tiCrypt document (checklist TC-10): how it is read and what to write instead of anything else. */
export interface ValueType<T> {
  readonly expected: string;
  readonly read: (value: HoconValue) => T | undefined;
}

export const TEXT: ValueType<string> = scalar('a text', text => text);

export const REAL: ValueType<number> = scalar('a number such as 1.0', parseReal);

export const NOT_NEGATIVE: ValueType<number> = scalar('a number from 0', text => from(0, parseReal(text)));

export const COUNT: ValueType<number> = scalar('a whole number from 0', text => whole(0, parseReal(text)));

export const POSITIVE_COUNT: ValueType<number> = scalar('a whole number from 1', text =>
  whole(1, parseReal(text)),
);

export const BYTES: ValueType<number> = scalar('whole bytes such as 1024, 64 MiB or 18 GiB', text =>
  whole(0, parseSize(text)),
);

export const REAL_OR_BYTES: ValueType<number> = scalar(
  'a number or bytes, such as 1.0 or 32 MiB',
  text => parseReal(text) ?? parseSize(text),
);

/** A timer of Node.js that is to run longer (2^31 ms) fires at once. */
const LONGEST = 24 * 86_400_000;

/** Whole milliseconds, more than none: every one of them is a time to wait. */
export const DURATION: ValueType<number> = scalar(
  'a duration from 1 ms to 24 d, such as 500 ms, 90 s or 5 m',
  text => {
    const milliseconds = Math.ceil(parseDuration(text) ?? 0);
    return milliseconds > 0 && milliseconds <= LONGEST ? milliseconds : undefined;
  },
);

/** HOCON, "Automatic type conversions". */
export const SWITCH: ValueType<boolean> = scalar('on, off, true, false, yes or no', text =>
  ['on', 'true', 'yes'].includes(text) ? true : ['off', 'false', 'no'].includes(text) ? false : undefined,
);

export function oneOf<T extends string>(words: readonly T[]): ValueType<T> {
  return scalar(`one of ${words.join(', ')}`, text => words.find(word => word === text));
}

/** For a message: the word that was meant, if one is near. */
export function hint(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** A type of its own: what it is called, and how its text is read. */
export function scalar<T>(expected: string, read: (text: string) => T | undefined): ValueType<T> {
  return { expected, read: value => ('text' in value ? read(value.text) : undefined) };
}

function from(least: number, value: number | undefined): number | undefined {
  return value !== undefined && value >= least ? value : undefined;
}

/** A whole number from the least on. */
export function whole(least: number, value: number | undefined): number | undefined {
  return Number.isSafeInteger(value) ? from(least, value) : undefined;
}
