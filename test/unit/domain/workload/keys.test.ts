import { describe, expect, test } from 'vitest';
import {
  KEY_PATTERNS,
  KEYS,
  type Key,
  type KeyPattern,
  keyOf,
} from '../../../../src/domain/workload/keys.ts';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';
import { LEAST } from './config.ts';

/** A key of this pattern: with 0, `rtc` or `role` for what it is told apart by. */
function keyFor(pattern: KeyPattern): string {
  return keyOf(pattern, pattern.includes('<arg>') ? 'rtc' : pattern.includes('<k>') ? 'role' : 0);
}

/** A file in which this key is what is to be judged; and the line it stands on. */
function fileWith(pattern: KeyPattern, value: string): { text: string; line: number } {
  const key = keyFor(pattern);
  const lines = [...LEAST.trimEnd().split('\n'), ...(COMPANY[pattern] ?? [])];
  const at = lines.findIndex(line => line.startsWith(`${key}=`));
  if (at >= 0) lines[at] = `${key}=${value}`;
  else lines.push(`${key}=${value}`);
  return { text: lines.join('\n'), line: (at >= 0 ? at : lines.length - 1) + 1 };
}

const DISK = ['platform.volume.0.type=qcow2', 'platform.volume.0.path=/tmp/disk.qcow2'];
const NIC = ['network.0.type=bridge', 'network.0.bridge=br0'];
const KERNEL = ['platform.kernel.image=/srv/vmlinuz'];
const THREAD = ['platform.iothread.3=io1', 'platform.iothread.4=x'];

/** What else a file must have for a key to be well. */
const COMPANY: Partial<Record<KeyPattern, readonly string[]>> = {
  'platform.volume.<id>.type': DISK,
  'platform.volume.<id>.path': DISK,
  'platform.volume.<id>.source': DISK,
  'platform.volume.<id>.sha256': [...DISK, 'platform.volume.0.source=http://host0/isos/a'],
  'platform.volume.<id>.writable': DISK,
  'platform.volume.<id>.ephemeral': DISK,
  'network.<id>.type': NIC,
  'network.<id>.bridge': NIC,
  'network.<id>.mac': NIC,
  'runtime.boot': [...DISK, ...NIC, 'platform.volume.1.type=iso', 'platform.volume.1.path=/tmp/a.iso'],
  'runtime.console.id': ['runtime.console.type=vnc'],
  'platform.kernel.append': KERNEL,
  'platform.kernel.initrd': KERNEL,
  'platform.vsock.alias': ['platform.vsock.cid=3'],
  'platform.cpu.topology.sockets': ['platform.cpu.topology.cores=1'],
  'platform.volume.<id>.format': DISK,
  'platform.volume.<id>.interface': [...DISK, 'platform.volume.0.writable=1'],
  'platform.volume.<id>.cache': DISK,
  'platform.volume.<id>.direct': DISK,
  'platform.volume.<id>.serial': DISK,
  'platform.volume.<id>.iops': DISK,
  'platform.volume.<id>.iothread': [...DISK, ...THREAD],
  'platform.volume.<id>.size': DISK,
  'platform.volume.<id>.pool': DISK,
  'platform.volume.<id>.alias': DISK,
  'network.<id>.driver': NIC,
  'network.<id>.queue-tap': NIC,
  'network.<id>.switch': NIC,
  'network.<id>.ip': NIC,
  'network.<id>.iothread': [...NIC, ...THREAD],
  'network.<id>.filter': NIC,
  'network.<id>.qos.loss': NIC,
  'network.<id>.qos.delay': NIC,
  'network.<id>.qos.rate': NIC,
  'network.<id>.qos.unit': [...NIC, 'network.0.qos.rate=1'],
  'network.<id>.alias': NIC,
  'runtime.console.virtio.<n>.alias': ['runtime.console.virtio.0.path=a.sock'],
};

const LONG_PATH = `/${'d'.repeat(254)}`.repeat(17);
const PATH = 'an absolute path on the node such as /tmp/alpine.iso';
const MEMORY = 'a whole number with K, M, G or T behind it such as 4G or 500M, more than 0 and at most 16T';
const NAME = 'a name of at most 128 printable characters without /';
const UUID =
  'a word of at most 64 letters, digits, dots, hyphens and underscores (not . or ..), because it names a folder';
const THREADS = 'a whole number from 1 to 4096';
const MODE = 'host or the name of a CPU model such as Penryn-v1, without feature flags';
const SOURCE = 'a URL that begins with http:// or https://, or an absolute path on the node';
const BRIDGE = 'the name of a bridge such as br0, at most 15 bytes without blanks, / and :';
const BOOT = 'ids of volumes, and of NICs with an n before them, such as 1,0,n0';
const CONSOLE_ID = 'a whole number such as 5; the port is 5900+id (vnc) or 7900+id (serial-tcp)';
const NODE = 'the machine id or name of a node';
const ALIAS = 'a letter, and up to 63 letters, digits, hyphens and underscores behind it';
const WORD = 'a word of letters, digits, . _ and -, at most 128 characters';
const COUNT = 'a whole number from 1 to 4096';
const ABSOLUTE = 'an absolute path (one that begins with /)';
const SOCKET_NAME = 'a name of at most 32 letters, digits, dots, hyphens and underscores';
const INTERFACE = 'the name of an interface such as tap0, at most 15 bytes without blanks, / and :';
const INTERFACES = 'virtio, ahci, ide, scsi, sd, mtd, floppy or pflash';
const CACHES = 'none, writeback, unsafe, directsync or writethrough';
const CARDS = 'virtio-net-pci, e1000, e1000e, rtl8139, vmxnet3, pcnet, ne2k_pci or i82559er';
const FILTER =
  'a name such as clean-traffic: a letter, and up to 63 letters, digits, dots, colons, hyphens and underscores';
const outside = (folder: string): string =>
  `a path outside of ${folder}, because volumes are written and deleted`;
const STATE = 'a path outside of /tmp/pxen, where the state of workloads is kept';
const OWN_NAME = 'a name without .pxen or .pxen-part at its end, pxen has such files beside volumes';

/** Of every key: values that are well, and values that are not, with what was expected. */
const CASES: Readonly<
  Record<KeyPattern, { good: readonly string[]; bad: readonly (readonly [string, string])[] }>
> = {
  // MH-4
  name: {
    good: ['qemutest1', 'a', '-w', 'Röntgen 3, "x"=1 #2', 'n'.repeat(128), '😀'.repeat(128)],
    bad: [
      ['', NAME],
      ['a/b', NAME],
      ['a\u2028b', NAME],
      ['a\u202eb', NAME],
      ['n'.repeat(129), NAME],
    ],
  },
  // MH-5
  uuid: {
    good: ['qweflmqwe23', '...', '.a', '-', '_', '8F4E5A44-2F5B-4B0C-9D61-000000000001', 'u'.repeat(64)],
    bad: [
      ['', UUID],
      ['.', UUID],
      ['..', UUID],
      ['../../etc', UUID],
      ['a/b', UUID],
      ['a b', UUID],
      ['ä', UUID],
      ['u'.repeat(65), UUID],
    ],
  },
  // MH-32
  'platform.engine': {
    good: ['qemu', 'microvm', 'stratovirt', 'libvirt'],
    bad: [
      ['', 'qemu, microvm, stratovirt or libvirt'],
      ['QEMU', 'qemu, microvm, stratovirt or libvirt'],
      ['xen', 'qemu, microvm, stratovirt or libvirt'],
    ],
  },
  // MH-6
  'platform.memory.size': {
    good: ['4G', '500M', '1K', '16T', '04G', '17179869184K'],
    bad: [
      ['', MEMORY],
      ['4GB', MEMORY],
      ['4g', MEMORY],
      ['4', MEMORY],
      ['4.5G', MEMORY],
      ['0G', MEMORY],
      ['-4G', MEMORY],
      ['4 G', MEMORY],
      ['G', MEMORY],
      ['17T', MEMORY],
      ['17179869185K', MEMORY],
      [`${'9'.repeat(70)}K`, MEMORY],
    ],
  },
  // MH-8
  'platform.cpu.threads': {
    good: ['1', '2', '4096'],
    bad: [
      ['', THREADS],
      ['0', THREADS],
      ['-1', THREADS],
      ['1.5', THREADS],
      ['02', THREADS],
      ['+2', THREADS],
      ['4097', THREADS],
      ['1e1', THREADS],
      ['two', THREADS],
      ['9'.repeat(40), THREADS],
    ],
  },
  // MH-9
  'platform.cpu.mode': {
    good: ['host', 'Penryn-v1', '486', 'Skylake-Server-noTSX-IBRS', 'max'],
    bad: [
      ['', MODE],
      ['host,-vmx', MODE],
      ['a b', MODE],
      ['m'.repeat(65), MODE],
    ],
  },
  // MH-12
  'platform.volume.<id>.type': {
    good: ['qcow2', 'iso'],
    bad: [
      ['', 'qcow2 or iso'],
      ['raw', 'qcow2 or iso'],
      ['ISO', 'qcow2 or iso'],
    ],
  },
  // MH-13
  'platform.volume.<id>.path': {
    good: [
      '/tmp/disk.qcow2',
      '/a',
      '/tmp/pxen2',
      '/usr2/x',
      '/tmp/a b,c',
      '/var/lib/vm/..a',
      LONG_PATH.slice(0, 4095),
    ],
    bad: [
      ['', PATH],
      ['disk.qcow2', 'an absolute path (one that begins with /)'],
      ['http://host0/a', 'an absolute path (one that begins with /)'],
      ['/', 'a path below /'],
      ['/tmp/', 'a path without // and without / at its end'],
      ['//tmp/a', 'a path without // and without / at its end'],
      ['/tmp/../etc/passwd', 'a path without ".." in it'],
      ['/tmp/./a', 'a path without "." in it'],
      [`/${'n'.repeat(256)}`, 'names of at most 255 bytes'],
      [LONG_PATH.slice(0, 4096), 'a path of at most 4095 bytes'],
      ['/etc', outside('/etc')],
      ['/bin/sh', outside('/bin')],
      ['/boot/vmlinuz', outside('/boot')],
      ['/dev/sda', outside('/dev')],
      ['/etc/passwd', outside('/etc')],
      ['/lib/modules', outside('/lib')],
      ['/lib32/a', outside('/lib32')],
      ['/lib64/a', outside('/lib64')],
      ['/proc/1/mem', outside('/proc')],
      ['/run/a', outside('/run')],
      ['/sbin/init', outside('/sbin')],
      ['/sys/a', outside('/sys')],
      ['/usr/share/a.iso', outside('/usr')],
      ['/srv/a.img.pxen', OWN_NAME],
      ['/srv/.a.img.pxen-part', OWN_NAME],
      ['/srv/.a.img.pxen-part.raw', OWN_NAME],
      ['/tmp/pxen', STATE],
      ['/tmp/pxen/u1/disk.qcow2', STATE],
    ],
  },
  // MH-14
  'platform.volume.<id>.source': {
    good: [
      'http://host0/isos/alpine.iso',
      'https://dl-cdn.alpinelinux.org/alpine/v3.21/releases/x86_64/alpine-virt-3.21.3-x86_64.iso',
      'HTTP://[fd00::1]:8080/a?b=c',
      '/srv/images/a.iso',
      '/usr/share/a.iso',
    ],
    bad: [
      ['', SOURCE],
      ['alpine.iso', SOURCE],
      ['ftp://host0/a.iso', SOURCE],
      ['file:///tmp/a.iso', SOURCE],
      ['http://', SOURCE],
      ['http:///isos/a.iso', SOURCE],
      ['http://host 0/a', SOURCE],
      ['http://host0:99999/a', SOURCE],
      ['/srv/../a.iso', 'a path without ".." in it'],
      ['/srv/images/', 'a path without // and without / at its end'],
    ],
  },
  'platform.volume.<id>.sha256': {
    good: ['0'.repeat(64), 'aF'.repeat(32)],
    bad: [
      ['', '64 hex digits'],
      ['0'.repeat(63), '64 hex digits'],
      ['0'.repeat(65), '64 hex digits'],
      ['g'.repeat(64), '64 hex digits'],
    ],
  },
  // MH-15
  'platform.volume.<id>.writable': {
    good: ['1', '0'],
    bad: [
      ['', '1 or 0'],
      ['true', '1 or 0'],
      ['2', '1 or 0'],
      ['01', '1 or 0'],
    ],
  },
  // MH-17
  'platform.volume.<id>.ephemeral': {
    good: ['1', '0'],
    bad: [
      ['', '1 or 0'],
      ['no', '1 or 0'],
      ['-1', '1 or 0'],
    ],
  },
  // MH-20
  'network.<id>.type': {
    good: ['bridge'],
    bad: [
      ['', 'bridge or nat'],
      ['tap', 'bridge or nat'],
      ['NAT', 'bridge or nat'],
    ],
  },
  // MH-21
  'network.<id>.bridge': {
    good: ['br0', 'b', 'br-lan.100', 'brücke', 'b'.repeat(15), '...'],
    bad: [
      ['', BRIDGE],
      ['.', BRIDGE],
      ['..', BRIDGE],
      ['a/b', BRIDGE],
      ['br 0', BRIDGE],
      ['eth0:1', BRIDGE],
      ['b'.repeat(16), BRIDGE],
      ['ü'.repeat(8), BRIDGE],
    ],
  },
  // MH-23
  'network.<id>.mac': {
    good: [
      '52:54:00:12:34:56',
      '52-54-00-AB-CD-EF',
      '525400abcdef',
      '00:00:00:00:00:01',
      'fe:ff:ff:ff:ff:ff',
    ],
    bad: [
      ['', 'a MAC address such as 52:54:00:12:34:56'],
      ['52:54:00:12:34', 'a MAC address such as 52:54:00:12:34:56'],
      ['52:54:00:12:34:5g', 'a MAC address such as 52:54:00:12:34:56'],
      ['52:54-00:12:34:56', 'a MAC address such as 52:54:00:12:34:56'],
      ['00:00:00:00:00:00', 'a MAC address such as 52:54:00:12:34:56'],
      ['ff:ff:ff:ff:ff:ff', 'the address of one NIC, not of a group (its first byte must be even)'],
      ['01:00:5e:00:00:01', 'the address of one NIC, not of a group (its first byte must be even)'],
    ],
  },
  // MH-24
  'runtime.boot': {
    good: ['1,0,n0', '1', 'n0', ' 1 ,\tn0'.replace('\t', ' ')],
    bad: [
      ['', BOOT],
      ['1,,0', BOOT],
      ['1,', BOOT],
      ['c', BOOT],
      ['1;0', BOOT],
      ['N0', BOOT],
      ['n', BOOT],
      ['01', BOOT],
      ['1000', BOOT],
      ['1,0,1', 'each entry once (1 stands there again)'],
      ['n0, n0', 'each entry once (n0 stands there again)'],
      [Array(129).fill('0').join(','), BOOT],
    ],
  },
  // MH-26
  'runtime.console.type': {
    good: ['serial-tcp', 'serial-socket'],
    bad: [
      ['', 'serial-tcp, serial-socket or vnc'],
      ['serial', 'serial-tcp, serial-socket or vnc'],
      ['VNC', 'serial-tcp, serial-socket or vnc'],
    ],
  },
  // MH-29
  'runtime.console.id': {
    good: ['0', '5', '59635'],
    bad: [
      ['', CONSOLE_ID],
      ['-1', CONSOLE_ID],
      ['1.5', CONSOLE_ID],
      [':5', CONSOLE_ID],
      ['05', CONSOLE_ID],
      ['65536', CONSOLE_ID],
    ],
  },
  'runtime.autostart': {
    good: ['1', '0'],
    bad: [
      ['', '1 or 0'],
      ['yes', '1 or 0'],
    ],
  },
  'placement.node': {
    good: ['91d5815f', 'rack1-07', 'Node 3'],
    bad: [
      ['', NODE],
      ['a/b', NODE],
      ['n'.repeat(129), NODE],
    ],
  },
  'platform.arch': {
    good: ['x86_64', 'aarch64'],
    bad: [
      ['', 'x86_64 or aarch64'],
      ['amd64', 'x86_64 or aarch64'],
    ],
  },
  // SV-22
  'platform.memory.hugepages': {
    good: ['/dev/hugepages', '/mnt/huge 1G'],
    bad: [
      ['', 'the absolute path of a folder such as /dev/hugepages'],
      ['hugepages', ABSOLUTE],
      ['/dev/../x', 'a path without ".." in it'],
    ],
  },
  'platform.memory.share': { good: ['1', '0'], bad: [['on', '1 or 0']] },
  'platform.memory.dump': { good: ['1', '0'], bad: [['off', '1 or 0']] },
  //
  'platform.cpu.topology.sockets': {
    good: ['1'],
    bad: [
      ['', COUNT],
      ['0', COUNT],
      ['4097', COUNT],
      ['1.0', COUNT],
    ],
  },
  'platform.cpu.topology.cores': { good: ['1'], bad: [['0', COUNT]] },
  'platform.cpu.topology.threads': { good: ['1'], bad: [['-1', COUNT]] },
  // SV-9
  'platform.kernel.image': {
    good: ['/srv/vmlinuz', '/boot/vmlinuz', LONG_PATH.slice(0, 4095)],
    bad: [
      ['', 'an absolute path on the node such as /srv/vm/vmlinuz'],
      ['vmlinuz', ABSOLUTE],
      [LONG_PATH.slice(0, 4096), 'a path of at most 4095 bytes'],
    ],
  },
  'platform.kernel.append': {
    good: ['console=ttyS0 root=UUID=x rw "a b" -- init', 'x'.repeat(2047)],
    bad: [
      ['', 'kernel arguments such as console=ttyS0 root=/dev/vda, at most 2047 ASCII characters'],
      ['ä', 'kernel arguments such as console=ttyS0 root=/dev/vda, at most 2047 ASCII characters'],
      [
        'x'.repeat(2048),
        'kernel arguments such as console=ttyS0 root=/dev/vda, at most 2047 ASCII characters',
      ],
    ],
  },
  'platform.kernel.initrd': {
    good: ['/srv/initrd.img'],
    bad: [
      ['', 'an absolute path on the node such as /srv/vm/initrd.img'],
      ['initrd', ABSOLUTE],
    ],
  },
  // FW-20
  'platform.bios': {
    good: ['seabios_rel-1.14.0.0', '/usr/share/OVMF/OVMF_CODE.fd'],
    bad: [
      ['', 'an absolute path on the node, or a file name such as bios-256k.bin'],
      ['../x', ABSOLUTE],
      ['-x', ABSOLUTE],
      ['/usr//x', 'a path without // and without / at its end'],
    ],
  },
  // FW-3
  'platform.image': { good: ['ubuntu1604server'], bad: [['a/b', NAME]] },
  // SV-21
  'platform.balloon': {
    good: ['deflate-on-oom', 'fixed'],
    bad: [
      ['', 'deflate-on-oom or fixed'],
      ['1', 'deflate-on-oom or fixed'],
    ],
  },
  // SV-14
  'platform.vsock.cid': {
    good: ['3', '4294967294', 'auto'],
    bad: [
      ['', 'a whole number from 3 to 4294967294, or auto'],
      ['2', 'a whole number from 3 to 4294967294, or auto'],
      ['4294967295', 'a whole number from 3 to 4294967294, or auto'],
      ['03', 'a whole number from 3 to 4294967294, or auto'],
      ['AUTO', 'a whole number from 3 to 4294967294, or auto'],
    ],
  },
  'platform.vsock.alias': { good: ['vsock-123321132'], bad: [['1vsock', ALIAS]] },
  // SV-19
  'platform.iothread.<n>': {
    good: ['iothread1', 'a', `a${'_'.repeat(63)}`],
    bad: [
      ['', ALIAS],
      ['1', ALIAS],
      ['a.b', ALIAS],
      ['a,b', ALIAS],
      [`a${'_'.repeat(64)}`, ALIAS],
    ],
  },
  'platform.device.<n>.type': {
    good: ['nvidia-gpu', '10de.1eb8'],
    bad: [
      ['', `${WORD}, such as nvidia-gpu`],
      ['nvidia gpu', `${WORD}, such as nvidia-gpu`],
    ],
  },
  'platform.volume.<id>.format': {
    good: ['qcow2', 'raw'],
    bad: [
      ['', 'qcow2 or raw'],
      ['vmdk', 'qcow2 or raw'],
    ],
  },
  // FW-19
  'platform.volume.<id>.interface': {
    good: ['virtio', 'ahci', 'ide', 'scsi', 'sd', 'mtd', 'floppy', 'pflash'],
    bad: [
      ['', INTERFACES],
      ['sata', INTERFACES],
    ],
  },
  'platform.volume.<id>.cache': {
    good: ['none', 'writeback', 'unsafe', 'directsync', 'writethrough'],
    bad: [
      ['', CACHES],
      ['default', CACHES],
    ],
  },
  // SV-11
  'platform.volume.<id>.direct': { good: ['1', '0'], bad: [['true', '1 or 0']] },
  'platform.volume.<id>.serial': {
    good: ['11111111', 'WD-1.2_3+4', 's'.repeat(20)],
    bad: [
      ['', 'up to 20 letters, digits, dots, hyphens, underscores and plus signs'],
      ['s'.repeat(21), 'up to 20 letters, digits, dots, hyphens, underscores and plus signs'],
      ['a,b', 'up to 20 letters, digits, dots, hyphens, underscores and plus signs'],
    ],
  },
  // SV-20
  'platform.volume.<id>.iops': {
    good: ['0', '200', '1000000'],
    bad: [
      ['', 'a whole number from 0 to 1000000'],
      ['-1', 'a whole number from 0 to 1000000'],
      ['1000001', 'a whole number from 0 to 1000000'],
    ],
  },
  'platform.volume.<id>.iothread': { good: ['io1', 'x'], bad: [['1', ALIAS]] },
  'platform.volume.<id>.size': {
    good: ['20G', '1K'],
    bad: [
      ['', 'a whole number with K, M, G or T behind it such as 20G, more than 0 and at most 16T'],
      ['20', 'a whole number with K, M, G or T behind it such as 20G, more than 0 and at most 16T'],
    ],
  },
  'platform.volume.<id>.pool': {
    good: ['ticrypt-vm-drives'],
    bad: [['a/b', `${WORD}, such as ticrypt-vm-drives`]],
  },
  'platform.volume.<id>.alias': { good: ['rootfs'], bad: [['root fs', ALIAS]] },
  // FW-11
  'network.<id>.driver': {
    good: ['virtio-net-pci', 'e1000', 'rtl8139'],
    bad: [
      ['', CARDS],
      ['virtio', CARDS],
      ['virtio-net-pci,mq=on', CARDS],
    ],
  },
  // FW-13
  'network.<id>.queue-tap': {
    good: ['tap0', 't'.repeat(15)],
    bad: [
      ['', INTERFACE],
      ['t'.repeat(16), INTERFACE],
      ['tap/0', INTERFACE],
      ['tap 0', INTERFACE],
    ],
  },
  'network.<id>.switch': {
    good: ['switch-host-ospf.root.net'],
    bad: [['a,b', 'a name of at most 128 printable characters without blanks and commas']],
  },
  // FW-10
  'network.<id>.ip': {
    good: ['10.0.0.2/24', '0.0.0.0/0'],
    bad: [
      ['', 'an IPv4 address with the length of its prefix such as 10.0.0.2/24'],
      ['10.0.0.2', 'an IPv4 address with the length of its prefix such as 10.0.0.2/24'],
      ['10.0.0.256/24', 'an IPv4 address with the length of its prefix such as 10.0.0.2/24'],
      ['10.0.0.2/33', 'an IPv4 address with the length of its prefix such as 10.0.0.2/24'],
    ],
  },
  'network.<id>.iothread': { good: ['io1'], bad: [['-', ALIAS]] },
  'network.<id>.filter': {
    good: ['clean-traffic', 'a:b.c_1'],
    bad: [
      ['', FILTER],
      ['1a', FILTER],
      ['a b', FILTER],
    ],
  },
  // FW-15
  'network.<id>.qos.loss': {
    good: ['0', '25', '99.9999', '0.5', '05'],
    bad: [
      ['', 'a percentage from 0 to less than 100 such as 25 or 0.5'],
      ['100', 'a percentage from 0 to less than 100 such as 25 or 0.5'],
      ['-1', 'a percentage from 0 to less than 100 such as 25 or 0.5'],
      ['25%', 'a percentage from 0 to less than 100 such as 25 or 0.5'],
      ['0.00001', 'a percentage from 0 to less than 100 such as 25 or 0.5'],
    ],
  },
  'network.<id>.qos.delay': {
    good: ['0', '100', '100ms', '1.5ms', '10s', '250us', '3600s', '0.001ms'],
    bad: [
      ['', 'a time from 0 to one hour in s, ms (the default) or us, such as 100ms'],
      ['-1ms', 'a time from 0 to one hour in s, ms (the default) or us, such as 100ms'],
      ['1m', 'a time from 0 to one hour in s, ms (the default) or us, such as 100ms'],
      ['0.5us', 'a time from 0 to one hour in s, ms (the default) or us, such as 100ms'],
      ['3601s', 'a time from 0 to one hour in s, ms (the default) or us, such as 100ms'],
      ['100 ms', 'a time from 0 to one hour in s, ms (the default) or us, such as 100ms'],
    ],
  },
  'network.<id>.qos.rate': {
    good: ['1', '1000000'],
    bad: [
      ['', 'a whole number from 1 to 1000000'],
      ['0', 'a whole number from 1 to 1000000'],
      ['1.5', 'a whole number from 1 to 1000000'],
      ['1mbit', 'a whole number from 1 to 1000000'],
      ['1000001', 'a whole number from 1 to 1000000'],
    ],
  },
  'network.<id>.qos.unit': {
    good: ['kbit', 'mbit', 'gbit'],
    bad: [
      ['', 'kbit, mbit or gbit'],
      ['kbps', 'kbit, mbit or gbit'],
    ],
  },
  'network.<id>.alias': { good: ['net0'], bad: [['0', ALIAS]] },
  // SV-13
  'runtime.console.virtio.<n>.path': {
    good: [
      'log.sock',
      '_',
      's'.repeat(32),
      '/run/vm/a.sock',
      '/path/to/console.socket',
      `/${'s'.repeat(106)}`,
    ],
    bad: [
      ['', 'the name of a socket such as log.sock, or the absolute path of one'],
      ['.', SOCKET_NAME],
      ['.hidden', SOCKET_NAME],
      ['s'.repeat(33), SOCKET_NAME],
      ['qmp.sock', 'another name, pxen has a file of this name there'],
      ['serial.log', 'another name, pxen has a file of this name there'],
      ['a/b', ABSOLUTE],
      ['/etc/passwd', 'a path outside of /etc, because the socket is made and deleted'],
      ['/srv/a.img.pxen', OWN_NAME],
      ['/run/../etc/passwd', 'a path without ".." in it'],
      ['/tmp/pxen/u2/qmp.sock', STATE],
      [`/${'s'.repeat(107)}`, 'a path of at most 107 bytes'],
    ],
  },
  'runtime.console.virtio.<n>.alias': { good: ['charconsole0'], bad: [['', ALIAS]] },
  // FW-7
  'runtime.vga': {
    good: ['std', 'cirrus', 'vmware', 'qxl', 'virtio', 'none'],
    bad: [
      ['', 'std, cirrus, vmware, qxl, virtio or none'],
      ['tcx', 'std, cirrus, vmware, qxl, virtio or none'],
    ],
  },
  // FW-8
  'runtime.power-state': {
    good: ['running', 'paused'],
    bad: [
      ['', 'running or paused'],
      ['off', 'running or paused'],
    ],
  },
  'runtime.qga': { good: ['1', '0'], bad: [['yes', '1 or 0']] },
  'runtime.append.<arg>': {
    good: ['', 'base=localtime', 'a b, "c"', 'x'.repeat(1024)],
    bad: [
      ['x'.repeat(1025), 'the value of the option, at most 1024 printable characters, or nothing'],
      ['a\u2028b', 'the value of the option, at most 1024 printable characters, or nothing'],
    ],
  },
  'runtime.tag.<k>': {
    good: ['web', 'Röntgen, 3'],
    bad: [
      ['', 'at most 256 printable characters'],
      ['x'.repeat(257), 'at most 256 printable characters'],
    ],
  },
  'runtime.control-ip': {
    good: ['172.16.0.5'],
    bad: [
      ['', 'an IPv4 address such as 172.16.0.5'],
      ['172.16.0', 'an IPv4 address such as 172.16.0.5'],
    ],
  },
  'placement.realm': { good: ['lab'], bad: [['a b', `${WORD}, such as lab`]] },
  // FW-26
  'placement.coschedule': {
    good: ['-1', '0', '4096'],
    bad: [
      ['', 'a whole number from -1 to 4096'],
      ['-2', 'a whole number from -1 to 4096'],
      ['4097', 'a whole number from -1 to 4096'],
      ['1.5', 'a whole number from -1 to 4096'],
    ],
  },
  'placement.group': { good: ['databases'], bad: [['a b', `${WORD}, such as databases`]] },
};

/** A value as messages quote it. */
function quoted(value: string): string {
  const text = JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  return text.replace('\u2028', '\\u2028');
}

describe.each(KEY_PATTERNS)('%s', pattern => {
  const { good, bad } = CASES[pattern];

  test.each(good.map(value => [quoted(value), value] as const))('takes %s', (_title, value) => {
    expect(parseWorkload(fileWith(pattern, value).text, 'f', 'any').problems).toEqual([]);
  });

  test.each(bad.map(([value, expected]) => [quoted(value), value, expected] as const))(
    'refuses %s',
    (shown, value, expected) => {
      const { text, line } = fileWith(pattern, value);
      const key = keyFor(pattern);
      const got = value === '' ? 'is empty' : `got ${shown}`;
      const { problems } = parseWorkload(text, 'f', 'any');
      expect(problems.map(({ code, message }) => [code, message])).toEqual([
        ['BAD_VALUE', `f:${line}: ${key}: ${got}, expected ${expected}`],
      ]);
    },
  );

  test('its example and its default are values of it', () => {
    const { read, example, fallback = example }: Key<unknown> = KEYS[pattern];
    expect([read(example), read(fallback)]).toEqual([
      { value: expect.anything() },
      { value: expect.anything() },
    ]);
  });
});
