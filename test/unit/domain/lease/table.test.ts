import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Ipv4, ipv4FromNumber, ipv4ToNumber } from '../../../../src/base/ipv4.ts';
import { type Mac, macFromBytes } from '../../../../src/base/mac.ts';
import type { Lease } from '../../../../src/domain/lease/lease.ts';
import { AddressPool } from '../../../../src/domain/lease/pool.ts';
import type { Reservations } from '../../../../src/domain/lease/reservation.ts';
import {
  type Choice,
  LeaseTable,
  OFFER_GUARD,
  OFFER_TIME,
  QUARANTINE,
} from '../../../../src/domain/lease/table.ts';
import { address } from '../../../fakes/dhcp.ts';

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const A = address('10.77.0.100');
const B = address('10.77.0.101');
const C = address('10.77.0.102');
const card = (n: number): Mac => macFromBytes(Uint8Array.of(0x52, 0x54, 0, 0, n >> 8, n));

/** A table with one pool, which everybody asks. */
class OnePool extends LeaseTable {
  readonly pool: AddressPool;

  constructor(pool: AddressPool, leases: readonly Lease[], reservations?: Reservations) {
    super([pool], leases, reservations);
    this.pool = pool;
  }

  pick(mac: Mac, requested: Ipv4 | undefined, now: number): Choice {
    return this.choose(requested, { card: { mac, machineId: undefined }, pool: this.pool, now });
  }

  may(at: Ipv4, mac: Mac, now: number): boolean {
    return this.isFree(at, { card: { mac, machineId: undefined }, pool: this.pool, now });
  }
}

function table(leases: readonly Lease[] = [], size = 3, reservations?: Reservations): OnePool {
  const last = ipv4FromNumber(ipv4ToNumber(A) + size - 1);
  const server = { address: address('10.77.0.1'), prefix: 16 };
  const pool = new AddressPool(server, [{ first: A, last }], reservations?.addresses ?? []);
  return new OnePool(pool, leases, reservations);
}

function lease(mac: Mac, at = A, expiresAt = NOW + HOUR): Lease {
  return { mac, address: at, machineId: undefined, uuid: undefined, expiresAt };
}

function bind(leases: OnePool, ...all: Lease[]): OnePool {
  for (const one of all) leases.apply({ kind: 'bind', lease: one });
  return leases;
}

describe('choosing an address', () => {
  test('cards get addresses in ascending order', () => {
    const leases = bind(table(), lease(card(1), A));
    expect(leases.pick(card(2), undefined, NOW)).toEqual({ address: B });
  });

  test('a card gets the address it has, whatever it asks for', () => {
    expect(bind(table(), lease(card(1), B)).pick(card(1), C, NOW)).toEqual({ address: B });
  });

  test('a card gets the address it asks for, if that is free', () => {
    const leases = bind(table(), lease(card(1), B));
    expect(leases.pick(card(2), C, NOW)).toEqual({ address: C });
    expect(leases.pick(card(2), B, NOW)).toEqual({ address: A });
    expect(leases.pick(card(2), address('10.77.0.1'), NOW)).toEqual({ address: A });
  });

  test('a card whose lease has ended gets the same address again', () => {
    const leases = bind(table(), lease(card(1), B));
    expect(leases.pick(card(1), undefined, NOW + 2 * HOUR)).toEqual({ address: B });
  });

  test('addresses never used come before those whose lease has ended', () => {
    const leases = bind(table(), lease(card(1), A), lease(card(2), B));
    expect(leases.pick(card(3), undefined, NOW + 2 * HOUR)).toEqual({ address: C });
  });

  test('with none left, the address whose lease ended first is taken, and its former card gets another', () => {
    const leases = bind(table(), lease(card(2), B, NOW - 5), lease(card(1), A), lease(card(3), C));
    expect(leases.pick(card(4), undefined, NOW)).toEqual({ address: B });
    bind(leases, lease(card(4), B));
    expect(leases.lease(card(2))).toBeUndefined();
    expect(leases.pick(card(2), undefined, NOW)).toHaveProperty('exhausted');
  });

  test('a lease given back early is found behind leases that run', () => {
    const leases = bind(table(), lease(card(1), A), lease(card(2), B), lease(card(3), C));
    leases.apply({ kind: 'release', lease: lease(card(3), C, NOW) });
    expect(leases.pick(card(4), undefined, NOW)).toEqual({ address: C });
  });

  test('an exhausted pool says so with numbers', () => {
    const leases = bind(table([lease(card(1), A)]), lease(card(2), B));
    leases.apply({ kind: 'offer', mac: card(3), address: C, until: NOW + OFFER_TIME });
    expect(leases.pick(card(4), undefined, NOW)).toEqual({
      exhausted:
        'no free address: all 3 of 10.77.0.100-10.77.0.102 are taken (2 leased, 1 offered, 0 declined as in use); widen the pool or shorten the lease time',
    });
  });
});

describe('offers', () => {
  test('an offer keeps others away for 60 s', () => {
    const leases = table([], 1);
    leases.apply({ kind: 'offer', mac: card(1), address: A, until: NOW + OFFER_TIME });
    expect(leases.may(A, card(1), NOW)).toBe(true);
    expect(leases.may(A, card(2), NOW + OFFER_TIME - 1)).toBe(false);
    expect(leases.pick(card(2), undefined, NOW + OFFER_TIME)).toEqual({ address: A });
  });

  test('an offer that was not taken is free at once', () => {
    const leases = table([], 1);
    leases.apply({ kind: 'offer', mac: card(1), address: A, until: NOW + OFFER_TIME });
    expect(leases.offered(card(1), NOW)).toBe(A);
    leases.apply({ kind: 'withdraw', mac: card(1), address: A, until: NOW });
    expect(leases.offered(card(1), NOW)).toBeUndefined();
    expect(leases.pick(card(2), undefined, NOW)).toEqual({ address: A });
  });
});

test('with nothing else left, an offer that nobody took for ten seconds goes to another card', () => {
  const leases = table([], 1);
  leases.apply({ kind: 'offer', mac: card(1), address: A, until: NOW + OFFER_TIME });
  expect(leases.pick(card(2), undefined, NOW + OFFER_GUARD - 1)).toHaveProperty('exhausted');
  expect(leases.pick(card(2), undefined, NOW + OFFER_GUARD)).toEqual({ address: A });
});

test('an address that its card gave up for another one is found again', () => {
  const leases = table([], 2);
  leases.apply({ kind: 'offer', mac: card(1), address: A, until: NOW + OFFER_TIME });
  bind(leases, lease(card(1), B));
  expect(leases.pick(card(2), undefined, NOW)).toEqual({ address: A });
});

test('when the clock was set, everything lasts as long as before', () => {
  const leases = bind(table([], 3), lease(card(1), A));
  leases.apply({ kind: 'offer', mac: card(2), address: B, until: NOW + OFFER_TIME });
  leases.apply({ kind: 'decline', mac: card(3), address: C, until: NOW + QUARANTINE });
  const year = 8766 * HOUR;
  expect(leases.shift(year)).toEqual([lease(card(1), A, NOW + year + HOUR)]);
  expect(leases.leaseAt(A, NOW + year)).toEqual(lease(card(1), A, NOW + year + HOUR));
  expect(leases.offered(card(2), NOW + year)).toBe(B);
  expect(leases.holder(C, NOW + year)).toBe('declined');
  expect(leases.pick(card(4), undefined, NOW + year + HOUR)).toEqual({ address: B });
});

test('leases are counted while they run, inside of the pool', () => {
  const leases = bind(
    table(),
    lease(card(1), A),
    lease(card(2), B, NOW),
    lease(card(3), address('10.77.0.9')),
  );
  expect([leases.leased(NOW), leases.size]).toEqual([1, 3]);
});

test('a declined address is left alone for ten minutes, by its own card too', () => {
  const leases = bind(table([], 1), lease(card(1), A));
  leases.apply({ kind: 'decline', mac: card(1), address: A, until: NOW + QUARANTINE });
  expect(leases.holder(A, NOW)).toBe('declined');
  expect(leases.pick(card(1), A, NOW + QUARANTINE - 1)).toHaveProperty('exhausted');
  expect(leases.pick(card(2), undefined, NOW + QUARANTINE)).toEqual({ address: A });
});

test('a lease is found by its address while it runs', () => {
  const leases = bind(table(), lease(card(1), A));
  expect(leases.leaseAt(A, NOW)).toEqual(lease(card(1), A));
  expect(leases.leaseAt(A, NOW + HOUR)).toBeUndefined();
  expect(leases.leaseAt(B, NOW)).toBeUndefined();
});

describe('leases from before the start', () => {
  test('their order in the store does not matter', () => {
    const leases = table([
      lease(card(1), A, NOW + 9),
      lease(card(2), B, NOW - 9),
      lease(card(3), C, NOW - 5),
    ]);
    expect(leases.pick(card(4), undefined, NOW)).toEqual({ address: B });
  });

  test('one outside the pool is remembered for its card and given to nobody', () => {
    const outside = lease(card(1), address('10.77.0.9'));
    const leases = table([outside]);
    expect(leases.lease(card(1))).toEqual(outside);
    expect(leases.may(outside.address, card(1), NOW)).toBe(false);
    expect(leases.pick(card(1), undefined, NOW)).toEqual({ address: A });
  });
});

/** A step: this card asks, and then takes, gives back, declines or forgets what it was offered; time passes. */
const step = fc.record({
  mac: fc.integer({ min: 1, max: 12 }).map(card),
  next: fc.constantFrom('bind', 'release', 'decline', 'nothing'),
  wanted: fc.option(
    fc.integer({ min: 98, max: 108 }).map(n => address(`10.77.0.${n}`)),
    { nil: undefined },
  ),
  pause: fc.constantFrom(0, 1, OFFER_TIME, QUARANTINE, HOUR),
});

test('whatever happens, no two cards hold one address, and exhausted means that every address is held', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), steps => {
      const leases = table([], 6);
      let now = NOW;
      for (const { mac, next, wanted, pause } of steps) {
        now += pause;
        const holders = [...leases.pool.addresses()].map(one => leases.holder(one, now));
        const choice = leases.pick(mac, wanted, now);
        if ('exhausted' in choice) {
          expect(holders).not.toContain(undefined);
          continue;
        }
        expect(leases.pool.has(choice.address)).toBe(true);
        expect([undefined, mac]).toContain(leases.holder(choice.address, now));
        leases.apply({ kind: 'offer', mac, address: choice.address, until: now + OFFER_TIME });
        if (next === 'bind') bind(leases, lease(mac, choice.address, now + HOUR));
        if (next === 'release') leases.apply({ kind: 'release', lease: lease(mac, choice.address, now) });
        if (next === 'decline')
          leases.apply({ kind: 'decline', mac, address: choice.address, until: now + QUARANTINE });
        const cards = [...leases.pool.addresses()]
          .map(one => leases.holder(one, now))
          .filter(one => one !== 'declined');
        const present = cards.filter(one => one !== undefined);
        expect(new Set(present).size).toBe(present.length);
      }
    }),
  );
});
