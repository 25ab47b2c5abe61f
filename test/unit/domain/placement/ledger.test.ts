import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import {
  type Commitment,
  conflictsIn,
  type HostRecord,
  type Ledger,
  ledgerOf,
  reservation,
  snapshotOf,
} from '../../../../src/domain/placement/ledger.ts';
import { type PciAddress, parsePciAddress } from '../../../../src/domain/placement/pci.ts';
import { place } from '../../../../src/domain/placement/place.ts';
import type { PlacementRequest } from '../../../../src/domain/placement/snapshot.ts';
import { RULES } from './clusters.ts';

const GiB = 2 ** 30;
const HOST: HostRecord = { id: '00000001' as MachineId, name: 'h0', profile: 'gpu', state: 'enabled' };
const GPUS = ['01:00.0', '02:00.0', '03:00.0'].map(text => parsePciAddress(text) as PciAddress);
const LISTED = RULES.profiles.get('gpu')?.devices ?? [];

function vm(fields: Partial<PlacementRequest> = {}): PlacementRequest {
  return { name: 'vm', vcpus: 1, memory: GiB, devices: new Map(), coschedule: -1, ...fields };
}

const withGpu = vm({ devices: new Map([['gpu', 1]]) });

/** What a placement does: judges, then reserves. Undefined: refused. */
function started(ledger: Ledger, workload: string, request: PlacementRequest): Ledger | undefined {
  const others = ledger.filter(each => each.workload !== workload);
  if (place(snapshotOf(RULES, [HOST], others), request).host === null) return undefined;
  const made = reservation(ledger, HOST, LISTED, workload, request);
  return made && [...others, made];
}

function all(...workloads: readonly (readonly [string, PlacementRequest])[]): Ledger {
  return workloads.reduce<Ledger>(
    (ledger, [workload, request]) => started(ledger, workload, request) ?? ledger,
    [],
  );
}

function addresses(ledger: Ledger): string[] {
  return ledger.flatMap(({ devices }) => devices.map(({ address }) => address));
}

const running = (workload: string, change: Partial<Commitment> = {}): Commitment => ({
  workload,
  name: `name of ${workload}`,
  host: HOST.id,
  state: 'running',
  vcpus: 1,
  memory: GiB,
  devices: [],
  coschedule: -1,
  ...change,
});

describe('a reservation', () => {
  test('holds the resources, and its devices by address', () => {
    const request = vm({ vcpus: 4, devices: new Map([['gpu', 1]]), group: 'web' });
    const made = reservation([], HOST, LISTED, 'w1', request);
    expect(made).toEqual({
      workload: 'w1',
      name: 'vm',
      host: '00000001',
      state: 'reserved',
      vcpus: 4,
      memory: GiB,
      devices: [{ type: 'gpu', address: GPUS[0] }],
      coschedule: -1,
      group: 'web',
    });
    expect(snapshotOf(RULES, [HOST], made ? [made] : []).hosts).toEqual([
      {
        ...HOST,
        usage: { vms: 1, vcpus: 4, memory: GiB, devices: new Map([['gpu', 1]]) },
        coschedule: [-1],
        groups: new Map([['web', 1]]),
      },
    ]);
  });

  test('goes to one of two starts that were both told of the last GPU', () => {
    const two = vm({ devices: new Map([['gpu', 2]]) });
    const told = snapshotOf(RULES, [HOST], all(['w1', withGpu]));
    expect([place(told, withGpu).host, place(told, withGpu).host]).toEqual(['h0', 'h0']);
    const ledger = all(['w1', withGpu], ['w2', withGpu], ['w3', withGpu]);
    expect(ledger.map(({ workload }) => workload)).toEqual(['w1', 'w2']);
    expect(reservation(ledger, HOST, LISTED, 'w3', two)).toBeUndefined();
  });

  test('of what runs on the host already has the same devices again, whatever is free', () => {
    const ledger = all(['w1', withGpu], ['w2', withGpu]).filter(each => each.workload === 'w2');
    expect(addresses(ledger)).toEqual([GPUS[1]]);
    expect(reservation(ledger, HOST, LISTED, 'w2', withGpu)?.devices).toEqual([
      { type: 'gpu', address: GPUS[1] },
    ]);
    expect(reservation(ledger, HOST, LISTED, 'w3', withGpu)?.devices).toEqual([
      { type: 'gpu', address: GPUS[0] },
    ]);
  });

  test('never holds an address twice, nor more VMs than coschedule allows, whatever starts and ends', () => {
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
          ledger = start
            ? (started(ledger, workload, request) ?? ledger)
            : ledger.filter(each => each.workload !== workload);
          expect(new Set(addresses(ledger)).size).toBe(addresses(ledger).length);
          expect(ledger.length).toBeLessThanOrEqual(
            Math.min(Infinity, ...ledger.map(held => (held.coschedule < 0 ? Infinity : held.coschedule + 1))),
          );
        }
      }),
    );
  });
});

describe('the ledger', () => {
  test('counts what is known and what is being started, and nothing twice', () => {
    const reserved = running('w1', { state: 'reserved', vcpus: 4 });
    const elsewhere = running('w1', { host: '00000002' as MachineId });
    expect(ledgerOf([running('w1'), running('w2'), elsewhere], [reserved])).toEqual([
      running('w2'),
      elsewhere,
      reserved,
    ]);
  });

  test('names workloads that have the same device', () => {
    const gpu = (address: PciAddress | undefined): Pick<Commitment, 'devices'> => ({
      devices: [{ type: 'gpu', address: address as PciAddress }],
    });
    const other = { host: '00000002' as MachineId };
    const ledger = [
      running('w1', gpu(GPUS[0])),
      running('w2', gpu(GPUS[0])),
      running('w3', gpu(GPUS[1])),
      running('w4', { ...gpu(GPUS[0]), ...other }),
    ];
    expect(conflictsIn(ledger)).toEqual(
      new Map([['00000001', ['0000:01:00.0 is with name of w1 and with name of w2']]]),
    );
  });
});
