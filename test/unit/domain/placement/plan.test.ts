import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isBetter } from '../../../../src/domain/placement/draft.ts';
import { ordersOf } from '../../../../src/domain/placement/orders.ts';
import { place } from '../../../../src/domain/placement/place.ts';
import { plan, planning } from '../../../../src/domain/placement/plan.ts';
import { type PlacementRequest, type Snapshot, withVms } from '../../../../src/domain/placement/snapshot.ts';
import { clusters, RULES } from './clusters.ts';
import { optimum } from './optimum.ts';
import { snapshotIn } from './rules-of.ts';

const GiB = 2 ** 30;

/** Enough to find every improvement on clusters this small. */
const EFFORT = 200_000;

function free({ requests, snapshot }: { snapshot: Snapshot; requests: readonly PlacementRequest[] }): {
  snapshot: Snapshot;
  requests: readonly PlacementRequest[];
} {
  return { snapshot, requests: requests.map(request => ({ ...request, node: undefined })) };
}

describe('a plan', () => {
  test('can be carried out: every VM goes where it may go beside the others', () => {
    fc.assert(
      fc.property(clusters(5, 10).map(free), ({ snapshot, requests }) => {
        const { placements, score } = plan(snapshot, requests, EFFORT);
        const vms = placements.flatMap(({ host }, i) =>
          host === null ? [] : [{ host, request: requests[i] }],
        );
        expect(vms.length).toBe(score.placed);
        // Without its last VM each host still has room for it: so it had for all of them, in some order.
        for (const [at, { host, request }] of vms.entries()) {
          const others = Map.groupBy(
            vms.filter((_, i) => i !== at),
            vm => vm.host,
          );
          const before = withVms(
            snapshot,
            new Map([...others].map(([name, list]) => [name, list.flatMap(vm => vm.request ?? [])])),
          );
          if (request) expect(place(before, { ...request, node: host }).host).toBe(host);
          const alone = before.hosts.filter(other => other.name === host);
          if (request) expect(place({ ...before, hosts: alone }, request).host).toBe(host);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('is never worse than one by one, and always the same', () => {
    fc.assert(
      fc.property(clusters(6, 12), ({ snapshot, requests }) => {
        const first = plan(snapshot, requests, EFFORT);
        expect(isBetter(first.oneByOne, first.score)).toBe(false);
        expect(plan(snapshot, requests, EFFORT)).toEqual(first);
        expect(first.placements.map(({ name }) => name)).toEqual(requests.map(({ name }) => name));
      }),
      { numRuns: 50 },
    );
  });

  test('is made in slices, so that whoever makes it can serve others meanwhile', () => {
    const { snapshot, requests } = snapshotIn({
      costFunctions: { f: { vcpus: { curve: 'hard-soft', soft: 32, hard: 64 } } },
      profiles: { p: { cores: 64, memory: 512 * GiB, 'cost-function': 'f' } },
      hosts: Array.from({ length: 60 }, (_, i) => ({ name: `h${i}`, profile: 'p', state: 'enabled' })),
      requests: Array.from({ length: 400 }, (_, i) => ({ vcpus: 1 + (i % 13), memory: GiB * (1 + (i % 7)) })),
    });
    const slices = planning(snapshot, requests, EFFORT);
    let pauses = 0;
    let step = slices.next();
    for (; !step.done; pauses++) step = slices.next();
    expect(pauses).toBeGreaterThan(4);
    expect(step.value).toEqual(plan(snapshot, requests, EFFORT));
  });

  test('finds the optimum of small clusters', () => {
    let found = 0;
    let runs = 0;
    fc.assert(
      fc.property(clusters(3, 5).map(free), ({ snapshot, requests }) => {
        const { score } = plan(snapshot, requests, EFFORT);
        const best = optimum(snapshot, requests);
        expect(isBetter(score, best)).toBe(false);
        runs++;
        if (!isBetter(best, score)) found++;
      }),
      { numRuns: 100, seed: 7 },
    );
    expect(found / runs).toBeGreaterThan(0.97);
  });

  test('places what one by one cannot, and says why the rest fits nowhere', () => {
    const { snapshot, requests } = snapshotIn({
      costFunctions: { f: { vcpus: { curve: 'hard-soft', soft: 4, hard: 8 } } },
      profiles: { p: { cores: 8, memory: 64 * GiB, 'cost-function': 'f' } },
      hosts: ['a', 'b'].map(name => ({ name, profile: 'p', state: 'enabled' })),
      requests: [2, 2, 2, 2, 8, 9].map((vcpus, i) => ({ name: `vm${i}`, vcpus, memory: GiB })),
    });
    const { placements, score, oneByOne } = plan(snapshot, requests);
    expect([score, oneByOne]).toEqual([
      { placed: 5, cost: 20 },
      { placed: 4, cost: 2 },
    ]);
    expect(placements.map(({ host }) => host)).toEqual(['b', 'b', 'b', 'b', 'a', null]);
    expect(placements.at(-1)?.reasons).toEqual([
      'a: 9 vCPUs do not fit: it has 8',
      'b: 9 vCPUs do not fit: it has 8',
    ]);
  });

  test('an offset keeps VMs off a host, also when others are on it already', () => {
    const gpus = [
      { type: 'gpu', addr: '01:00.0' },
      { type: 'gpu', addr: '02:00.0' },
    ];
    const linear = { curve: 'linear', slope: 1, base: 0 };
    const { snapshot, requests } = snapshotIn({
      costFunctions: { f: { vcpus: linear }, g: { vcpus: linear, devices: { gpu: linear }, offset: 1000 } },
      profiles: {
        p: { cores: 8, memory: 64 * GiB, 'cost-function': 'f' },
        q: { cores: 8, memory: 64 * GiB, 'cost-function': 'g', devices: gpus },
      },
      hosts: [
        { name: 'a', profile: 'p', state: 'enabled' },
        { name: 'b', profile: 'q', state: 'enabled' },
      ],
      requests: [{ gpu: 1 }, {}, {}, { gpu: 1 }].map(wanted => ({ vcpus: 2, memory: GiB, devices: wanted })),
    });
    const { placements, score } = plan(snapshot, requests);
    expect(placements.map(({ host }) => host)).toEqual(['b', 'a', 'a', 'b']);
    expect(score).toEqual({ placed: 4, cost: 4 + 4 + 2 + 2 * 1000 });
  });

  test('of equal VMs places the ones that were asked for first', () => {
    const { snapshot, requests } = snapshotIn({
      costFunctions: { f: { vms: { curve: 'linear', slope: 1, base: 0, max: 2 } } },
      profiles: { p: { cores: 8, memory: 64 * GiB, 'cost-function': 'f' } },
      hosts: [{ name: 'a', profile: 'p', state: 'enabled' }],
      requests: [1, 2, 2, 1, 1].map(vcpus => ({ vcpus, memory: GiB })),
    });
    const hosts = plan(snapshot, requests).placements.map(({ host }) => host);
    expect(hosts.filter(host => host !== null)).toHaveLength(2);
    expect(hosts.slice(3).every(host => host === null) || hosts[0] !== null).toBe(true);
    expect(hosts[2] === null || hosts[1] !== null).toBe(true);
  });

  test('gives VMs with a coschedule limit their hosts first (FW-27)', () => {
    const [first] = ordersOf(
      [
        { coschedule: -1, vcpus: 8 },
        { coschedule: 2, vcpus: 1 },
        { coschedule: 0, vcpus: 1 },
        { coschedule: -1, vcpus: 1, node: 'h' },
        { coschedule: -1, vcpus: 1, devices: new Map([['gpu', 1]]) },
      ].map((fields, i) => ({ name: `vm${i}`, memory: GiB, devices: new Map(), ...fields })),
    );
    expect(first).toEqual([3, 2, 1, 4, 0]);
  });

  test('of nothing is nothing', () => {
    expect(plan({ rules: RULES, hosts: [] }, [])).toEqual({
      placements: [],
      score: { placed: 0, cost: 0 },
      oneByOne: { placed: 0, cost: 0 },
    });
  });
});
