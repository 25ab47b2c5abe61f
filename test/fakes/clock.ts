import type { Clock } from '../../src/base/ports.ts';

interface Alarm {
  readonly at: number;
  readonly callback: () => void;
}

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  /** Wall-clock time minus elapsed time. */
  #offset: number;
  #elapsed = 0;
  #alarms = new Set<Alarm>();

  constructor(now = 1_700_000_000_000) {
    this.#offset = now;
  }

  now(): number {
    return this.#offset + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  /** Somebody sets the clock of the machine; no time passes, and alarms ring when they would have. */
  set(now: number): void {
    this.#offset = now - this.#elapsed;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const alarm = { at: this.#elapsed + milliseconds, callback };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Moves time on and rings what falls due, in order; alarms set meanwhile included. */
  advance(milliseconds: number): void {
    const end = this.#elapsed + milliseconds;
    for (let due = this.#next(end); due; due = this.#next(end)) {
      this.#alarms.delete(due);
      this.#elapsed = due.at;
      due.callback();
    }
    this.#elapsed = end;
  }

  #next(end: number): Alarm | undefined {
    return [...this.#alarms].filter(alarm => alarm.at <= end).sort((a, b) => a.at - b.at)[0];
  }

  /** Alarms not yet rung nor called off: a stopped service leaves none. */
  get waiting(): number {
    return this.#alarms.size;
  }
}
