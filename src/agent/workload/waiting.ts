import type { Clock } from '../../base/ports.ts';

export function delay(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise(resolve => void clock.after(milliseconds, resolve));
}

/** Whether it came within so many milliseconds. */
export function within(clock: Clock, milliseconds: number, it: Promise<unknown>): Promise<boolean> {
  return new Promise(resolve => {
    const callOff = clock.after(milliseconds, () => resolve(false));
    void it.then(() => {
      callOff();
      resolve(true);
    });
  });
}
