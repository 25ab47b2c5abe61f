import type { Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { Lease } from './lease.ts';
import { type AddressPool, formatRanges } from './pool.ts';

/** An offer stands so long, milliseconds; OVMF takes 3.8 s to answer one (boot-lab section 4). */
export const OFFER_TIME = 60_000;
/** An address that a client found in use is left alone so long, milliseconds. */
export const QUARANTINE = 600_000;

/** One thing that happens to an address. Data: the table applies it, the service makes it durable. */
export type LeaseChange =
  | { readonly kind: 'offer'; readonly mac: Mac; readonly address: Ipv4; readonly until: number }
  | { readonly kind: 'bind'; readonly lease: Lease }
  /** The lease has ended (`expiresAt` is now); the card keeps its claim to the address until another one needs it. */
  | { readonly kind: 'release'; readonly lease: Lease }
  /** The client chose another server: the offer has ended (`until` is now). */
  | { readonly kind: 'withdraw'; readonly mac: Mac; readonly address: Ipv4; readonly until: number }
  | { readonly kind: 'decline'; readonly mac: Mac; readonly address: Ipv4; readonly until: number };

export type Choice = { readonly address: Ipv4 } | { readonly exhausted: string };

interface Hold {
  readonly address: Ipv4;
  readonly mac: Mac;
  /** Milliseconds since the epoch; past it the hold is only a memory of who had the address. */
  readonly until: number;
  readonly lease?: Lease;
  readonly declined?: boolean;
}

/** `loaded`: leases from before the start, perhaps made with another lease time; `ended`: given back early. */
type QueueName = 'loaded' | 'offered' | 'bound' | 'declined' | 'ended';

/**
 * Who holds which address. At most one hold per address and per card, so its size is bounded by the pool.
 * No packet scans it: all holds of one queue last equally long (`loaded` is sorted once), so every queue is in the
 * order of expiry and the address to recycle is at one of the heads.
 */
export class LeaseTable {
  readonly pool: AddressPool;
  readonly #queues: Readonly<Record<QueueName, Map<Ipv4, Hold>>> = {
    ended: new Map(),
    offered: new Map(),
    declined: new Map(),
    loaded: new Map(),
    bound: new Map(),
  };
  readonly #byAddress = new Map<Ipv4, Hold>();
  readonly #byMac = new Map<Mac, Hold>();
  readonly #untouched: Generator<Ipv4, undefined>;
  #nextUntouched: Ipv4 | undefined;

  constructor(pool: AddressPool, leases: readonly Lease[]) {
    this.pool = pool;
    this.#untouched = pool.addresses();
    this.#nextUntouched = this.#untouched.next().value;
    const byExpiry = [...leases].sort((a, b) => a.expiresAt - b.expiresAt);
    for (const lease of byExpiry) this.#hold(boundBy(lease), 'loaded');
  }

  /** The lease that this card has, or had last, if nobody took the address since. */
  lease(mac: Mac): Lease | undefined {
    return this.#byMac.get(mac)?.lease;
  }

  /** The address that stands offered to this card. */
  offered(mac: Mac, now: number): Ipv4 | undefined {
    const hold = this.#byMac.get(mac);
    return hold && !hold.lease && hold.until > now ? hold.address : undefined;
  }

  /** The lease that runs on an address. */
  leaseAt(address: Ipv4, now: number): Lease | undefined {
    const hold = this.#byAddress.get(address);
    return hold && hold.until > now ? hold.lease : undefined;
  }

  /** The card that an address is held for at this time; `declined` when it is in quarantine. */
  holder(address: Ipv4, now: number): Mac | 'declined' | undefined {
    const hold = this.#byAddress.get(address);
    if (!hold || hold.until <= now) return undefined;
    return hold.declined ? 'declined' : hold.mac;
  }

  /** May this card have this address? */
  isFree(address: Ipv4, mac: Mac, now: number): boolean {
    const holder = this.holder(address, now);
    return this.pool.has(address) && (holder === undefined || holder === mac);
  }

  /**
   * The address for a card, in the order of RFC 2131 4.3.1: the one it has or had, the one it asks for, one never
   * used, the one whose last holder has been gone longest.
   */
  choose(mac: Mac, requested: Ipv4 | undefined, now: number): Choice {
    const former = this.#byMac.get(mac)?.address;
    for (const address of [former, requested])
      if (address && this.isFree(address, mac, now)) return { address };
    const address = this.#untouchedAddress() ?? this.#recyclable(now);
    return address ? { address } : { exhausted: this.#exhaustion() };
  }

  apply(change: LeaseChange): void {
    switch (change.kind) {
      case 'bind':
        this.#hold(boundBy(change.lease), 'bound');
        break;
      case 'release':
        this.#hold(boundBy(change.lease), 'ended');
        break;
      case 'offer':
        this.#hold(change, 'offered');
        break;
      case 'withdraw':
        this.#hold(change, 'ended');
        break;
      case 'decline':
        this.#hold({ ...change, declined: true }, 'declined');
    }
  }

  #hold(hold: Hold, queue: QueueName): void {
    this.#drop(this.#byAddress.get(hold.address));
    this.#drop(this.#byMac.get(hold.mac));
    this.#byAddress.set(hold.address, hold);
    if (!hold.declined) this.#byMac.set(hold.mac, hold);
    // A lease outside the pool (the admin moved it) is remembered for its renewal, but never recycled.
    if (this.pool.has(hold.address)) this.#queues[queue].set(hold.address, hold);
  }

  #drop(hold: Hold | undefined): void {
    if (!hold) return;
    this.#byAddress.delete(hold.address);
    if (this.#byMac.get(hold.mac) === hold) this.#byMac.delete(hold.mac);
    for (const queue of Object.values(this.#queues)) queue.delete(hold.address);
  }

  #untouchedAddress(): Ipv4 | undefined {
    while (this.#nextUntouched && this.#byAddress.has(this.#nextUntouched))
      this.#nextUntouched = this.#untouched.next().value;
    return this.#nextUntouched;
  }

  #recyclable(now: number): Ipv4 | undefined {
    const heads = Object.values(this.#queues).flatMap(queue => queue.values().next().value ?? []);
    const ended = heads.filter(hold => hold.until <= now);
    return ended.sort((a, b) => a.until - b.until)[0]?.address;
  }

  #exhaustion(): string {
    const { loaded, bound, offered, declined } = this.#queues;
    const counts = `${loaded.size + bound.size} leased, ${offered.size} offered, ${declined.size} declined as in use`;
    return `no free address: all ${this.pool.size} of ${formatRanges(this.pool.ranges)} are taken (${counts}); widen the pool or shorten the lease time`;
  }
}

function boundBy(lease: Lease): Hold {
  return { address: lease.address, mac: lease.mac, until: lease.expiresAt, lease };
}
