import { contains, type Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { Lease } from './lease.ts';
import type { AddressPool } from './pool.ts';
import { type Card, type Reservation, Reservations } from './reservation.ts';
import { type Hold, type QueueName, Shelf } from './shelf.ts';

/** An offer stands so long, milliseconds; OVMF takes 3.8 s to answer one (boot-lab section 4). */
export const OFFER_TIME = 60_000;
/**
 * An offer is safe from everybody so long, milliseconds. Where a pool has nothing else left, older ones go to others:
 * so a flood of DISCOVERs alone cannot keep a pool empty.
 */
export const OFFER_GUARD = 10_000;
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

/** Who wants an address, out of which pool. */
export interface Wish {
  readonly card: Card;
  /** The pool of the network that the card is on. */
  readonly pool: AddressPool;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Who holds which address. At most one hold per address and per card, so its size is bounded by pools and reservations. */
export class LeaseTable {
  readonly #shelves: readonly Shelf[];
  readonly #reservations: Reservations;
  readonly #byAddress = new Map<Ipv4, Hold>();
  readonly #byMac = new Map<Mac, Hold>();

  /** Pools of networks that do not overlap. None may hold a reserved address. */
  constructor(pools: readonly AddressPool[], leases: readonly Lease[], reservations = new Reservations([])) {
    this.#shelves = pools.map(pool => new Shelf(pool));
    this.#reservations = reservations;
    const byExpiry = [...leases].sort((a, b) => a.expiresAt - b.expiresAt);
    for (const lease of byExpiry) this.#hold(boundBy(lease), 'loaded');
  }

  /** How many addresses the pools have in all. */
  get size(): number {
    return this.#shelves.reduce((sum, { pool }) => sum + pool.size, 0);
  }

  /** How many of them are leased. */
  leased(now: number): number {
    const leases = [...this.#byAddress.values()].filter(({ lease, until }) => lease && until > now);
    return leases.filter(({ address }) => this.#shelves.some(({ pool }) => pool.has(address))).length;
  }

  /** The lease that this card has, or had last, if nobody took the address since. */
  lease(mac: Mac): Lease | undefined {
    return this.#byMac.get(mac)?.lease;
  }

  /** Has this card an address in hand, or in memory, or is one kept for it? */
  knows(card: Card): boolean {
    return this.#byMac.has(card.mac) || this.#reservations.of(card) !== undefined;
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

  /** What is kept for a card in the network of this pool. */
  reservation(card: Card, pool: AddressPool): Reservation | undefined {
    const kept = this.#reservations.of(card);
    return kept && contains(pool.network, kept.address) ? kept : undefined;
  }

  /** Is this address kept for another card? */
  isKeptFromOthers(address: Ipv4, card: Card): boolean {
    const kept = this.#reservations.at(address);
    return kept !== undefined && kept !== this.#reservations.of(card);
  }

  /** May this card have this address? */
  isFree(address: Ipv4, { card, pool, now }: Wish): boolean {
    const given = pool.has(address) || this.reservation(card, pool)?.address === address;
    const holder = this.holder(address, now);
    return given && (holder === undefined || holder === card.mac);
  }

  /**
   * The address for a card: the one kept for it, then in the order of RFC 2131 4.3.1 the one it has or had, the one it
   * asks for, one never used, the one whose last holder has been gone longest.
   */
  choose(requested: Ipv4 | undefined, wish: Wish): Choice {
    const { card, pool, now } = wish;
    const former = this.#byMac.get(card.mac)?.address;
    for (const address of [this.reservation(card, pool)?.address, former, requested])
      if (address && this.isFree(address, wish)) return { address };
    const shelf = this.#shelfOf(pool);
    const address = shelf.next(now) ?? shelf.offerUntil(now + OFFER_TIME - OFFER_GUARD);
    return address ? { address } : { exhausted: shelf.exhaustion() };
  }

  /** Is there an address for a card that has none? */
  hasFree(pool: AddressPool, now: number): boolean {
    return this.#shelfOf(pool).next(now) !== undefined;
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

  /** The clock jumped by so many milliseconds: everything lasts as long as before. Returns the leases, to be kept again. */
  shift(milliseconds: number): Lease[] {
    const shifted = new Map([...this.#byAddress].map(([at, hold]) => [at, later(hold, milliseconds)]));
    for (const [address, hold] of shifted) {
      this.#byAddress.set(address, hold);
      if (this.#byMac.get(hold.mac)?.address === address) this.#byMac.set(hold.mac, hold);
    }
    for (const shelf of this.#shelves) shelf.replaceAll(hold => shifted.get(hold.address) ?? hold);
    return [...shifted.values()].flatMap(({ lease }) => lease ?? []);
  }

  /** In place of whoever held the address, and of whatever the card held. */
  #hold(hold: Hold, queue: QueueName): void {
    const { address, mac } = hold;
    const before = this.#byAddress.get(address);
    const own = this.#byMac.get(mac);
    if (before && before.mac !== mac && this.#byMac.get(before.mac) === before)
      this.#byMac.delete(before.mac);
    if (own && own.address !== address) this.#clear(own.address);
    this.#byAddress.set(address, hold);
    if (hold.declined) this.#byMac.delete(mac);
    else this.#byMac.set(mac, hold);
    // An address of no pool (kept for a card, or moved by the admin) is remembered for its renewal, but never recycled.
    this.#shelfWith(address)?.put(hold, queue);
  }

  #clear(address: Ipv4): void {
    this.#byAddress.delete(address);
    this.#shelfWith(address)?.clear(address);
  }

  #shelfWith(address: Ipv4): Shelf | undefined {
    for (const shelf of this.#shelves) if (shelf.pool.has(address)) return shelf;
    return undefined;
  }

  #shelfOf(pool: AddressPool): Shelf {
    const shelf = this.#shelves.find(one => one.pool === pool);
    if (shelf) return shelf;
    throw new Error(`the lease table has no pool for ${pool.network.address}/${pool.network.prefix}`);
  }
}

function boundBy(lease: Lease): Hold {
  return { address: lease.address, mac: lease.mac, until: lease.expiresAt, lease };
}

function later(hold: Hold, milliseconds: number): Hold {
  const { lease } = hold;
  return {
    ...hold,
    until: hold.until + milliseconds,
    ...(lease ? { lease: { ...lease, expiresAt: lease.expiresAt + milliseconds } } : {}),
  };
}
