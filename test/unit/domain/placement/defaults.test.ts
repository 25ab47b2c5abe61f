import { describe, expect, test } from 'vitest';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import type { Facts, PciDevice } from '../../../../src/domain/node/facts.ts';
import { costOf } from '../../../../src/domain/placement/cost.ts';
import { defaultRules } from '../../../../src/domain/placement/defaults.ts';
import { snapshotOf } from '../../../../src/domain/placement/ledger.ts';
import { place } from '../../../../src/domain/placement/place.ts';
import { SPREAD_COST } from '../../../../src/domain/placement/rules.ts';

const GiB = 2 ** 30;

function facts(threads: number, memoryKib: number, pci: readonly PciDevice[] = []): Facts {
  return {
    cpu: { model: 'x', sockets: 1, cores: threads, threads, flags: [] },
    memoryKib,
    nics: [],
    disks: [],
    pci,
    bridges: [],
    hugepages: [],
    software: { kernel: '', os: '', node: '', agent: '' },
    kvm: { state: 'usable' },
  };
}

const PCI: readonly PciDevice[] = [
  { address: '0000:00:02.0', id: '1234:1111', class: '030000' },
  { address: '0000:01:00.0', id: '10de:2204', class: '030000' },
  { address: '0000:01:00.1', id: '10de:1aef', class: '040300' },
  { address: '0000:02:00.0', id: '10de:20b0', class: '030200' },
  { address: '0000:03:00.0', id: '1002:73bf', class: '030000' },
  { address: '0000:04:00.0', id: '8086:100e', class: '020000' },
  { address: '0000:05:00.0', id: '144d:a808', class: '010802' },
  { address: '10000:01:00.0', id: '10de:2204', class: '030000' },
];

test('a device that a node tells of twice is one', () => {
  expect(defaultRules('x', facts(8, 2 ** 20, [...PCI, ...PCI])).profile.devices).toHaveLength(3);
});

describe('a node without any configuration', () => {
  const { profile, costFunction } = defaultRules('default-91d5815f', facts(8, 16 * 2 ** 20, PCI));

  test('has what it reports, and gives away its GPUs only', () => {
    expect(profile).toEqual({
      id: 'default-91d5815f',
      name: 'default-91d5815f',
      description: 'made from what the node reports',
      cores: 8,
      memory: 16 * GiB,
      devices: [
        { type: 'nvidia-gpu', address: '0000:01:00.0' },
        { type: 'nvidia-gpu', address: '0000:02:00.0' },
        { type: 'amd-gpu', address: '0000:03:00.0' },
      ],
      costFunction: 'default-91d5815f',
    });
  });

  test.each([
    [1, 8, 7.75, {}, 1000 + 1 + 4 + 10],
    [1, 16, 1, {}, 1000 + 1 + 32 + 10 / 7.75],
    [1, 17, 1, {}, Infinity],
    [1, 1, 15.5, {}, 1000 + 1 + 0.5 + 100],
    [1, 1, 15.6, {}, Infinity],
    [1, 2, 1, { 'nvidia-gpu': 2, 'amd-gpu': 1 }, 1000 + 1 + 1 + 10 / 7.75 + 3],
    [1, 1, 1, { 'nvidia-gpu': 3 }, Infinity],
  ])('%d VM with %d vCPUs, %d GiB and %j costs %d', (vms, vcpus, memory, devices, total) => {
    const usage = { vms, vcpus, memory: memory * GiB, devices: new Map(Object.entries(devices)) };
    expect(costOf(costFunction, usage).total).toBeCloseTo(total, 9);
  });

  test('a tiny one still takes a VM, and one that reports nothing takes none', () => {
    const tiny = defaultRules('d', facts(1, 512 * 1024));
    expect(
      costOf(tiny.costFunction, { vms: 1, vcpus: 1, memory: 2 ** 28, devices: new Map() }).total,
    ).toBeLessThan(Infinity);
    const none = defaultRules('d', facts(0, 0));
    expect(costOf(none.costFunction, { vms: 1, vcpus: 1, memory: 1, devices: new Map() }).total).toBe(
      Infinity,
    );
  });

  test('makes a cluster in which VMs without a GPU stay off the GPU node, and spread', () => {
    const nodes = { a: facts(8, 16 * 2 ** 20, PCI), b: facts(4, 8 * 2 ** 20), c: facts(4, 8 * 2 ** 20) };
    const all = Object.entries(nodes).map(([name, known]) => ({ name, ...defaultRules(name, known) }));
    const rules = {
      costFunctions: new Map(all.map(one => [one.name, one.costFunction])),
      profiles: new Map(all.map(one => [one.name, one.profile])),
      realms: new Map(),
      spreadCost: SPREAD_COST,
    };
    const hosts = all.map(({ name }) => ({
      id: name as MachineId,
      name,
      profile: name,
      state: 'enabled' as const,
    }));
    const request = { name: 'vm', vcpus: 1, memory: GiB, devices: new Map(), coschedule: -1 };
    const first = {
      ...request,
      workload: 'w',
      host: 'b' as MachineId,
      state: 'running' as const,
      devices: [],
    };
    expect(place(snapshotOf(rules, hosts, []), request).host).toBe('b');
    expect(place(snapshotOf(rules, hosts, [first]), request).host).toBe('c');
    expect(place(snapshotOf(rules, hosts, []), { ...request, devices: new Map([['amd-gpu', 1]]) }).host).toBe(
      'a',
    );
  });
});
