/** Device types, host names and ids are words: they stand in commands, in paths and in `TYPE=N`. */
export function isWord(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text);
}

export const WORD_FORM = 'a word of letters, digits, . _ and -, at most 128 characters';

/** One order for everyone: by UTF-16 code unit, the same on every machine and in every locale. */
export function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
