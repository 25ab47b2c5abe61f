import { performance } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { ANY } from '../../src/base/ipv4.ts';
import type { Mac } from '../../src/base/mac.ts';
import { classify } from '../../src/domain/boot/classify.ts';
import { decide } from '../../src/domain/boot/decide.ts';
import { decideProxy } from '../../src/domain/boot/decideproxy.ts';
import { destination } from '../../src/wire/dhcp4/destination.ts';
import { maxMessageSize } from '../../src/wire/dhcp4/option-number.ts';
import { decode, encode } from '../../src/wire/dhcp4/packet.ts';
import { summary } from '../../src/wire/dhcp4/summary.ts';
import {
  address,
  dhcpPolicy,
  goldenBytes,
  goldenNames,
  leaseTable,
  relayedSubnet,
  sha256,
} from '../fakes/dhcp.ts';

const SECONDS = Number(process.env['PXEN_FUZZ_SECONDS'] ?? 2);
const SEED = Number(process.env['PXEN_FUZZ_SEED'] ?? Date.now() % 2 ** 32);
/** The card of the packets in test/golden. */
const RESERVED = '52:54:00:12:34:56' as Mac;
/** One packet at worst, with the pauses of a busy machine in it. A loop that the input can prolong takes far longer. */
const SLOWEST_MS = 1000;

/** Mulberry32: small, and the same on every machine. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** A packet from the wire with some bytes changed, inserted, cut off or added. */
function mutate(original: Uint8Array, random: (below: number) => number): Uint8Array {
  const bytes = [...original];
  for (let i = random(8); i >= 0; i--) {
    const at = random(4) === 0 ? random(bytes.length + 1) : 240 + random(Math.max(1, bytes.length - 240));
    const values = Array.from({ length: random(4) }, () => random(256));
    if (random(2) === 0) bytes.splice(at, values.length, ...values);
    else bytes.splice(at, random(3), ...values);
  }
  if (random(10) === 0) bytes.length = random(bytes.length + 1);
  if (random(50) === 0) bytes.push(...Array.from({ length: random(4000) }, () => random(3)));
  return Uint8Array.from(bytes);
}

/** Processor time of this thread: what others take meanwhile is not the packet's fault. */
function busyMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

test(
  `mutated packets never throw or hang (PXEN_FUZZ_SEED=${SEED} PXEN_FUZZ_SECONDS=${SECONDS})`,
  () => {
    const random = randomFrom(SEED);
    const originals = goldenNames().map(goldenBytes);
    const policy = dhcpPolicy({
      others: [relayedSubnet()],
      reservations: [{ mac: RESERVED, address: address('10.77.0.50') }],
    });
    const leases = leaseTable(policy);
    const outcomes = new Map<string, number>();
    let now = 1_700_000_000_000;
    let slowest = 0;

    const handle = (bytes: Uint8Array): string => {
      const packet = decode(bytes);
      if ('problem' in packet) return 'malformed';
      expect(summary(packet)).not.toMatch(/[\p{Cc}]/u);
      expect(decode(encode(packet, 65_535))).toHaveProperty('xid', packet.xid);
      const request = classify(packet, random(2) === 0, sha256);
      if ('problem' in request) return 'no request';
      const decision = decide(request, { policy, leases, now });
      if (decision.change) leases.apply(decision.change);
      if (decision.kind !== 'ignore') {
        const size = maxMessageSize(packet.options);
        expect(encode(decision.reply, size).length).toBeLessThanOrEqual(size - 28);
        destination(decision.reply);
      }
      const proxied = decideProxy(request, random(2) === 0 ? 'dhcp' : 'proxy', policy);
      if (proxied.kind !== 'ignore') expect(proxied.reply.yiaddr).toBe(ANY);
      return decision.kind;
    };

    for (const end = performance.now() + SECONDS * 1000; performance.now() < end; ) {
      const original = originals[random(originals.length)] ?? new Uint8Array();
      const bytes = mutate(original, random);
      const began = busyMs();
      const outcome = handle(bytes);
      slowest = Math.max(slowest, busyMs() - began);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      now += random(1000);
    }
    console.log(`seed ${SEED}:`, Object.fromEntries(outcomes), `slowest ${slowest.toFixed(1)} ms`);
    expect(slowest).toBeLessThan(SLOWEST_MS);
    expect([...outcomes.keys()]).toEqual(expect.arrayContaining(['malformed', 'offer', 'ack', 'ignore']));
  },
  (SECONDS + 20) * 1000,
);
