import type { Clock } from '../../src/base/ports.ts';

interface Alarm {
  readonly at: number;
  readonly callback: () => void;
}

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now: number;
  #alarms = new Set<Alarm>();

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const alarm = { at: this.#now + milliseconds, callback };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Moves time on and rings what falls due, in order; alarms set meanwhile included. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let due = this.#next(end); due; due = this.#next(end)) {
      this.#alarms.delete(due);
      this.#now = due.at;
      due.callback();
    }
    this.#now = end;
  }

  #next(end: number): Alarm | undefined {
    return [...this.#alarms].filter(alarm => alarm.at <= end).sort((a, b) => a.at - b.at)[0];
  }

  /** Alarms not yet rung nor called off: a stopped service leaves none. */
  get waiting(): number {
    return this.#alarms.size;
  }
}
