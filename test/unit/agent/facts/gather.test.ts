import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gatherFacts, gatherLoad } from '../../../../src/agent/facts/gather.ts';
import { treeUnder } from '../../../../src/agent/tree.ts';
import { factsSchema, loadSchema } from '../../../../src/api/facts.ts';

const tree = (name: string) => treeUnder(join(import.meta.dirname, '../../../fixtures/nodes', name));
const AROUND = {
  addresses: new Map([['br0', ['10.77.0.100/24']]]),
  nodeVersion: 'v24.21.0',
  agentVersion: '0.1.0',
  kvm: { state: 'unknown' },
  qemu: undefined,
  engines: ['qemu', 'microvm'],
} as const;

test('a server is described whole: two sockets, two cards, disks, PCI, a bridge, huge pages', () => {
  const facts = gatherFacts(tree('server'), AROUND);
  expect(facts).toEqual({
    cpu: {
      model: 'Intel(R) Xeon(R) CPU E5-2603 v4 @ 1.70GHz',
      sockets: 2,
      cores: 4,
      threads: 8,
      flags: ['aes', 'avx', 'avx2', 'lm', 'pdpe1gb', 'sse4_2', 'vmx', 'x2apic'],
    },
    memoryKib: 65_812_345,
    nics: [
      {
        name: 'eth0',
        mac: '3c:ec:ef:00:00:01',
        driver: 'ixgbe',
        speed: undefined,
        carrier: false,
        addresses: [],
      },
      {
        name: 'eth1',
        mac: '3c:ec:ef:00:00:02',
        driver: 'ixgbe',
        speed: 10_000,
        carrier: true,
        addresses: [],
      },
    ],
    disks: [
      { name: 'nvme0n1', bytes: 1_000_204_886_016, model: 'Samsung SSD 980 PRO 1TB', rotational: false },
      { name: 'sda', bytes: 4_000_787_030_016, model: 'ST4000NM0035-1V4', rotational: true },
    ],
    pci: [
      { address: '0000:00:00.0', id: '8086:6f00', class: '060000', driver: undefined },
      { address: '0000:03:00.0', id: '8086:1563', class: '020000', driver: 'ixgbe' },
      { address: '0000:82:00.0', id: '10de:1eb8', class: '030200', driver: undefined },
    ],
    bridges: [{ name: 'br0', members: ['eth1', 'tap7'], addresses: ['10.77.0.100/24'] }],
    hugepages: [
      { sizeKib: 1_048_576, total: 0, free: 0 },
      { sizeKib: 2048, total: 4, free: 3 },
    ],
    software: {
      kernel: '6.1.0-40-amd64',
      os: 'pxen node 12',
      image: '2026.11',
      node: 'v24.21.0',
      agent: '0.1.0',
      qemu: undefined,
      engines: ['qemu', 'microvm'],
    },
    kvm: { state: 'unknown' },
  });
  expect(factsSchema.parse(facts)).toEqual(facts);
});

test('load comes from three files', () => {
  const load = gatherLoad(tree('server'));
  expect(load).toEqual({ average: 0.42, availableKib: 62_000_000, uptimeSeconds: 11.25 });
  expect(loadSchema.parse(load)).toEqual(load);
});

test.each(['bare', 'no-such-folder'])(
  'where nearly nothing can be read (%s) there are still facts that host0 takes',
  name => {
    const facts = gatherFacts(tree(name), AROUND);
    expect(factsSchema.safeParse(facts).error).toBeUndefined();
    expect(facts.software).toMatchObject({ kernel: 'unknown', os: 'unknown' });
    expect(loadSchema.parse(gatherLoad(tree(name)))).toEqual({
      average: 0,
      availableKib: 0,
      uptimeSeconds: 0,
    });
  },
);

test('the machine that runs this test has facts that host0 takes', () => {
  const here = treeUnder('/');
  const facts = gatherFacts(here, AROUND);
  expect(factsSchema.safeParse(facts).error).toBeUndefined();
  expect([facts.cpu.threads > 0, facts.memoryKib > 0]).toEqual([true, true]);
});
