import type { Clock } from '../../base/ports.ts';

/** Milliseconds. A server that is silent for so long is asked anew. */
export const STALL = 30_000;
/** How long a server may be away before the first byte, and how long once it has sent some: host0 may be restarting. */
const AT_FIRST = 10_000;
const LATER = 60_000;
const SHORTEST_PAUSE = 500;
const LONGEST_PAUSE = 5000;

/** How long to wait before the next try, and when it has been enough. Only what brings a file further is a success. */
export class Patience {
  readonly #clock: Clock;
  #furthest: number;
  #failures = 0;
  #wellAt: number;
  #limit = AT_FIRST;

  constructor(clock: Clock, bytes: number) {
    this.#clock = clock;
    this.#furthest = bytes;
    this.#wellAt = clock.elapsed();
  }

  /** Milliseconds; undefined: give up. `bytes` of the file are there. */
  afterFailure(bytes: number): number | undefined {
    const now = this.#clock.elapsed();
    if (bytes > this.#furthest) {
      this.#furthest = bytes;
      this.#failures = 0;
      this.#wellAt = now;
      this.#limit = LATER;
    }
    const pause = Math.min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** this.#failures);
    this.#failures += 1;
    return now + pause - this.#wellAt > this.#limit ? undefined : pause;
  }
}

/** Calls when nothing has happened for STALL. */
export class StallWatch {
  readonly #clock: Clock;
  readonly #onStall: () => void;
  #aliveAt: number;
  #callOff: () => void;

  constructor(clock: Clock, onStall: () => void) {
    this.#clock = clock;
    this.#onStall = onStall;
    this.#aliveAt = clock.elapsed();
    this.#callOff = clock.after(STALL, () => this.#look());
  }

  alive(): void {
    this.#aliveAt = this.#clock.elapsed();
  }

  end(): void {
    this.#callOff();
  }

  #look(): void {
    const rest = this.#aliveAt + STALL - this.#clock.elapsed();
    if (rest <= 0) this.#onStall();
    else this.#callOff = this.#clock.after(rest, () => this.#look());
  }
}

/** Ends at once when the signal does. */
export function sleep(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve();
    const wake = (): void => {
      callOff();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const callOff = clock.after(milliseconds, wake);
    signal.addEventListener('abort', wake, { once: true });
  });
}
