import { PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';

/** Ends a request over which nothing comes any more. */
export class Silence {
  readonly #clock: Clock;
  readonly #milliseconds: number;
  readonly #text: string;
  readonly #abort = new AbortController();
  readonly signal: AbortSignal;
  #callOff: () => void;

  constructor(clock: Clock, milliseconds: number, text: string, caller: AbortSignal) {
    this.#clock = clock;
    this.#milliseconds = milliseconds;
    this.#text = text;
    this.signal = AbortSignal.any([caller, this.#abort.signal]);
    this.#callOff = this.#arm();
  }

  /** Whether it was this that ended it, and not the caller. */
  get isBroken(): boolean {
    return this.#abort.signal.aborted;
  }

  begin(): void {
    this.#callOff = this.#arm();
  }

  over(): void {
    this.#callOff();
  }

  reason(): PxenError {
    const text = this.#abort.signal.aborted ? this.#text : 'the caller went away';
    return new PxenError('TIMEOUT', text);
  }

  #arm(): () => void {
    return this.#clock.after(this.#milliseconds, () => this.#abort.abort());
  }
}
