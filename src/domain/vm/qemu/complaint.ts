import { QEMU } from './argv.ts';

/** Words of QEMU and what a user can do about them. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /Failed to get .*lock/,
    'another virtual machine uses this file; stop that one, or give each a file of its own',
  ],
  [
    /Address already in use/,
    'another program of the node listens on this port; choose another runtime.console.id',
  ],
  [
    /requires KVM|KVM kernel module|failed to initialize kvm/i,
    'KVM does not work on this node; mesh node info tells why',
  ],
  [/cannot set up guest memory/, 'the node has less memory left than platform.memory.size'],
  [/not in qcow2 format/, 'the file is no qcow2 image; a disc needs type=iso'],
  [
    /Could not open backing file/,
    'the image builds on another file, which is not on the node; use one that stands alone',
  ],
  [/unable to find CPU model/, 'qemu-system-x86_64 -cpu help lists the models of the node'],
  [
    /failed to find romfile/,
    'QEMU of this node has no ROMs to boot from a network with; take the NIC out of runtime.boot',
  ],
  [/max CPUs supported/, 'choose fewer platform.cpu.threads'],
  [
    /unable to map backing store for guest RAM|Insufficient free host memory pages/,
    'the node has no such huge pages left; sysctl vm.nr_hugepages gives it more',
  ],
  [/No 'virtio-bus' bus found/, 'without KVM the board of microvm has 8 slots, two of which pxen needs'],
  [/ioeventfd is required for iothread/, 'microvm has iothreads only with KVM'],
  [/filesystem does not support O_DIRECT/, 'choose platform.volume.<id>.cache=writeback, or another folder'],
  [
    /vhost-vsock.*(failed to open vhost|No such file)/,
    'the node has no /dev/vhost-vsock; modprobe vhost_vsock',
  ],
  [/vhost-vsock.*unable to set guest cid/, 'another program of the node has this context id'],
];

/** Which keys of a workload file made an option: the first match counts. */
const KEYS: readonly (readonly [RegExp, string])[] = [
  [/^-drive .*\bid=vol(\d+),/, 'platform.volume.$1'],
  [/^-device .*\bdrive=vol(\d+)/, 'platform.volume.$1'],
  [/^-netdev \w+,id=net(\d+)/, 'network.$1'],
  [/^-device .*\bnetdev=net(\d+)/, 'network.$1'],
  [/^-chardev \w+,id=serial,|^-vnc /, 'runtime.console'],
  [/^-chardev \w+,id=console(\d+),/, 'runtime.console.virtio.$1'],
  [/^-device virtconsole,chardev=console(\d+)/, 'runtime.console.virtio.$1'],
  [/^-device vhost-vsock-/, 'platform.vsock.cid'],
  [/^-object memory-backend-file,/, 'platform.memory.hugepages'],
  [/^-vga /, 'runtime.vga'],
  [/^-smp /, 'platform.cpu.topology'],
];

/**
 * Why QEMU did not start, in one sentence, of what it wrote and the command that it was: the key at fault where one is,
 * QEMU's own words, and what to do where that is known. Undefined when it did not complain.
 */
export function complaintOf(output: string, argv: readonly string[]): string | undefined {
  const line = output.split('\n').find(isComplaint);
  if (line === undefined) return undefined;
  const said = line.slice(QEMU.length + 2);
  const option = optionIn(said, argv);
  const words = option === undefined ? said : said.slice(option.length + 2);
  const key = option === undefined ? undefined : keyOf(option);
  const advice = ADVICE.find(([pattern]) => pattern.test(words))?.[1];
  return `${key === undefined ? '' : `${key}: `}${words.trim()}${advice === undefined ? '' : ` (${advice})`}`;
}

/** QEMU goes on after a warning, and a signal is an order. What follows the first complaint comes of it. */
function isComplaint(line: string): boolean {
  return line.startsWith(`${QEMU}: `) && !/: warning: |^\S+: terminating on signal/.test(line);
}

/** QEMU repeats the option that it cannot follow, as it got it. */
function optionIn(said: string, argv: readonly string[]): string | undefined {
  return argv
    .map((word, index) => `${word} ${argv[index + 1]}`)
    .find(option => said.startsWith(`${option}: `));
}

function keyOf(option: string): string | undefined {
  for (const [pattern, key] of KEYS) {
    const match = pattern.exec(option);
    if (match) return key.replace('$1', match[1] ?? '');
  }
  return undefined;
}
