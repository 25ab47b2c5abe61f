import type { Clock } from '../base/ports.ts';

/** The system's time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Clocks may disagree by so much before the fine one is set anew, milliseconds. */
const DRIFT = 20;
let offset = Date.now() - performance.now();

/** Microseconds since the epoch, in order even where several fall into one millisecond; follows a clock that is set. */
export function microseconds(): number {
  const fine = performance.now();
  const now = Date.now();
  if (Math.abs(fine + offset - now) > DRIFT) offset = now - fine;
  return Math.floor((fine + offset) * 1000);
}
