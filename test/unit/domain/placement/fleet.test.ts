import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { costOf } from '../../../../src/domain/placement/cost.ts';
import { Fleet } from '../../../../src/domain/placement/fleet.ts';
import { place } from '../../../../src/domain/placement/place.ts';
import { inOrder, type Snapshot, withVms } from '../../../../src/domain/placement/snapshot.ts';
import { Tournament } from '../../../../src/domain/placement/tournament.ts';
import { clusters } from './clusters.ts';

/** Costs of all hosts that run something, the offset for each VM, worked out the slow way. */
function totalOf({ rules, hosts }: Snapshot): number {
  return hosts.reduce((sum, { usage, profile }) => {
    const costFunction = rules.costFunctions.get(rules.profiles.get(profile)?.costFunction ?? '');
    if (!costFunction || usage.vms === 0) return sum;
    const cost = costOf(costFunction, usage).total + (usage.vms - 1) * costFunction.offset;
    return cost < Infinity ? sum + cost : sum;
  }, 0);
}

describe('a fleet', () => {
  test('puts every VM where place() does, also those of a shape that comes again and again', () => {
    fc.assert(
      fc.property(clusters(8, 6), fc.array(fc.nat(5), { maxLength: 40 }), ({ snapshot, requests }, picks) => {
        const names = inOrder(snapshot.hosts).map(host => host.name);
        const fleet = new Fleet(snapshot);
        let now = snapshot;
        for (const pick of picks) {
          const request = requests[pick % Math.max(1, requests.length)];
          if (!request) continue;
          const { host } = place(now, request);
          const index = fleet.best(request, 'total');
          expect(names[index] ?? null).toBe(host);
          if (host === null) continue;
          fleet.put(index, request);
          now = withVms(now, new Map([[host, [request]]]));
        }
      }),
    );
  });

  test('costs what its hosts cost, whatever was put and taken', () => {
    fc.assert(
      fc.property(clusters(5, 10), fc.array(fc.nat(9)), ({ snapshot, requests }, takes) => {
        const fleet = new Fleet(snapshot);
        const names = inOrder(snapshot.hosts).map(host => host.name);
        const before = fleet.cost();
        expect(before).toBeCloseTo(totalOf(snapshot), 6);
        const plain = requests.map(request => ({ ...request, group: undefined }));
        const hosts = plain.map(request => {
          const host = fleet.best(request, 'more');
          if (host >= 0) fleet.put(host, request);
          return host;
        });
        for (const take of takes) {
          const [request, host] = [plain[take], hosts[take] ?? -1];
          if (!request || host < 0) continue;
          fleet.take(host, request);
          hosts[take] = -1;
        }
        const after = plain.reduce((now, request, i) => {
          const name = names[hosts[i] ?? -1];
          return name === undefined ? now : withVms(now, new Map([[name, [request]]]));
        }, snapshot);
        expect(fleet.cost()).toBeCloseTo(totalOf(after), 6);
        expect(fleet.costSoFar + before).toBeCloseTo(fleet.cost(), 6);
      }),
    );
  });

  test('prices spreading for each pair of a group once, in whatever order they come and go', () => {
    fc.assert(
      fc.property(clusters(4, 8), ({ snapshot, requests }) => {
        const fleet = new Fleet({
          ...snapshot,
          hosts: snapshot.hosts.map(host => ({ ...host, groups: new Map() })),
        });
        const before = fleet.cost();
        const put = requests.flatMap(request => {
          const host = fleet.best(request, 'total');
          if (host >= 0) fleet.put(host, request);
          return host >= 0 ? [{ host, request }] : [];
        });
        for (const { host, request } of put) fleet.take(host, request);
        expect(fleet.cost()).toBeCloseTo(before, 6);
      }),
    );
  });
});

test('a tournament knows the first of the smallest after any changes', () => {
  const value = fc.constantFrom(0, 1, 2, 3, Infinity);
  fc.assert(
    fc.property(
      fc.array(value, { maxLength: 20 }),
      fc.array(fc.tuple(fc.nat(19), value)),
      (values, changes) => {
        const tournament = new Tournament(values.length);
        tournament.playAll(index => values[index] ?? Infinity);
        const check = (): void => {
          const least = Math.min(...values, Infinity);
          expect(tournament.best()).toBe(least === Infinity ? -1 : values.indexOf(least));
        };
        check();
        for (const [index, changed] of changes) {
          if (index >= values.length) continue;
          values[index] = changed;
          tournament.set(index, changed);
          check();
        }
      },
    ),
  );
});
