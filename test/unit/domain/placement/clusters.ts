import fc from 'fast-check';
import type { PlacementRequest, Snapshot } from '../../../../src/domain/placement/snapshot.ts';
import { rulesOf, snapshotIn } from './rules-of.ts';

const GiB = 2 ** 30;

/** Cost functions of every kind, hardware with and without devices, realms on and off. */
export const RULES = rulesOf(`pxen.vm {
  cost-functions {
    simple {
      vms { curve = linear, slope = 1, base = 0 }
      vcpus { curve = hard-soft, soft = 8, hard = 16, softAmt = 4, hardAmt = 32 }
      memory { curve = hard-soft, soft = 16 GiB, hard = 32 GiB, scale = 10 }
    }
    few { vms { curve = linear, slope = 0.1, base = 0, max = 3 }, scale = 2, offset = 7 }
    gpu {
      vcpus {
        curve = piecewise, cutoff = 6
        low { curve = constant, value = 2 }
        high { curve = linear, slope = 1.3, base = -4, max = 24 }
      }
      devices.gpu { curve = linear, slope = 1, base = 0, max = 2 }
      devices.fpga { curve = constant, value = 5 }
      offset = 100
    }
  }
  hardware-profiles {
    small { cores = 8, memory = 32 GiB, cost-function = simple }
    few { cores = 4, memory = 16 GiB, cost-function = few }
    gpu {
      cores = 16, memory = 64 GiB, cost-function = gpu
      devices = [
        { type = gpu, addr = "01:00.0" }, { type = gpu, addr = "02:00.0" }, { type = gpu, addr = "03:00.0" }
        { type = fpga, addr = "04:00.0" }
      ]
    }
  }
  realms {
    on { disabled = no, driver = pxen, name = On, drives.lazy-allocation = on }
    off { disabled = yes, driver = pxen, name = Off, drives.lazy-allocation = on }
  }
}`);

const count = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const coschedule = fc.oneof({ weight: 4, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: count(3) });
const devices = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.record({ gpu: count(2) }) },
  { weight: 1, arbitrary: fc.record({ fpga: count(1), gpu: count(1) }) },
);

const host = (index: number): fc.Arbitrary<object> =>
  fc.record({
    name: fc.constant(`h${index}`),
    profile: fc.constantFrom('small', 'few', 'gpu'),
    state: fc.constantFrom('enabled', 'enabled', 'enabled', 'no-scheduling', 'disabled'),
    usage: fc.record({ vms: count(3), vcpus: count(14), memory: count(20).map(n => n * GiB), devices }),
    runningCoschedule: fc.array(coschedule, { maxLength: 2 }),
    ...(index % 3 === 0 ? { failureGroup: fc.constantFrom('rack1', 'rack2') } : {}),
    ...(index % 4 === 1 ? { realm: fc.constantFrom('on', 'on', 'off') } : {}),
    ...(index % 5 === 2 ? { node: fc.record({ bridges: fc.constantFrom(['br0'], ['br0', 'br1']) }) } : {}),
    groups: fc.constantFrom({}, { web: 1 }, { db: 2 }),
  });

const request: fc.Arbitrary<object> = fc
  .record({
    vcpus: fc.integer({ min: 1, max: 9 }),
    memory: fc.integer({ min: 1, max: 24 }).map(n => n * GiB),
    devices,
    coschedule,
    group: fc.constantFrom(undefined, undefined, 'web', 'db'),
    realm: fc.constantFrom(undefined, undefined, undefined, 'on'),
    bridges: fc.constantFrom([], [], ['br1']),
    node: fc.constantFrom(undefined, undefined, undefined, undefined, 'h0', 'h1', 'nowhere'),
  })
  .map(fields => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)));

export interface Cluster {
  readonly snapshot: Snapshot;
  readonly requests: readonly PlacementRequest[];
}

/** A cluster in any state, and VMs that want to run on it. */
export function clusters(hosts: number, vms: number): fc.Arbitrary<Cluster> {
  return fc
    .tuple(
      fc
        .integer({ min: 1, max: hosts })
        .chain(n => fc.tuple(...Array.from({ length: n }, (_, i) => host(i)))),
      fc.array(request, { maxLength: vms }),
    )
    .map(([all, requests]) => {
      const { snapshot } = snapshotIn({ ...EMPTY, hosts: all, requests: [] });
      const read = snapshotIn({ ...EMPTY, hosts: [], requests });
      return { snapshot: { ...snapshot, rules: RULES }, requests: read.requests };
    });
}

/** Just enough for hosts to name their profiles and realms. */
const EMPTY = {
  costFunctions: { f: { vms: { curve: 'constant', value: 0 } } },
  profiles: Object.fromEntries(
    [...RULES.profiles.keys()].map(id => [id, { cores: 1, memory: 1, 'cost-function': 'f' }]),
  ),
  realms: Object.fromEntries(
    [...RULES.realms.keys()].map(id => [
      id,
      { disabled: false, driver: 'pxen', name: id, drives: { 'lazy-allocation': true } },
    ]),
  ),
};
