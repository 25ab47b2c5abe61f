import { expect, test } from 'vitest';
import type { Tree } from '../../../../src/agent/tree.ts';
import { asIfFetched, countOf, gatherWorkloadFacts } from '../../../../src/agent/workload/facts.ts';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';

const FILE = `name=w
uuid=w
platform.memory.size=1G
platform.cpu.threads=1
platform.kernel.image=/srv/vmlinuz
platform.kernel.initrd=/srv/missing
platform.bios=/srv/bios.bin
runtime.console.virtio.0.path=/tmp/taken.sock
runtime.console.virtio.1.path=bare.sock
platform.volume.0.type=iso
platform.volume.0.path=/v/there.iso
platform.volume.1.type=iso
platform.volume.1.path=/v/coming.iso
platform.volume.1.source=http://host0/isos/x.iso
platform.volume.2.type=iso
platform.volume.2.path=/v/missing.iso
`;

function workload() {
  const parsed = parseWorkload(FILE, 'w.conf').workload;
  if (!parsed) throw new Error('the file of this test is wrong');
  return parsed;
}

test.each([
  ['0-3', 4],
  ['0-3,8,10-11', 7],
  ['0', 1],
  ['', 0],
  ['nonsense', 0],
])('the list %j of the kernel has %i numbers', (list, count) => {
  expect(countOf(list)).toBe(count);
});

test('facts are those of this moment, and what is asked for with TCG waits for no KVM', async () => {
  const files: Record<string, string> = {
    '/proc/meminfo': 'MemTotal:  2000000 kB\nMemAvailable:    1048576 kB',
    '/sys/devices/system/cpu/online': '0-1',
    '/dev/vhost-net': '',
    '/proc/sys/kernel/arch': 'x86_64',
    '/srv/vmlinuz': '',
    '/srv/bios.bin': '',
    '/tmp/taken.sock': '',
    '/proc/self/mounts': 'none /dev/hugepages hugetlbfs rw,pagesize=2M 0 0',
  };
  const tree: Tree = {
    text: path => files[path],
    list: path => (path === '/sys/class/net' ? ['br0', 'lo'] : []),
    exists: path => path in files,
    link: () => undefined,
    head: (path, bytes) => (path === '/srv/vmlinuz' ? Buffer.from('\x7fELF').subarray(0, bytes) : undefined),
  };
  let asked = 0;
  const ports = {
    tree,
    cpuModels: async () => ['host'],
    kvm: async () => {
      asked += 1;
      return { state: 'unusable', reason: 'no' } as const;
    },
    hasProgram: (name: string) => name === 'qemu-system-x86_64',
    paths: async () => ({ existing: ['/v/there.iso'], owned: [] }),
  };
  const known = {
    arch: 'x86_64',
    memAvailableKiB: 1_048_576,
    nproc: 2,
    cpuModels: ['host'],
    interfaces: ['br0', 'lo'],
    existingPaths: ['/v/there.iso', '/srv/vmlinuz', '/srv/bios.bin', '/tmp/taken.sock'],
    ownedPaths: [],
    kernelForm: 'ELF',
    busyPorts: [],
    otherUuids: ['v'],
    vhostNet: true,
    engines: ['qemu', 'microvm'],
    vhostVsock: false,
    hugepages: [{ path: '/dev/hugepages', pageKiB: 2048, free: 0 }],
    devices: [{ type: 'nvidia-gpu', address: '0000:01:00.0' }],
  };
  const devices = [{ type: 'nvidia-gpu', address: '0000:01:00.0' }];
  const request = { otherUuids: ['v'], devices };
  expect(await gatherWorkloadFacts(ports, workload(), { ...request, accel: 'tcg' })).toEqual({
    ...known,
    kvm: undefined,
  });
  expect(asked).toBe(0);
  expect(await gatherWorkloadFacts(ports, workload(), { ...request, accel: 'auto' })).toEqual({
    ...known,
    kvm: { usable: false, reason: 'no' },
  });
});

test('before the fetching, what has a source counts as there and ours', () => {
  expect(asIfFetched({ existingPaths: ['/v/there.iso'], ownedPaths: [], nproc: 2 }, workload())).toEqual({
    existingPaths: ['/v/there.iso', '/v/coming.iso'],
    ownedPaths: ['/v/coming.iso'],
    nproc: 2,
  });
});
