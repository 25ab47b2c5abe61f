import { describe, expect, test } from 'vitest';
import { TokenBucket } from '../../../../src/base/bucket.ts';
import { macFromBytes } from '../../../../src/base/mac.ts';
import { RequestGate } from '../../../../src/domain/lease/gate.ts';

const card = (n: number) => macFromBytes(Uint8Array.of(0x52, 0x54, 0, n >> 16, n >> 8, n));

describe('a token bucket', () => {
  /** How many of `tries` are let through at a time. */
  const through = (bucket: TokenBucket, tries: number, now: number): number =>
    Array.from({ length: tries }, () => bucket.take(now)).filter(Boolean).length;

  test('gives what it holds at once, and then what flows in', () => {
    const bucket = new TokenBucket(3, 2, 0);
    expect(through(bucket, 10, 0)).toBe(3);
    expect(through(bucket, 10, 499)).toBe(0);
    expect(through(bucket, 10, 1000)).toBe(2);
    expect(through(bucket, 10, 3_600_000)).toBe(3);
  });
});

describe('the gate', () => {
  test('one card is slowed down, whoever it is, and others are not', () => {
    const gate = new RequestGate({ perCard: 2, addresses: 100 }, 0);
    const answers = Array.from({ length: 8 }, () => gate.refuses(card(1), true, 0));
    expect(answers).toEqual([...Array(6).fill(undefined), 'card', 'card']);
    expect(gate.refuses(card(2), true, 0)).toBeUndefined();
    expect(gate.refuses(card(1), true, 1000)).toBeUndefined();
  });

  test('a flood of made-up cards gets as many addresses as there are, then a twentieth a second', () => {
    const gate = new RequestGate({ perCard: 20, addresses: 200 }, 0);
    const admitted = (from: number, now: number): number =>
      Array.from({ length: 1000 }, (_, n) => gate.refuses(card(from + n), false, now)).filter(
        refused => refused === undefined,
      ).length;
    expect([admitted(0, 0), admitted(1000, 0), admitted(2000, 1000), admitted(3000, 11_000)]).toEqual([
      200, 0, 10, 100,
    ]);
    expect(gate.refuses(card(1), true, 11_000)).toBeUndefined();
  });

  test('cards that were silent longest are forgotten: a flood takes bounded memory', () => {
    const gate = new RequestGate({ perCard: 1, addresses: 1 }, 0);
    for (let i = 0; i < 3; i++) gate.refuses(card(0), true, 0);
    expect(gate.refuses(card(0), true, 0)).toBe('card');
    for (let n = 1; n <= 8192; n++) gate.refuses(card(n), true, 0);
    expect(gate.refuses(card(0), true, 0)).toBeUndefined();
  });
});
