import { describe, expect, test } from 'vitest';
import { type NodeDetail, nodeDetailSchema } from '../../../../src/api/nodes.ts';
import { nodeInFull } from '../../../../src/cli/output/node.ts';
import { screen } from '../screen.ts';

const NEW: NodeDetail = nodeDetailSchema.parse({
  id: '91d5815f',
  state: 'booting',
  macs: [],
  firstSeenAt: 1_700_000_000_000,
  lastSeenAt: 1_700_000_100_000,
  agreement: {},
  boots: [],
});

const FULL: NodeDetail = nodeDetailSchema.parse({
  ...NEW,
  name: 'rack1-07',
  state: 'up',
  address: '10.77.0.100',
  macs: ['52:54:00:12:34:56', '52:54:00:12:34:57'],
  lastSeenAt: 1_700_000_095_000,
  uuid: '11223344-5566-7788-99aa-bbccddeeff00',
  agreement: { dhcp: '91d5815f', script: '91d5815f', init: '91d5815f', agent: '91d5815f' },
  trust: 'token',
  hostKey: { line: 'ssh-ed25519 AAAA', from: 'overlay' },
  facts: {
    cpu: { model: 'AMD EPYC 7003', sockets: 2, cores: 64, threads: 128, flags: ['svm', 'avx2'] },
    memoryKib: 263_000_000,
    nics: [
      {
        name: 'eth0',
        mac: '52:54:00:12:34:56',
        driver: 'virtio_net',
        speed: 10_000,
        carrier: true,
        addresses: ['10.77.0.100/24'],
      },
      { name: 'eth1', mac: '52:54:00:12:34:57', carrier: false, addresses: [] },
    ],
    disks: [{ name: 'vda', bytes: 10 * 2 ** 30, model: 'QEMU \u001b]0;pwned\u0007', rotational: false }],
    pci: [{ address: '0000:00:01.0', id: '8086:1237', class: '060000' }],
    bridges: [{ name: 'br0', members: [], addresses: [] }],
    hugepages: [],
    software: {
      kernel: '6.1.0-40-cloud-amd64',
      os: 'Debian 12',
      image: '0.1.0',
      node: '24.21.0',
      agent: '0.1.0',
      qemu: '7.2.17',
      engines: ['qemu', 'microvm'],
    },
    kvm: { state: 'unusable', reason: 'no /dev/kvm' },
  },
  load: { average: 0.256, availableKib: 1_048_576, uptimeSeconds: 3700 },
  boots: [
    { startedAt: 1, events: [{ at: 1, stage: 'discover', text: 'an older boot' }], dropped: 0 },
    {
      startedAt: 1_700_000_000_000,
      events: [
        { at: 1_700_000_000_000, stage: 'discover', text: 'firmware, x86 BIOS' },
        { at: 1_700_000_001_234, stage: 'nbp', text: 'undionly.kpxe', bytes: 72_000 },
        { at: 1_700_000_012_500, stage: 'script', text: 'boots its own overlay, serial \u001b[31m' },
      ],
      dropped: 3,
    },
  ],
});

describe('one node in full', () => {
  test('that has reported', () => {
    expect(nodeInFull(screen().context, FULL)).toBe(`\
node             91d5815f (rack1-07)
state            up
address          10.77.0.100
system uuid      11223344-5566-7788-99aa-bbccddeeff00
network cards    52:54:00:12:34:56, 52:54:00:12:34:57
id according to  dhcp 91d5815f, boot script 91d5815f, init 91d5815f, agent 91d5815f
overlay          its own
ssh host key     ssh-ed25519 AAAA (overlay)
first seen       2023-11-14T22:13:20.000Z
last seen        5 s ago

cpu          AMD EPYC 7003, 2 sockets, 64 cores, 128 threads
cpu flags    svm avx2
memory       251 GiB, 1.0 GiB available
kvm          unusable: no /dev/kvm
kernel       6.1.0-40-cloud-amd64
system       Debian 12, image 0.1.0
agent        0.1.0, node 24.21.0, qemu 7.2.17
engines      qemu, microvm
nic eth0     52:54:00:12:34:56, virtio_net, 10000 Mbit/s, 10.77.0.100/24
nic eth1     52:54:00:12:34:57, no link
disk vda     10.0 GiB QEMU ?]0;pwned?
bridge br0   no members
pci devices  1
load         0.26, up 1 h

last boot, 2023-11-14T22:13:20.000Z
    0.00 s  discover   firmware, x86 BIOS
    1.23 s  nbp        undionly.kpxe (70.3 KiB)
   12.50 s  script     boots its own overlay, serial ?[31m
          (3 events in the middle left out)`);
  });

  test('of which only an address request has been seen', () => {
    expect(nodeInFull(screen().context, { ...NEW, problem: '2 machines go by this id' })).toBe(`\
node             91d5815f
state            booting: 2 machines go by this id
address          -
system uuid      -
network cards    -
id according to  dhcp -, boot script -, init -, agent -
overlay          -
ssh host key     -
first seen       2023-11-14T22:13:20.000Z
last seen        now`);
  });

  test.each<[string, Partial<NodeDetail>, string]>([
    ['its own, current', { overlay: { content: 'ab'.repeat(32), current: true } }, 'its own, current'],
    [
      'its own, older',
      { overlay: { content: 'ab'.repeat(32), current: false } },
      'its own, older than what is served: reboot to get it (mesh overlay diff 91d5815f shows what changes)',
    ],
    [
      'the default one, adopted since',
      { trust: 'lease', overlay: { content: 'ab'.repeat(32), current: false } },
      'the default one, it has its own now: reboot to get it (mesh overlay diff 91d5815f shows what changes)',
    ],
  ])('says whether its overlay is what is served: %s', (_what, changes, text) => {
    expect(nodeInFull(screen().context, { ...FULL, ...changes })).toContain(`\noverlay          ${text}\n`);
  });

  test('lists the problems of its folder', () => {
    const folderProblems = [
      '/host0/machines/rack1-07/manifest:1: action: got "Q", expected one of O, A, L, D, R',
    ];
    expect(nodeInFull(screen().context, { ...FULL, folderProblems })).toContain(
      `\nfolder           ${folderProblems[0]}\n`,
    );
  });
});
