import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/io/clock.ts';

afterEach(() => void vi.restoreAllMocks());

test.each([-86_400_000, 86_400_000])(
  'when NTP steps the clock by %i ms, now() follows, and elapsed() and alarms do not notice',
  async step => {
    const real = Date.now;
    const began = systemClock.elapsed();
    const rung = new Promise<void>(resolve => systemClock.after(30, resolve));
    vi.spyOn(Date, 'now').mockImplementation(() => real() + step);
    expect(Math.abs(systemClock.now() - real() - step)).toBeLessThan(5000);
    await rung;
    const waited = systemClock.elapsed() - began;
    expect(waited).toBeGreaterThan(28);
    expect(waited).toBeLessThan(5000);
  },
);
