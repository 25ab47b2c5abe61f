const FIRST = 1000;
const LONGEST = 15_000;

/**
 * Milliseconds to wait after so many failures in a row (1, 2, ...): doubling from one second to fifteen, for ever.
 * `random` in [0, 1) takes up to a half off, so that a whole rack does not come back in one moment.
 */
export function backoff(failures: number, random: number): number {
  const full = Math.min(LONGEST, FIRST * 2 ** Math.min(failures - 1, 10));
  return Math.round(full * (1 - random / 2));
}
