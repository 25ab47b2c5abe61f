import type { Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { Lease } from './lease.ts';
import { type AddressPool, formatRanges } from './pool.ts';

/** One address in somebody's hand. */
export interface Hold {
  readonly address: Ipv4;
  readonly mac: Mac;
  /** Milliseconds since the epoch; past it the hold is only a memory of who had the address. */
  readonly until: number;
  readonly lease?: Lease;
  readonly declined?: boolean;
}

/** `loaded`: leases from before the start, perhaps made with another lease time; `ended`: given back early. */
export type QueueName = 'loaded' | 'offered' | 'bound' | 'declined' | 'ended';

/**
 * The addresses of one pool: which are held, and which comes next. No packet scans it: all holds of one queue last
 * equally long (`loaded` is sorted once), so every queue is in the order of expiry and the address to recycle is at
 * one of the heads.
 */
export class Shelf {
  readonly pool: AddressPool;
  readonly #queues: Readonly<Record<QueueName, Map<Ipv4, Hold>>> = {
    ended: new Map(),
    offered: new Map(),
    declined: new Map(),
    loaded: new Map(),
    bound: new Map(),
  };
  /** The queue that an address is in. */
  readonly #queueOf = new Map<Ipv4, Map<Ipv4, Hold>>();
  /** Addresses that were held and that nobody remembers now. */
  readonly #vacant = new Set<Ipv4>();
  readonly #untouched: Generator<Ipv4, undefined>;
  #nextUntouched: Ipv4 | undefined;

  constructor(pool: AddressPool) {
    this.pool = pool;
    this.#untouched = pool.addresses();
    this.#nextUntouched = this.#untouched.next().value;
  }

  /** At the end of a queue, out of the one that the address was in. */
  put(hold: Hold, name: QueueName): void {
    const { address } = hold;
    const queue = this.#queues[name];
    if (!this.#queueOf.get(address)?.delete(address)) this.#vacant.delete(address);
    queue.set(address, hold);
    this.#queueOf.set(address, queue);
  }

  /** The hold is over and forgotten. */
  clear(address: Ipv4): void {
    if (!this.#queueOf.get(address)?.delete(address)) return;
    this.#queueOf.delete(address);
    this.#vacant.add(address);
  }

  /** An address never used, else one that nobody remembers, else the one whose last holder has been gone longest. */
  next(now: number): Ipv4 | undefined {
    return this.#neverUsed() ?? this.#vacant.values().next().value ?? this.#recyclable(now);
  }

  /** The address of the oldest offer, if that ends at `until` or before. */
  offerUntil(until: number): Ipv4 | undefined {
    const oldest = this.#queues.offered.values().next().value;
    return oldest && oldest.until <= until ? oldest.address : undefined;
  }

  /** Why there is no address. */
  exhaustion(): string {
    const { loaded, bound, offered, declined } = this.#queues;
    const { network, ranges, size } = this.pool;
    if (size === 0) return `no free address: there is no pool for ${network.address}/${network.prefix}`;
    const counts = `${loaded.size + bound.size} leased, ${offered.size} offered, ${declined.size} declined as in use`;
    return `no free address: all ${size} of ${formatRanges(ranges)} are taken (${counts}); widen the pool or shorten the lease time`;
  }

  /** Puts what `change` makes of a hold in its place, in the same order. */
  replaceAll(change: (hold: Hold) => Hold): void {
    for (const queue of Object.values(this.#queues))
      for (const [address, hold] of queue) queue.set(address, change(hold));
  }

  #neverUsed(): Ipv4 | undefined {
    while (this.#nextUntouched && this.#wasUsed(this.#nextUntouched))
      this.#nextUntouched = this.#untouched.next().value;
    return this.#nextUntouched;
  }

  #wasUsed(address: Ipv4): boolean {
    return this.#vacant.has(address) || this.#queueOf.has(address);
  }

  #recyclable(now: number): Ipv4 | undefined {
    const heads = Object.values(this.#queues).flatMap(queue => queue.values().next().value ?? []);
    const ended = heads.filter(hold => hold.until <= now);
    return ended.sort((a, b) => a.until - b.until)[0]?.address;
  }
}
