import { createHash, timingSafeEqual } from 'node:crypto';
import { Buckets } from '../../base/bucket.ts';
import { PxenError } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Clock, Log } from '../../base/ports.ts';

export interface GateOptions {
  /** The tokens that open the API now; asked each time, so that a rotated one counts at once. */
  readonly tokens: () => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Addresses that are remembered; the one that was silent longest is forgotten first. */
const MOST_CLIENTS = 4096;

/** An agent sends at most two reports a second; a machine that reboots again and again begins with several. */
const REPORTS_AT_ONCE = 30;
const REPORTS_PER_SECOND = 3;

/** Keeps a machine from filling host0's disk and time with reports: whoever has an address may send them. */
export class ReportGate {
  readonly #clock: Clock;
  readonly #buckets = new Buckets<Ipv4>(MOST_CLIENTS, REPORTS_AT_ONCE, REPORTS_PER_SECOND);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws RATE_LIMITED. */
  check(from: Ipv4): void {
    if (this.#buckets.take(from, this.#clock.elapsed())) return;
    throw new PxenError('RATE_LIMITED', `too many reports from ${from}`, {
      details: [`${REPORTS_PER_SECOND} a second are taken`],
    });
  }
}

/** Wrong tokens that an address may show in a minute. */
const MOST_FAILURES = 10;
/** How long an address then has to wait, whatever it shows. */
export const LOCKED_SECONDS = 60;

/** Lets those into the API who show its token, and nobody guess it. */
export class ApiGate {
  readonly #d: GateOptions;
  readonly #failures = new Map<Ipv4, { count: number; since: number }>();

  constructor(options: GateOptions) {
    this.#d = options;
  }

  /** Rejects with UNAUTHORIZED or RATE_LIMITED. A request without a token counts as no try: it guesses nothing. */
  async check(from: Ipv4, authorization: string | undefined): Promise<void> {
    if (this.#isLocked(from))
      throw new PxenError('RATE_LIMITED', `too many wrong API tokens from ${from}`, {
        details: [`wait ${LOCKED_SECONDS} s`],
      });
    const shown = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (shown === undefined)
      throw new PxenError('UNAUTHORIZED', 'the API needs its token', {
        details: ['on host0, mesh system token prints it'],
      });
    if (await this.#opens(shown)) return;
    this.#failed(from);
    throw new PxenError('UNAUTHORIZED', 'this is not the API token, or no more', {
      details: ['on host0, mesh system token prints it'],
    });
  }

  /** Compares with all, in constant time. */
  async #opens(shown: string): Promise<boolean> {
    const tokens = await this.#d.tokens();
    return tokens.map(token => timingSafeEqual(digest(token), digest(shown))).includes(true);
  }

  #isLocked(from: Ipv4): boolean {
    const failures = this.#failures.get(from);
    if (!failures || failures.count < MOST_FAILURES) return false;
    return this.#d.clock.now() - failures.since < LOCKED_SECONDS * 1000;
  }

  #failed(from: Ipv4): void {
    const now = this.#d.clock.now();
    const before = this.#failures.get(from);
    const recent = before && now - before.since < LOCKED_SECONDS * 1000 ? before : undefined;
    const failures = { count: (recent?.count ?? 0) + 1, since: recent?.since ?? now };
    if (failures.count === MOST_FAILURES) {
      failures.since = now;
      this.#d.log.warn(
        'http',
        `${from} showed ${MOST_FAILURES} wrong API tokens and is shut out for a minute`,
      );
    }
    this.#failures.delete(from);
    this.#failures.set(from, failures);
    const oldest = this.#failures.keys().next();
    if (this.#failures.size > MOST_CLIENTS && !oldest.done) this.#failures.delete(oldest.value);
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
