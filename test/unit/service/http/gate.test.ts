import { describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import { ApiGate, ReportGate } from '../../../../src/service/http/gate.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { RecordingLog } from '../../../fakes/log.ts';

const HERE = '10.0.0.1' as Ipv4;
const THERE = '10.0.0.2' as Ipv4;

function gate(tokens: readonly string[] = ['right', 'right too']) {
  const [clock, log] = [new ManualClock(), new RecordingLog()];
  return { gate: new ApiGate({ tokens: async () => tokens, clock, log }), clock, log };
}

const verdict = (one: ApiGate, from: Ipv4, header: string | undefined): Promise<string> =>
  one.check(from, header).then(
    () => 'in',
    (error: unknown) => (error instanceof PxenError ? error.code : String(error)),
  );

test.each([
  ['Bearer right', 'in'],
  ['bearer  right', 'in'],
  ['Bearer right too', 'UNAUTHORIZED'],
  ['Bearer wrong', 'UNAUTHORIZED'],
  ['Bearer righ', 'UNAUTHORIZED'],
  ['Bearer ', 'UNAUTHORIZED'],
  ['Basic right', 'UNAUTHORIZED'],
  ['right', 'UNAUTHORIZED'],
  ['', 'UNAUTHORIZED'],
  [undefined, 'UNAUTHORIZED'],
])('%j', async (header, answer) => expect(await verdict(gate().gate, HERE, header)).toBe(answer));

test('without any token nobody comes in', async () => {
  expect(await verdict(gate([]).gate, HERE, 'Bearer undefined')).toBe('UNAUTHORIZED');
});

describe('guessing', () => {
  const wrong = async (one: ApiGate, from: Ipv4, times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await verdict(one, from, `Bearer guess${i}`);
  };

  test('ten wrong tokens shut an address out for a minute, even with the right one; others come in', async () => {
    const { gate: one, clock, log } = gate();
    await wrong(one, HERE, 10);
    const seen = [await verdict(one, HERE, 'Bearer right'), await verdict(one, THERE, 'Bearer right')];
    clock.advance(59_999);
    seen.push(await verdict(one, HERE, 'Bearer right'));
    clock.advance(1);
    seen.push(await verdict(one, HERE, 'Bearer right'));
    expect(seen).toEqual(['RATE_LIMITED', 'in', 'RATE_LIMITED', 'in']);
    expect(log.lines).toEqual([
      'warn http: 10.0.0.1 showed 10 wrong API tokens and is shut out for a minute',
    ]);
  });

  test('nine a minute do not, nor does asking without one', async () => {
    const { gate: one, clock } = gate();
    for (let minute = 0; minute < 5; minute++) {
      await wrong(one, HERE, 9);
      clock.advance(60_000);
    }
    for (let i = 0; i < 50; i++) await verdict(one, HERE, undefined);
    expect(await verdict(one, HERE, 'Bearer right')).toBe('in');
  });

  test('from very many addresses takes no more than a bounded memory', async () => {
    const { gate: one } = gate();
    await wrong(one, HERE, 10);
    for (let i = 0; i < 5000; i++) await wrong(one, `10.1.${i >> 8}.${i & 255}` as Ipv4, 1);
    expect(await verdict(one, HERE, 'Bearer right')).toBe('in');
  });
});

describe('reports', () => {
  const taken = (one: ReportGate, from: Ipv4, times: number): number => {
    let count = 0;
    for (let i = 0; i < times; i++) {
      try {
        one.check(from);
        count++;
      } catch (error) {
        expect(error).toMatchObject({
          code: 'RATE_LIMITED',
          message: `too many reports from ${from}`,
          details: ['3 a second are taken'],
        });
      }
    }
    return count;
  };

  test('30 at once from one address and 3 a second; others are not harmed', () => {
    const clock = new ManualClock();
    const one = new ReportGate(clock);
    const seen = [taken(one, HERE, 100), taken(one, THERE, 20)];
    clock.advance(2000);
    expect([...seen, taken(one, HERE, 100)]).toEqual([30, 20, 6]);
  });
});
