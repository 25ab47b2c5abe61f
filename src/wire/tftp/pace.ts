/** How long to wait for an acknowledgement before sending again: measured on the way (baselines A5, A7). Milliseconds. */
export interface Pace {
  /** Smoothed round-trip time; undefined until a flight was acknowledged that went out only once (Karn's rule). */
  readonly srtt: number | undefined;
  /** The client's `timeout` option (RFC 2349). */
  readonly asked: number | undefined;
}

/** Before anything was measured; a firmware under emulation needs 100 ms and more for its first answer. */
const FIRST = 300;
/** A busy client needs some time; 20 ms brought needless retransmissions (baselines A7), 50 ms none under a storm. */
const SHORTEST = 50;
/**
 * Back-off doubles up to this, unless the path itself is slower. It must exceed the 5 s after which atftp repeats its
 * acknowledgement: atftp ignores a block that comes a third time, yet each copy starts its 5 s anew.
 */
const LONGEST = 8000;

export function startPace(asked: number | undefined): Pace {
  return { srtt: undefined, asked };
}

/**
 * Four round trips, doubled for every timeout in a row.
 * Deviation from RFC 2349: the interval that the client asked for holds until the path is measured, and is the upper
 * limit afterwards. curl asks for 5 s in every request; taken to the letter, each lost packet would cost 5 s.
 */
export function timeoutOf(pace: Pace, timeouts: number): number {
  if (pace.srtt === undefined && pace.asked !== undefined) return pace.asked;
  const base = pace.srtt === undefined ? FIRST : Math.max(SHORTEST, 4 * pace.srtt);
  const wait = Math.min(base * 2 ** timeouts, Math.max(base, LONGEST));
  return Math.min(wait, pace.asked ?? wait);
}

/** RFC 6298 smoothing with weight 1/8. */
export function withSample(pace: Pace, sample: number): Pace {
  const measured = Math.min(Math.max(sample, 0), LONGEST);
  return { ...pace, srtt: pace.srtt === undefined ? measured : pace.srtt + (measured - pace.srtt) / 8 };
}
