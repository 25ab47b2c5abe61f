import { isWord, WORD_FORM } from '../../placement/names.ts';
import { key } from '../key.ts';
import { anyPath, contextId, deviceAlias, firmware, kernelArguments, threadName } from '../machine-values.ts';
import {
  cpuModel,
  eitherOf,
  matching,
  memorySize,
  oneOf,
  printableName,
  wholeNumber,
  yesOrNo,
} from '../values.ts';
import { ARCHITECTURES, BALLOONS, ENGINES } from '../workload.ts';

const MEMORY = 'a whole number with K, M, G or T behind it such as 4G or 500M, more than 0 and at most 16T';
const COUNT = 'a whole number from 1 to 4096';
export const ALIAS = 'a letter, and up to 63 letters, digits, hyphens and underscores behind it';

/** The machine itself: engine, memory, processors, kernel, and what it has one of. */
export const PLATFORM_KEYS = {
  'platform.engine': key({
    read: oneOf(...ENGINES),
    fallback: 'qemu',
    about: 'The program that runs the virtual machine; [engines](engines.md) tells what each one can do.',
    expected: eitherOf(ENGINES),
    example: 'qemu',
  }),
  'platform.arch': key({
    read: oneOf(...ARCHITECTURES),
    fallback: 'x86_64',
    about: 'Architecture of the processor that the guest sees.',
    expected: eitherOf(ARCHITECTURES),
    example: 'x86_64',
  }),
  'platform.memory.size': key({
    read: memorySize,
    required: true,
    about: 'Memory of the guest, in binary units. It must fit into what the node has available at the start.',
    expected: MEMORY,
    example: '4G',
  }),
  'platform.memory.hugepages': key({
    read: anyPath,
    about:
      'Folder of the node where a hugetlbfs is mounted, from which the memory is taken. It must be a multiple of its page size.',
    expected: 'the absolute path of a folder such as /dev/hugepages',
    example: '/dev/hugepages',
  }),
  'platform.memory.share': key({
    read: yesOrNo,
    fallback: '0',
    about: '`1`: other processes of the node may map the memory.',
    expected: '1 or 0',
    example: '1',
  }),
  'platform.memory.dump': key({
    read: yesOrNo,
    fallback: '1',
    about: '`0`: a core dump of the engine leaves the memory of the guest out.',
    expected: '1 or 0',
    example: '0',
  }),
  'platform.cpu.threads': key({
    read: wholeNumber(1, 4096),
    required: true,
    about:
      'vCPUs in all, at most as many as the node has processors. With `platform.cpu.topology` it may be left out.',
    expected: COUNT,
    example: '2',
  }),
  'platform.cpu.mode': key({
    read: cpuModel,
    fallback: 'host',
    about:
      'CPU model: one that `qemu-system-x86_64 -cpu help` lists on the node, or `host`: the processor of the node itself, which needs KVM.',
    expected: 'host or the name of a CPU model such as Penryn-v1, without feature flags',
    example: 'Penryn-v1',
  }),
  'platform.cpu.topology.sockets': key({
    read: wholeNumber(1, 4096),
    about:
      'Processor sockets. Where one key of the topology is there the others count as 1; the product of all three is the number of vCPUs.',
    expected: COUNT,
    example: '1',
  }),
  'platform.cpu.topology.cores': key({
    read: wholeNumber(1, 4096),
    about: 'Cores of a socket.',
    expected: COUNT,
    example: '2',
  }),
  'platform.cpu.topology.threads': key({
    read: wholeNumber(1, 4096),
    about: 'Threads of a core; `platform.cpu.threads` is the number of all vCPUs.',
    expected: COUNT,
    example: '1',
  }),
  'platform.kernel.image': key({
    read: anyPath,
    about: 'Kernel that is booted directly, without firmware looking for a boot loader.',
    expected: 'an absolute path on the node such as /srv/vm/vmlinuz',
    example: '/srv/vm/vmlinuz',
  }),
  'platform.kernel.append': key({
    read: kernelArguments,
    about: 'Command line of that kernel.',
    expected: 'kernel arguments such as console=ttyS0 root=/dev/vda, at most 2047 ASCII characters',
    example: 'console=ttyS0 root=/dev/vda',
  }),
  'platform.kernel.initrd': key({
    read: anyPath,
    about: 'Initial RAM disk of that kernel.',
    expected: 'an absolute path on the node such as /srv/vm/initrd.img',
    example: '/srv/vm/initrd.img',
  }),
  'platform.bios': key({
    read: firmware,
    about: 'Firmware: an absolute path on the node, or the name of a file that the engine brings.',
    expected: 'an absolute path on the node, or a file name such as bios-256k.bin',
    example: '/usr/share/seabios/bios-256k.bin',
  }),
  'platform.image': key({
    read: printableName,
    about: 'What the image is called that the first volume is made of. Only exported.',
    expected: 'a name of at most 128 printable characters without /',
    example: 'ubuntu1604server',
  }),
  'platform.balloon': key({
    read: oneOf(...BALLOONS),
    about:
      'A balloon takes memory back from the guest while it runs. `deflate-on-oom`: the guest gets it back when it runs out of memory; `fixed`: it does not.',
    expected: eitherOf(BALLOONS),
    example: 'deflate-on-oom',
  }),
  'platform.vsock.cid': key({
    read: contextId,
    about:
      'Context id of a vsock, by which guest and node reach each other without a network; no other workload of the node has it. `auto`: the lowest free one.',
    expected: 'a whole number from 3 to 4294967294, or auto',
    example: 'auto',
  }),
  'platform.vsock.alias': key({
    read: deviceAlias,
    about: 'What the engine calls the vsock; without it `vsock0`.',
    expected: ALIAS,
    example: 'vsock0',
  }),
  'platform.iothread.<n>': key({
    read: threadName,
    about: 'Name of a thread of its own for the volumes and NICs that name it as their `iothread`.',
    expected: ALIAS,
    example: 'io1',
  }),
  'platform.device.<n>.type': key({
    read: matching(isWord),
    about: 'Type of a PCI device that the guest gets; which one of its type is decided when it is placed.',
    expected: `${WORD_FORM}, such as nvidia-gpu`,
    example: 'nvidia-gpu',
  }),
} as const;
