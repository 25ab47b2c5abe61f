import type { Read } from './values.ts';
import type { Quality } from './workload.ts';

/** What is not a value, for the reason that its key gives. */
const NO = {};

/** Percent, as tc-netem(8) takes it: all of it would be no network (FW-15). */
export const loss: Read<number> = text => (/^\d{1,2}(\.\d{1,4})?$/.test(text) ? { value: Number(text) } : NO);

/** Microseconds of a unit. */
const MICROSECONDS: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };
const LONGEST_DELAY = 3600 * 1_000_000;

/** `100ms` in microseconds; a bare number is milliseconds (FW-15). Microseconds are whole: netem counts no finer. */
export const delay: Read<number> = text => {
  const [, digits = '', unit = 'ms'] = /^(\d{1,10}(?:\.\d{1,6})?)(us|ms|s)?$/.exec(text) ?? [];
  const exact = Number(digits) * (MICROSECONDS[unit] ?? 0);
  const value = Math.round(exact);
  const isWhole = digits !== '' && Math.abs(exact - value) < 1e-3;
  return isWhole && value <= LONGEST_DELAY ? { value } : NO;
};

/** Microseconds as FIREWHEEL, minimega and tc write them: `100ms`, `1.5ms`. */
export function formatDelay(microseconds: number): string {
  return `${microseconds / 1000}ms`;
}

/** For people: `delay 100ms, loss 0.5 %`. */
export function formatQuality({ delay, loss, rate }: Quality): string {
  if (rate) return `at most ${rate.value} ${rate.unit}/s`;
  return [
    ...(delay === undefined ? [] : [`delay ${formatDelay(delay)}`]),
    ...(loss === undefined ? [] : [`loss ${loss} %`]),
  ].join(', ');
}
