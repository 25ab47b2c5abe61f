import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Commitment,
  confirm,
  drop,
  type HostRecord,
  type Ledger,
  rebuild,
  reserve,
  snapshotOf,
} from '../../../../src/domain/placement/ledger.ts';
import { type PciAddress, parsePciAddress } from '../../../../src/domain/placement/pci.ts';
import { place } from '../../../../src/domain/placement/place.ts';
import type { PlacementRequest } from '../../../../src/domain/placement/snapshot.ts';
import { RULES } from './clusters.ts';

const GiB = 2 ** 30;
const HOST: HostRecord = { name: 'h0', profile: 'gpu', state: 'enabled' };
const GPUS = ['01:00.0', '02:00.0', '03:00.0'].map(text => parsePciAddress(text) as PciAddress);

function vm(fields: Partial<PlacementRequest> = {}): PlacementRequest {
  return { name: 'vm', vcpus: 1, memory: GiB, devices: new Map(), coschedule: -1, ...fields };
}

const withGpu = vm({ devices: new Map([['gpu', 1]]) });

/** Reserves one after the other; what is refused is told. */
function reserved(
  ledger: Ledger,
  workloads: Readonly<Record<string, PlacementRequest>>,
): { ledger: Ledger; refused: string[] } {
  const refused: string[] = [];
  let now = ledger;
  for (const [workload, request] of Object.entries(workloads)) {
    const result = reserve(now, RULES, HOST, workload, request);
    if ('refused' in result) refused.push(`${workload}: ${result.refused}`);
    else now = result.ledger;
  }
  return { ledger: now, refused };
}

function addresses(ledger: Ledger): string[] {
  return ledger.flatMap(({ devices }) => devices.map(({ address }) => address));
}

describe('a reservation', () => {
  test('holds the resources, and its devices by address', () => {
    const result = reserve(
      [],
      RULES,
      HOST,
      'w1',
      vm({ vcpus: 4, devices: new Map([['gpu', 1]]), group: 'web' }),
    );
    expect(result).toEqual({
      ledger: ['commitment' in result && result.commitment],
      commitment: {
        workload: 'w1',
        host: 'h0',
        state: 'reserved',
        vcpus: 4,
        memory: GiB,
        devices: [{ type: 'gpu', address: GPUS[0] }],
        coschedule: -1,
        group: 'web',
      },
    });
    const [view] = snapshotOf(RULES, [HOST], 'ledger' in result ? result.ledger : []).hosts;
    expect(view).toEqual({
      ...HOST,
      usage: { vms: 1, vcpus: 4, memory: GiB, devices: new Map([['gpu', 1]]) },
      coschedule: [-1],
      groups: new Map([['web', 1]]),
    });
  });

  test('goes to one of two starts that were both told of the last GPU', () => {
    const { ledger } = reserved([], { w1: withGpu });
    const told = snapshotOf(RULES, [HOST], ledger);
    expect([place(told, withGpu).host, place(told, withGpu).host]).toEqual(['h0', 'h0']);
    expect(reserved(ledger, { w2: withGpu, w3: withGpu })).toEqual({
      ledger: expect.objectContaining({ length: 2 }),
      refused: ['w3: h0: its cost function has no price for gpu at 3'],
    });
  });

  test('is refused twice for one workload, and on a host that takes nothing', () => {
    expect(reserved([], { w1: vm() }).refused).toEqual([]);
    const { ledger } = reserved([], { w1: vm() });
    expect(reserved(ledger, { w1: vm() }).refused).toEqual(['w1: it already has a place on h0']);
    expect(reserve([], RULES, { ...HOST, state: 'disabled' }, 'w1', vm())).toEqual({
      refused: 'h0: disabled',
    });
  });

  test('dropped, its devices are free again', () => {
    const { ledger } = reserved([], { w1: withGpu, w2: withGpu });
    const after = drop(ledger, 'w1');
    expect(addresses(after)).toEqual([GPUS[1]]);
    expect(addresses(reserved(after, { w3: withGpu }).ledger)).toEqual([GPUS[1], GPUS[0]]);
  });

  test('becomes running when its node confirms', () => {
    const { ledger } = reserved([], { w1: vm(), w2: vm() });
    expect(confirm(ledger, 'w1').map(({ state }) => state)).toEqual(['running', 'reserved']);
  });

  test('and no address is ever held twice, whatever starts and ends', () => {
    const step = fc.record({
      workload: fc.constantFrom('w1', 'w2', 'w3', 'w4', 'w5'),
      start: fc.boolean(),
      gpu: fc.integer({ min: 0, max: 3 }),
      coschedule: fc.constantFrom(-1, -1, 2),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        let ledger: Ledger = [];
        for (const { workload, start, gpu, coschedule } of steps) {
          const request = vm({ devices: new Map([['gpu', gpu]]), coschedule });
          const result = start
            ? reserve(ledger, RULES, HOST, workload, request)
            : { ledger: drop(ledger, workload) };
          if ('ledger' in result) ledger = result.ledger;
          expect(new Set(addresses(ledger)).size).toBe(addresses(ledger).length);
          expect(ledger.length).toBeLessThanOrEqual(
            Math.min(Infinity, ...ledger.map(held => (held.coschedule < 0 ? Infinity : held.coschedule + 1))),
          );
        }
      }),
    );
  });
});

describe('after a restart', () => {
  const running = (workload: string, gpu?: number): Omit<Commitment, 'host' | 'state'> => ({
    workload,
    vcpus: 1,
    memory: GiB,
    devices: gpu === undefined ? [] : [{ type: 'gpu', address: GPUS[gpu] as PciAddress }],
    coschedule: -1,
  });

  test('the ledger is what the nodes report', () => {
    const { ledger, conflicts } = rebuild(
      [],
      [
        { host: 'h0', running: [running('w1', 0)] },
        { host: 'h1', running: [running('w2', 0)] },
      ],
    );
    expect(conflicts).toEqual([]);
    expect(ledger.map(({ workload, host, state }) => [workload, host, state])).toEqual([
      ['w1', 'h0', 'running'],
      ['w2', 'h1', 'running'],
    ]);
  });

  test('reservations stay until they are confirmed or dropped, and silent hosts keep what they had', () => {
    const before = rebuild(
      [],
      [
        { host: 'h0', running: [running('old')] },
        { host: 'lost', running: [running('w9')] },
      ],
    ).ledger;
    const pending = reserved(before, { w1: withGpu, w2: vm() }).ledger;
    const { ledger } = rebuild(pending, [{ host: 'h0', running: [running('w2')] }]);
    expect(ledger.map(({ workload, host, state }) => [workload, host, state])).toEqual([
      ['w9', 'lost', 'running'],
      ['w1', 'h0', 'reserved'],
      ['w2', 'h0', 'running'],
    ]);
  });

  test('what cannot be is told', () => {
    const { conflicts } = rebuild(
      [],
      [
        { host: 'h0', running: [running('w1', 0), running('w2', 0)] },
        { host: 'h1', running: [running('w1')] },
      ],
    );
    expect(conflicts).toEqual(['w1 is on h0 and on h1', '0000:01:00.0 of h0 is with w1 and with w2']);
  });
});
