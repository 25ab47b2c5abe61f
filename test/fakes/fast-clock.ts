import type { Clock } from '../../src/base/ports.ts';

/** Time that runs so many times as fast as the real one, for what waits for real sockets. */
export function fastClock(speed = 10): Clock {
  return {
    now: () => Date.now(),
    elapsed: () => performance.now() * speed,
    after(milliseconds, callback) {
      const timer = setTimeout(callback, milliseconds / speed);
      return () => clearTimeout(timer);
    },
  };
}
