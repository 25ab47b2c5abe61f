import { expect, test } from 'vitest';
import { complaintOf } from '../../../../src/domain/vm/qemu/complaint.ts';

const DRIVE = 'if=none,id=vol3,file=/tmp/a: b,format=qcow2,readonly=off';
const ARGV = [
  'qemu-system-x86_64',
  '-cpu',
  'host',
  '-chardev',
  'socket,id=qmp,path=/x/qmp.sock',
  '-chardev',
  'socket,id=serial,host=0.0.0.0,port=7905',
  '-vnc',
  ':5',
  '-netdev',
  'tap,id=net7,ifname=px-7',
  '-device',
  'virtio-net-pci,netdev=net7,bootindex=1',
  '-drive',
  DRIVE,
  '-device',
  'virtio-blk-pci,drive=vol3,bootindex=1',
];

/** What QEMU 7.2 wrote in each case. */
test.each([
  [
    `-drive ${DRIVE}: Could not open '/tmp/a: b': No such file or directory`,
    "platform.volume.3: Could not open '/tmp/a: b': No such file or directory",
  ],
  [
    `-drive ${DRIVE}: Failed to get "write" lock\nIs another process using the image [/tmp/a: b]?`,
    'platform.volume.3: Failed to get "write" lock (another virtual machine uses this file; stop that one, or give each a file of its own)',
  ],
  [
    `-drive ${DRIVE}: Image is not in qcow2 format`,
    'platform.volume.3: Image is not in qcow2 format (the file is no qcow2 image; a disc needs type=iso)',
  ],
  [
    `-drive ${DRIVE}: Could not open backing file: Could not open '/nosuch': No such file or directory`,
    "platform.volume.3: Could not open backing file: Could not open '/nosuch': No such file or directory (the image builds on another file, which is not on the node; use one that stands alone)",
  ],
  [
    '-vnc :5: Failed to find an available port: Address already in use',
    'runtime.console: Failed to find an available port: Address already in use (another program of the node listens on this port; choose another runtime.console.id)',
  ],
  [
    '-chardev socket,id=serial,host=0.0.0.0,port=7905: Failed to find an available port: Address already in use',
    'runtime.console: Failed to find an available port: Address already in use (another program of the node listens on this port; choose another runtime.console.id)',
  ],
  [
    '-chardev socket,id=qmp,path=/x/qmp.sock: Failed to bind socket to /x/qmp.sock: No such file or directory',
    'Failed to bind socket to /x/qmp.sock: No such file or directory',
  ],
  [
    '-netdev tap,id=net7,ifname=px-7: could not configure /dev/net/tun (px-7): Device or resource busy',
    'network.7: could not configure /dev/net/tun (px-7): Device or resource busy',
  ],
  [
    '-device virtio-net-pci,netdev=net7,bootindex=1: failed to find romfile "efi-virtio.rom"',
    'network.7: failed to find romfile "efi-virtio.rom" (QEMU of this node has no ROMs to boot from a network with; take the NIC out of runtime.boot)',
  ],
  [
    '-device virtio-blk-pci,drive=vol3,bootindex=1: The bootindex 1 has already been used',
    'platform.volume.3: The bootindex 1 has already been used',
  ],
  [
    "CPU model 'host' requires KVM or HVF",
    "CPU model 'host' requires KVM or HVF (KVM does not work on this node; mesh node info tells why)",
  ],
  [
    "unable to find CPU model 'nosuch'",
    "unable to find CPU model 'nosuch' (qemu-system-x86_64 -cpu help lists the models of the node)",
  ],
  [
    "cannot set up guest memory 'pc.ram': Cannot allocate memory",
    "cannot set up guest memory 'pc.ram': Cannot allocate memory (the node has less memory left than platform.memory.size)",
  ],
  [
    "Invalid SMP CPUs 300. The max CPUs supported by machine 'pc-i440fx-7.2' is 255",
    "Invalid SMP CPUs 300. The max CPUs supported by machine 'pc-i440fx-7.2' is 255 (choose fewer platform.cpu.threads)",
  ],
  [
    'warning: host does not support requested feature: CPUID.01H\nqemu-system-x86_64: something else\r\nqemu-system-x86_64: and more',
    'something else',
  ],
])('%s', (said, expected) => {
  expect(complaintOf(`before\nqemu-system-x86_64: ${said}\n`, ARGV)).toBe(expected);
});

test.each([
  '',
  'qemu-system-x86_64: warning: host does not support requested feature: CPUID.01H:ECX.pcid [bit 17]\n',
  'qemu-system-x86_64: -netdev tap,id=net7,ifname=px-7: warning: tap: open vhost char device failed\n',
  'qemu-system-x86_64: terminating on signal 15 from pid 17478 (sh)\n',
  'a line of somebody else: that is not QEMU\n',
])('%j is no complaint', output => {
  expect(complaintOf(output, ARGV)).toBeUndefined();
});
