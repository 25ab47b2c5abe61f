/** Differences up to this are those of two readings or of a clock that is being slewed, milliseconds. */
const TOLERANCE = 5_000;

/**
 * Finds jumps of the wall clock (NTP after a boot without a battery clock, an admin's `date`) by a clock that cannot
 * jump. Slow corrections are followed without a word.
 */
export class SteadyTime {
  #wall: number;
  #elapsed: number;

  /** `wall`: milliseconds since the epoch; `elapsed`: milliseconds since any fixed moment. */
  constructor(wall: number, elapsed: number) {
    this.#wall = wall;
    this.#elapsed = elapsed;
  }

  /** By how many milliseconds the wall clock has jumped since the last call, forward or (negative) back; 0 if it has not. */
  jump(wall: number, elapsed: number): number {
    const jumped = wall - this.#wall - (elapsed - this.#elapsed);
    this.#wall = wall;
    this.#elapsed = elapsed;
    return Math.abs(jumped) > TOLERANCE ? Math.round(jumped) : 0;
  }
}
