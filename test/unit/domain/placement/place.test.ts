import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coscheduleLimit, mayJoin } from '../../../../src/domain/placement/coschedule.ts';
import { type Placement, place } from '../../../../src/domain/placement/place.ts';
import { withVms } from '../../../../src/domain/placement/snapshot.ts';
import { clusters } from './clusters.ts';
import { snapshotIn } from './rules-of.ts';

const GiB = 2 ** 30;

const BASE = {
  costFunctions: {
    simple: {
      vms: { curve: 'linear', slope: 1, base: 0 },
      vcpus: { curve: 'hard-soft', soft: 8, hard: 16, softAmt: 4, hardAmt: 32 },
      memory: { curve: 'hard-soft', soft: '16 GiB', hard: '32 GiB', scale: 10 },
    },
    gpu: {
      devices: { gpu: { curve: 'linear', slope: 1, base: 0, max: 2 } },
      vms: { curve: 'constant', value: 0 },
      offset: 1000,
    },
  },
  profiles: {
    small: { cores: 8, memory: 32 * GiB, 'cost-function': 'simple' },
    gpu: {
      cores: 8,
      memory: 32 * GiB,
      'cost-function': 'gpu',
      devices: [1, 2, 3].map(n => ({ type: 'gpu', addr: `0${n}:00.0` })),
    },
  },
  realms: Object.fromEntries(
    ['on', 'off'].map(id => [
      id,
      { disabled: id === 'off', driver: 'pxen', name: id, drives: { 'lazy-allocation': true } },
    ]),
  ),
};

function placed(hosts: readonly object[], request: object): Placement {
  const { snapshot, requests } = snapshotIn({
    ...BASE,
    hosts: hosts.map(host => ({ profile: 'small', state: 'enabled', ...host })),
    request: { vcpus: 2, memory: 2 * GiB, ...request },
  });
  const [only] = requests;
  if (!only) throw new Error('no request');
  return place(snapshot, only);
}

function outcome(hosts: readonly object[], request: object): [string | null, ...string[]] {
  const { host, reasons } = placed(hosts, request);
  return [host, ...reasons];
}

describe('of the hosts that can take a VM', () => {
  test('the one with the smallest total cost wins, the VM counted in (X-7)', () => {
    const hosts = [
      { name: 'a', usage: { vms: 2, vcpus: 6, memory: 4 * GiB } },
      { name: 'b', usage: { vms: 1, vcpus: 4, memory: 8 * GiB } },
    ];
    expect(placed(hosts, {})).toEqual({
      host: 'a',
      reasons: ['b: costs 11.25, a costs 10.75'],
      costs: [
        {
          host: 'a',
          total: 10.75,
          parts: { vms: 3, vcpus: 4, memory: 3.75, devices: {}, offset: 0 },
        },
        {
          host: 'b',
          total: 11.25,
          parts: { vms: 2, vcpus: 3, memory: 6.25, devices: {}, offset: 0 },
        },
      ],
    });
  });

  test('an offset keeps a host free as long as there is any other choice', () => {
    const busy = { name: 'b', usage: { vms: 9, vcpus: 12, memory: 20 * GiB } };
    expect(outcome([{ name: 'a', profile: 'gpu' }, busy], {})).toEqual(['b', 'a: costs 1000, b costs 78.75']);
    const full = { name: 'b', usage: { vms: 9, vcpus: 15, memory: 20 * GiB } };
    expect(outcome([{ name: 'a', profile: 'gpu' }, full], {})[0]).toBe('a');
  });

  test('of equals the first by name wins, in whatever order they come', () => {
    const hosts = [{ name: 'b' }, { name: 'a' }, { name: 'B' }];
    expect(outcome(hosts, {})).toEqual([
      'B',
      'a: costs 3.25 too; B is first by name',
      'b: costs 3.25 too; B is first by name',
    ]);
  });
});

describe('a host is refused', () => {
  const room = { name: 'z' };
  test.each([
    ['disabled', { state: 'disabled' }, {}, 'disabled'],
    ['drained', { state: 'no-scheduling' }, {}, 'no-scheduling: it takes no new VMs'],
    ['in another realm', {}, { realm: 'on' }, 'not in realm on'],
    ['in a disabled realm', { realm: 'off' }, {}, 'its realm off is disabled'],
    ['without the engine', { node: { engines: ['qemu'] } }, { engine: 'stratovirt' }, 'no engine stratovirt'],
    ['of another architecture', { node: { arch: 'aarch64' } }, { arch: 'x86_64' }, 'aarch64, not x86_64'],
    [
      'without a bridge',
      { node: { bridges: ['br0'] } },
      { bridges: ['br0', 'br1', 'br2'] },
      'no bridge br1, br2',
    ],
    ['with fewer cores than one VM wants', {}, { vcpus: 9 }, '9 vCPUs do not fit: it has 8'],
    ['with fewer threads than that', { node: { threads: 1 } }, {}, '2 vCPUs do not fit: it has 1'],
    ['with less memory', {}, { memory: 33 * GiB }, '33.0 GiB of memory do not fit: it has 32.0 GiB'],
    [
      'with less memory left',
      { node: { memAvailable: GiB } },
      {},
      '2.0 GiB of memory do not fit: it has 1.0 GiB',
    ],
    ['without the device', {}, { devices: { gpu: 1 } }, '1 gpu asked for, 0 of 0 free'],
    [
      'whose devices are in use',
      { profile: 'gpu', usage: { devices: { gpu: 2 } } },
      { devices: { gpu: 2 } },
      '2 gpu asked for, 1 of 3 free',
    ],
    [
      'beyond what its cost function allows',
      { profile: 'gpu', usage: { devices: { gpu: 1 } } },
      { devices: { gpu: 2 } },
      'its cost function has no price for gpu at 3',
    ],
    [
      'beyond several caps',
      { usage: { vms: 1, vcpus: 15, memory: 31 * GiB } },
      {},
      'its cost function has no price for vcpus at 17, memory at 33.0 GiB',
    ],
    [
      'when the VM wants fewer neighbours',
      { usage: { vms: 2 } },
      { coschedule: 1 },
      'coschedule 1 of the VM, and 2 VMs already there',
    ],
    [
      'when a VM there wants fewer neighbours',
      { usage: { vms: 2 }, runningCoschedule: [-1, 1] },
      {},
      'a VM there has coschedule 1, and 2 VMs already there',
    ],
  ])('%s', (_, host, request, reason) => {
    expect(outcome([{ name: 'a', ...host }], request)).toEqual([null, `a: ${reason}`]);
  });

  test('and another one gets the VM', () => {
    expect(outcome([{ name: 'a', state: 'disabled' }, room], {})).toEqual(['z', 'a: disabled']);
  });
});

describe('coschedule', () => {
  test('is the number of others, and 0 is a host of its own', () => {
    const hosts = [{ name: 'a' }, { name: 'b', usage: { vms: 1 } }];
    expect(outcome(hosts, { coschedule: 0 })[0]).toBe('a');
    expect(outcome([{ name: 'b', usage: { vms: 1 } }], { coschedule: 1 })[0]).toBe('b');
  });

  test.each([
    [[], 0, -1, true],
    [[0], 1, -1, false],
    [[3, 1], 1, -1, true],
    [[3, 1], 2, -1, false],
    [[], 2, 2, true],
    [[], 3, 2, false],
    [[-1, -1], 500, -1, true],
  ])('beside VMs with %j, %d in all, one with %d: %j', (values, vms, coschedule, allowed) => {
    expect(mayJoin(vms, coscheduleLimit(values), coschedule)).toBe(allowed);
  });
});

describe('a named node', () => {
  const dear = { name: 'a', usage: { vms: 30, vcpus: 15, memory: 31 * GiB } };
  test('is taken whatever it costs', () => {
    expect(outcome([dear, { name: 'b' }], { node: 'a' })).toEqual(['a', 'b: a is named']);
  });

  test.each([
    [{ state: 'disabled' }, {}, 'disabled'],
    [{ state: 'no-scheduling' }, {}, 'no-scheduling: it takes no new VMs'],
    [{}, { devices: { gpu: 1 } }, '1 gpu asked for, 0 of 0 free'],
    [
      { usage: { vms: 1 }, runningCoschedule: [0] },
      {},
      'a VM there has coschedule 0, and 1 VM already there',
    ],
    [{}, { vcpus: 9 }, '9 vCPUs do not fit: it has 8'],
  ])('has to be able to: %j, %j', (host, request, reason) => {
    expect(outcome([{ name: 'a', ...host }, { name: 'b' }], { node: 'a', ...request })).toEqual([
      null,
      `a: ${reason}`,
      'b: a is named',
    ]);
  });

  test('has to exist', () => {
    expect(outcome([{ name: 'b' }], { node: 'a' })).toEqual([
      null,
      'a: there is no such host',
      'b: a is named',
    ]);
  });
});

test('without hosts there is one reason', () => {
  expect(outcome([], {})).toEqual([null, 'there are no hosts']);
});

describe('VMs of one placement.group', () => {
  const hosts = [
    { name: 'a', failureGroup: 'rack1', groups: { web: 1 }, usage: { vms: 1 } },
    { name: 'b', failureGroup: 'rack1', usage: { vms: 3 } },
    { name: 'c', failureGroup: 'rack2', usage: { vms: 8 } },
    { name: 'd', usage: { vms: 9 } },
  ];

  test('are spread over failure groups, as far as that is worth its cost', () => {
    expect(outcome(hosts, {})[0]).toBe('a');
    expect(outcome(hosts, { group: 'web' })[0]).toBe('c');
    expect(outcome(hosts, { group: 'db' })[0]).toBe('a');
  });

  test('pay for each other member that fails with them, and again for one on the same host', () => {
    const { costs } = placed(hosts, { group: 'web' });
    expect(costs.map(({ host, parts }) => [host, parts.spread])).toEqual([
      ['a', 20],
      ['b', 10],
      ['c', 0],
      ['d', 0],
    ]);
  });

  test('never keep a VM from the only host there is', () => {
    expect(outcome([{ name: 'a', groups: { web: 50 }, usage: { vms: 50 } }], { group: 'web' })).toEqual([
      'a',
    ]);
  });
});

describe('in any cluster', () => {
  test('hard caps, devices, coschedule and states hold, whatever was placed before', () => {
    fc.assert(
      fc.property(clusters(6, 12), ({ snapshot, requests }) => {
        let now = snapshot;
        for (const request of requests) {
          const { host: name, reasons, costs } = place(now, request);
          const host = now.hosts.find(other => other.name === name);
          expect(new Set(reasons.map(line => line.split(':')[0])).size).toBe(reasons.length);
          if (!host) continue;
          const profile = now.rules.profiles.get(host.profile);
          expect(host.state).toBe('enabled');
          expect(host.realm).not.toBe('off');
          expect(request.vcpus).toBeLessThanOrEqual(profile?.cores ?? 0);
          if (request.node === undefined)
            expect(costs.find(cost => cost.host === name)?.total).toBeLessThan(Infinity);
          now = withVms(now, new Map([[host.name, [request]]]));
          const after = now.hosts.find(other => other.name === name);
          for (const [type] of request.devices)
            if ((request.devices.get(type) ?? 0) > 0)
              expect(after?.usage.devices.get(type)).toBeLessThanOrEqual(
                profile?.devices.filter(device => device.type === type).length ?? 0,
              );
          expect(after?.usage.vms).toBeLessThanOrEqual(coscheduleLimit(after?.coschedule ?? []));
        }
      }),
    );
  });

  test('the order of the hosts changes nothing, and the same question has the same answer', () => {
    fc.assert(
      fc.property(clusters(6, 1), ({ snapshot, requests }) => {
        const shuffled = { ...snapshot, hosts: snapshot.hosts.toReversed() };
        for (const request of requests) {
          expect(place(shuffled, request)).toEqual(place(snapshot, request));
          expect(place(snapshot, request)).toEqual(place(snapshot, request));
        }
      }),
    );
  });

  test('nobody cheaper is passed over', () => {
    fc.assert(
      fc.property(clusters(6, 1), ({ snapshot, requests: [request] }) => {
        if (!request || request.node !== undefined) return;
        const { host, costs } = place(snapshot, request);
        const alone = snapshot.hosts.map(one => {
          const { host: taken, costs: own } = place(
            { ...snapshot, hosts: [one] },
            { ...request, group: undefined },
          );
          return { name: one.name, total: taken === null ? Infinity : (own[0]?.total ?? Infinity) };
        });
        const spread = (name: string): number => costs.find(cost => cost.host === name)?.parts.spread ?? 0;
        const best = Math.min(...alone.map(({ name, total }) => total + spread(name)));
        expect(host === null).toBe(best === Infinity);
        if (host !== null) expect(costs.find(cost => cost.host === host)?.total).toBeCloseTo(best, 9);
      }),
    );
  });
});

describe('beyond what a snapshot in a file can say', () => {
  const snapshotOf = (hosts: readonly object[]) =>
    snapshotIn({
      ...BASE,
      hosts: hosts.map(host => ({ profile: 'small', state: 'enabled', ...host })),
      request: { vcpus: 2, memory: 2 * GiB },
    });

  const placedWith = (hosts: readonly object[], more: object, away: Record<string, string> = {}): unknown => {
    const { requests, snapshot } = snapshotOf(hosts);
    const [request] = requests;
    if (!request) throw new Error('no request');
    const views = snapshot.hosts.map(host => ({ ...host, away: away[host.name] }));
    const { host, reasons } = place({ ...snapshot, hosts: views }, { ...request, ...more });
    return [host, ...reasons];
  };

  test.each<[string, unknown, unknown]>([
    [
      'of equals the one where the VM was last wins',
      placedWith([{ name: 'a' }, { name: 'b' }], { last: 'b' }),
      ['b', 'a: costs 3.25 too; b is where it was last'],
    ],
    [
      'one where it was last wins no more than that',
      placedWith([{ name: 'a' }, { name: 'b', usage: { vms: 1 } }], { last: 'b' }),
      ['a', 'b: costs 4.25, a costs 3.25'],
    ],
    [
      'one where it was last and cannot be is no equal',
      placedWith([{ name: 'a' }, { name: 'b', state: 'disabled' }], { last: 'b' }),
      ['a', 'b: disabled'],
    ],
    [
      'a host that is away takes nothing',
      placedWith([{ name: 'a' }, { name: 'b' }], {}, { a: 'it is silent' }),
      ['b', 'a: it is silent'],
    ],
    [
      'who names a host that is away may try',
      placedWith([{ name: 'a' }], { node: 'a' }, { a: 'it is silent' }),
      ['a'],
    ],
    [
      'what stays on a host may stay while that takes nothing new',
      placedWith([{ name: 'a', state: 'no-scheduling', realm: 'off' }], { node: 'a', stays: true }),
      ['a'],
    ],
    [
      'and not while that is disabled',
      placedWith([{ name: 'a', state: 'disabled' }], { node: 'a', stays: true }),
      [null, 'a: disabled'],
    ],
  ])('%s', (_, result, expected) => {
    expect(result).toEqual(expected);
  });
});
