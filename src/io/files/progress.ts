import type { Clock } from '../../base/ports.ts';

export type OnProgress = (received: number, total: number | undefined) => void;

/** Milliseconds between two tellings. */
const EVERY = 250;

/** Tells of a transfer at most four times a second, and of its end in any case. */
export class Progress {
  readonly #clock: Clock;
  readonly #tell: OnProgress;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, tell: OnProgress) {
    this.#clock = clock;
    this.#tell = tell;
  }

  at(received: number, total: number | undefined): void {
    const now = this.#clock.elapsed();
    if (now - this.#toldAt < EVERY) return;
    this.#toldAt = now;
    this.#tell(received, total);
  }

  end(bytes: number): void {
    this.#tell(bytes, bytes);
  }
}
