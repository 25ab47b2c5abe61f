import { forgetOldest } from './forgetting.ts';

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

/** A bucket for each of many callers, of which so many are remembered; those that were silent longest are forgotten first. */
export class Buckets<Caller> {
  readonly #make: (now: number) => TokenBucket;
  readonly #most: number;
  readonly #buckets = new Map<Caller, TokenBucket>();

  constructor(most: number, capacity: number, perSecond: number) {
    this.#most = most;
    this.#make = now => new TokenBucket(capacity, perSecond, now);
  }

  take(caller: Caller, now: number): boolean {
    const bucket = this.#buckets.get(caller) ?? this.#make(now);
    this.#buckets.delete(caller);
    this.#buckets.set(caller, bucket);
    forgetOldest(this.#buckets, this.#most);
    return bucket.take(now);
  }
}
