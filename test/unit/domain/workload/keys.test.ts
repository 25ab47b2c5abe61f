import { describe, expect, test } from 'vitest';
import {
  KEY_PATTERNS,
  KEYS,
  type Key,
  type KeyPattern,
  keyOf,
} from '../../../../src/domain/workload/keys.ts';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';
import { LEAST, messages } from './config.ts';

/** A file in which this key, with id 0 where it has one, is what is to be judged; and the line it stands on. */
function fileWith(pattern: KeyPattern, value: string): { text: string; line: number } {
  const key = keyOf(pattern, pattern.includes('<id>') ? 0 : undefined);
  const lines = [...LEAST.trimEnd().split('\n'), ...(COMPANY[pattern] ?? [])];
  const at = lines.findIndex(line => line.startsWith(`${key}=`));
  if (at >= 0) lines[at] = `${key}=${value}`;
  else lines.push(`${key}=${value}`);
  return { text: lines.join('\n'), line: (at >= 0 ? at : lines.length - 1) + 1 };
}

const DISK = ['platform.volume.0.type=qcow2', 'platform.volume.0.path=/tmp/disk.qcow2'];
const NIC = ['network.0.type=bridge', 'network.0.bridge=br0'];

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
const outside = (folder: string): string =>
  `a path outside of ${folder}, because volumes are written and deleted`;
const STATE = 'a path outside of /tmp/pxen, where the state of workloads is kept';

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
    good: ['qemu'],
    bad: [
      ['', 'qemu'],
      ['QEMU', 'qemu'],
      ['stratovirt', 'qemu'],
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
};

/** A value as messages quote it. */
function quoted(value: string): string {
  const text = JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  return text.replace('\u2028', '\\u2028');
}

describe.each(KEY_PATTERNS)('%s', pattern => {
  const { good, bad } = CASES[pattern];

  test.each(good.map(value => [quoted(value), value] as const))('takes %s', (_title, value) => {
    expect(messages(fileWith(pattern, value).text)).toEqual([]);
  });

  test.each(bad.map(([value, expected]) => [quoted(value), value, expected] as const))(
    'refuses %s',
    (shown, value, expected) => {
      const { text, line } = fileWith(pattern, value);
      const key = keyOf(pattern, pattern.includes('<id>') ? 0 : undefined);
      const got = value === '' ? 'is empty' : `got ${shown}`;
      const { problems } = parseWorkload(text, 'f');
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
