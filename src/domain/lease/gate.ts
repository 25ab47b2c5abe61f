import type { Mac } from '../../base/mac.ts';

/** So many at once, and so many more every second. Time is an argument: Clock.elapsed, milliseconds. */
export class TokenBucket {
  readonly #capacity: number;
  readonly #perSecond: number;
  #level: number;
  #at: number;

  constructor(capacity: number, perSecond: number, now: number) {
    this.#capacity = capacity;
    this.#perSecond = perSecond;
    this.#level = capacity;
    this.#at = now;
  }

  /** True, and one less; or false when there is none. */
  take(now: number): boolean {
    const seconds = (now - this.#at) / 1000;
    this.#level = Math.min(this.#capacity, this.#level + seconds * this.#perSecond);
    this.#at = now;
    if (this.#level < 1) return false;
    this.#level--;
    return true;
  }
}

/** How much DHCP is answered. */
export interface RequestLimits {
  /** Requests a second from one card; three times as many at once, as one boot is several clients in a row. */
  readonly perCard: number;
  /** How many addresses there are to give. */
  readonly addresses: number;
}

/** Cards that are remembered with their buckets; the one that was silent longest is forgotten first. */
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
  readonly #perCard: number;
  readonly #cards = new Map<Mac, TokenBucket>();
  readonly #strangers: TokenBucket;

  constructor({ perCard, addresses }: RequestLimits, now: number) {
    const strangers = Math.max(FEWEST_STRANGERS, addresses);
    this.#perCard = perCard;
    this.#strangers = new TokenBucket(strangers, strangers * STRANGERS_SHARE, now);
  }

  /** Undefined when the request may come in, else which limit it broke. `known`: the card holds an address. */
  refuses(mac: Mac, known: boolean, now: number): 'card' | 'strangers' | undefined {
    if (!this.#bucketOf(mac, now).take(now)) return 'card';
    return known || this.#strangers.take(now) ? undefined : 'strangers';
  }

  #bucketOf(mac: Mac, now: number): TokenBucket {
    const bucket = this.#cards.get(mac) ?? new TokenBucket(3 * this.#perCard, this.#perCard, now);
    this.#cards.delete(mac);
    this.#cards.set(mac, bucket);
    const [oldest] = this.#cards.keys();
    if (this.#cards.size > MOST_CARDS && oldest) this.#cards.delete(oldest);
    return bucket;
  }
}
