import { Buckets, TokenBucket } from '../../base/bucket.ts';
import type { Mac } from '../../base/mac.ts';

/** How much DHCP is answered. */
export interface RequestLimits {
  /** Requests a second from one card; three times as many at once, as one boot is several clients in a row. */
  readonly perCard: number;
  /** How many addresses there are to give. */
  readonly addresses: number;
}

/** Cards that are remembered. */
const MOST_CARDS = 8192;
/** With tiny pools a few machines may still try again and again. */
const FEWEST_STRANGERS = 64;
/** A flood of made-up cards gets a twentieth of the addresses a second: half of them stand offered at most, as one offer is safe for 10 s. */
const STRANGERS_SHARE = 1 / 20;

/**
 * Keeps floods away from the leases. One card may ask only so often, and cards that were never seen may take only so
 * many addresses in all: a machine with a lease or a reservation is never turned away because of them.
 */
export class RequestGate {
  readonly #cards: Buckets<Mac>;
  readonly #strangers: TokenBucket;

  constructor({ perCard, addresses }: RequestLimits, now: number) {
    const strangers = Math.max(FEWEST_STRANGERS, addresses);
    this.#cards = new Buckets(MOST_CARDS, 3 * perCard, perCard);
    this.#strangers = new TokenBucket(strangers, strangers * STRANGERS_SHARE, now);
  }

  /** Undefined when the request may come in, else which limit it broke. `known`: the card holds an address. */
  refuses(mac: Mac, known: boolean, now: number): 'card' | 'strangers' | undefined {
    if (!this.#cards.take(mac, now)) return 'card';
    return known || this.#strangers.take(now) ? undefined : 'strangers';
  }
}
