import { describe, expect, test } from 'vitest';
import type { WorkloadFacts } from '../../../../src/domain/workload/facts.ts';
import { judgeOnNode } from '../../../../src/domain/workload/judge.ts';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';
import { LEAST } from './config.ts';

function judged(text: string, facts: WorkloadFacts): string[] {
  const { problems, workload, ...parsed } = parseWorkload(text, 'f', 'any');
  if (!workload) throw new Error(problems.map(({ message }) => message).join('\n'));
  return judgeOnNode({ ...parsed, workload }, facts, 'kvm').map(({ code, message }) => `${code} ${message}`);
}

const KERNEL = `${LEAST}platform.kernel.image=/srv/vmlinuz\nplatform.kernel.initrd=/srv/initrd\n`;
const HUGE = `${LEAST}platform.memory.hugepages=/dev/hugepages\n`;
const mount = (pageKiB: number, free: number): WorkloadFacts => ({
  hugepages: [{ path: '/dev/hugepages', pageKiB, free }],
});
const GPUS = `${LEAST}platform.device.0.type=gpu\nplatform.device.4.type=gpu\n`;
const gpus = (count: number): WorkloadFacts => ({
  devices: Array.from({ length: count }, (_, at) => ({ type: 'gpu', address: `0000:0${at}:00.0` })),
});

/** A rule: a file, facts that keep it, facts that break it, and the code and whole message of that. */
const RULES: readonly (readonly [
  rule: string,
  text: string,
  good: WorkloadFacts,
  bad: WorkloadFacts,
  problem: string,
])[] = [
  [
    'the node can run the engine',
    `${LEAST}platform.engine=stratovirt\n`,
    { engines: ['qemu', 'stratovirt'] },
    { engines: ['qemu'] },
    'NOT_ON_NODE f:5: platform.engine: got "stratovirt", expected an engine that the node can run workloads with (qemu)',
  ],
  [
    'the node can run the default engine, too',
    LEAST,
    { engines: ['qemu'] },
    { engines: [] },
    'NOT_ON_NODE f: platform.engine: got "qemu", expected an engine that the node can run workloads with (it has none)',
  ],
  [
    'KVM runs guests of the architecture of the node',
    `${LEAST}platform.cpu.mode=host\nplatform.engine=libvirt\nplatform.arch=aarch64\n`,
    { arch: 'aarch64' },
    { arch: 'x86_64' },
    'NOT_ON_NODE f:7: platform.arch: got "aarch64", expected x86_64, the architecture of the node',
  ],
  [
    'and those of x86_64, which is the default, too',
    `${KERNEL}platform.engine=stratovirt\n`,
    { arch: 'x86_64' },
    { arch: 'aarch64' },
    'NOT_ON_NODE f: platform.arch: got "x86_64", expected aarch64, the architecture of the node',
  ],
  [
    'the kernel is there',
    KERNEL,
    { existingPaths: ['/srv/vmlinuz', '/srv/initrd'] },
    { existingPaths: ['/srv/initrd'] },
    'NOT_ON_NODE f:5: platform.kernel.image: got "/srv/vmlinuz", expected a file that is on the node',
  ],
  [
    'the kernel is one that the engine can load (SV-6)',
    `${KERNEL}platform.engine=stratovirt\n`,
    { kernelForm: 'bzImage' },
    { kernelForm: 'ELF' },
    'BAD_VALUE f:5: platform.kernel.image: got "/srv/vmlinuz", expected a kernel in the form bzImage or PE; this one is ELF (objcopy -O binary vmlinux vmlinux.bin makes one that it takes)',
  ],
  [
    'that of aarch64 is no bzImage (SV-6)',
    `${KERNEL}platform.engine=stratovirt\nplatform.arch=aarch64\n`,
    { kernelForm: 'PE' },
    { kernelForm: 'bzImage' },
    'BAD_VALUE f:5: platform.kernel.image: got "/srv/vmlinuz", expected a kernel in the form PE; this one is bzImage',
  ],
  [
    'a kernel is unpacked; what has no mark may be one',
    `${KERNEL}platform.engine=stratovirt\n`,
    { kernelForm: 'raw' },
    { kernelForm: 'compressed' },
    'BAD_VALUE f:5: platform.kernel.image: got "/srv/vmlinuz", expected a kernel in the form bzImage or PE; this one is compressed (unpack it first)',
  ],
  [
    'the initial RAM disk is there',
    KERNEL,
    { existingPaths: ['/srv/vmlinuz', '/srv/initrd'] },
    { existingPaths: ['/srv/vmlinuz'] },
    'NOT_ON_NODE f:6: platform.kernel.initrd: got "/srv/initrd", expected a file that is on the node',
  ],
  [
    'SV-14: the node has vsocks',
    `${LEAST}platform.vsock.cid=auto\n`,
    { vhostVsock: true },
    { vhostVsock: false },
    'NOT_ON_NODE f:5: platform.vsock.cid: got "auto", expected a node with a /dev/vhost-vsock (modprobe vhost_vsock)',
  ],
  [
    'the firmware is there',
    `${LEAST}platform.bios=/srv/bios.bin\n`,
    { existingPaths: ['/srv/bios.bin'] },
    { existingPaths: [] },
    'NOT_ON_NODE f:5: platform.bios: got "/srv/bios.bin", expected a file that is on the node',
  ],
  [
    'SV-22: huge pages are mounted there',
    HUGE,
    mount(2048, 512),
    { hugepages: [{ path: '/mnt/huge', pageKiB: 2048, free: 512 }] },
    'NOT_ON_NODE f:5: platform.memory.hugepages: got "/dev/hugepages", expected a folder of the node where a hugetlbfs is mounted (/mnt/huge)',
  ],
  [
    'SV-22: the memory is whole pages',
    HUGE.replace('1G', '3G'),
    mount(1_048_576, 3),
    mount(2_097_152, 3),
    'BAD_VALUE f:3: platform.memory.size: got "3G", expected a multiple of 2G, the page size of /dev/hugepages',
  ],
  [
    'SV-22: enough of them are free',
    HUGE,
    mount(2048, 512),
    mount(2048, 511),
    'TOO_MUCH f:3: platform.memory.size: got "1G" (512 pages), expected at most 511 free huge pages of 2M on the node (sysctl vm.nr_hugepages)',
  ],
  [
    'huge pages are no part of MemAvailable',
    HUGE,
    { memAvailableKiB: 1, ...mount(2048, 512) },
    { memAvailableKiB: 1, ...mount(2048, 0) },
    'TOO_MUCH f:3: platform.memory.size: got "1G" (512 pages), expected at most 0 free huge pages of 2M on the node (sysctl vm.nr_hugepages)',
  ],
  [
    'SV-14: the context id is free',
    `${LEAST}platform.vsock.cid=4\n`,
    { vsockCids: [3, 5] },
    { vsockCids: [3, 4] },
    'NOT_UNIQUE f:5: platform.vsock.cid: got "4", expected one that no other vsock of the node has, or auto',
  ],
  [
    'SV-13: nothing lies where a virtio-console is to be',
    `${LEAST}runtime.console.virtio.0.path=/run/a.sock\n`,
    { existingPaths: [] },
    { existingPaths: ['/run/a.sock'] },
    'ALREADY_THERE f:5: runtime.console.virtio.0.path: got "/run/a.sock", expected a path where nothing is yet',
  ],
  [
    'there are enough devices',
    GPUS,
    gpus(2),
    gpus(1),
    'TOO_MUCH f:6: platform.device.4.type: got "gpu", expected a device of the node that is set aside for the workload; of this type there are 1',
  ],
];

describe.each(RULES)('%s', (_rule, text, good, bad, problem) => {
  test('kept', () => {
    expect(judged(text, good)).toEqual([]);
  });

  test('broken', () => {
    expect(judged(text, bad)).toEqual([problem]);
  });

  test('not applied when the fact is not known', () => {
    expect(judged(text, {})).toEqual([]);
  });
});

test.each([
  ['a context id that is to be chosen', `${LEAST}platform.vsock.cid=auto\n`, { vsockCids: [3] }],
  ['firmware of the engine', `${LEAST}platform.bios=bios-256k.bin\n`, { existingPaths: [] }],
  [
    'a socket in the state folder',
    `${LEAST}runtime.console.virtio.0.path=a.sock\n`,
    { existingPaths: ['a.sock'] },
  ],
  [
    'a disk that is made when there is none',
    `${LEAST}platform.volume.0.type=qcow2\nplatform.volume.0.path=/srv/a\nplatform.volume.0.size=1G\n`,
    { existingPaths: [] },
  ],
])('%s is well', (_what, text, facts) => {
  expect(judged(text, facts)).toEqual([]);
});
