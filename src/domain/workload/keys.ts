import {
  bootOrder,
  cpuModel,
  folderWord,
  interfaceName,
  memorySize,
  oneOf,
  printableName,
  type Read,
  sha256Digits,
  source,
  unicastMac,
  volumePath,
  wholeNumber,
  yesOrNo,
} from './values.ts';
import { ENGINES } from './workload.ts';

/** One key of a workload file: the same record drives parsing, defaults, near-miss hints, messages and docs/workloads.md. */
export interface Key<T> {
  readonly read: Read<T>;
  /** The file must have it; where it has an `<id>`, as soon as another key names that id. */
  readonly required?: true;
  /** What the absence of the key means, as a user would write it. */
  readonly fallback?: string;
  /** One or two sentences for the docs. */
  readonly about: string;
  /** What a good value looks like; ends the sentence "expected ...". */
  readonly expected: string;
  readonly example: string;
}

function key<T>(given: Key<T>): Key<T> {
  return given;
}

/**
 * Every key of a workload file. `<id>` is the number of a volume or NIC. Rules that need two keys are in rules.ts, those
 * that need the node in judge.ts.
 */
export const KEYS = {
  name: key({
    read: printableName,
    required: true,
    about: 'Name of the workload, by which `-w` finds it. No other workload of the appliance may have it.',
    expected: 'a name of at most 128 printable characters without /',
    example: 'qemutest1',
  }),
  uuid: key({
    read: folderWord,
    required: true,
    about:
      'Identity of the workload: names its folder `/tmp/pxen/<uuid>/` on the node. Any word that no other workload has.',
    expected:
      'a word of at most 64 letters, digits, dots, hyphens and underscores (not . or ..), because it names a folder',
    example: 'qweflmqwe23',
  }),
  'platform.engine': key({
    read: oneOf(...ENGINES),
    fallback: 'qemu',
    about: 'The program that runs the virtual machine.',
    expected: ENGINES.join(' or '),
    example: 'qemu',
  }),
  'platform.memory.size': key({
    read: memorySize,
    required: true,
    about: 'Memory of the guest, in binary units. It must fit into what the node has available at the start.',
    expected: 'a whole number with K, M, G or T behind it such as 4G or 500M, more than 0 and at most 16T',
    example: '4G',
  }),
  'platform.cpu.threads': key({
    read: wholeNumber(1, 4096),
    required: true,
    about: 'vCPUs in all, at most as many as the node has processors.',
    expected: 'a whole number from 1 to 4096',
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
  'platform.volume.<id>.type': key({
    read: oneOf('qcow2', 'iso'),
    required: true,
    about: '`qcow2`: a disk. `iso`: a CD-ROM.',
    expected: 'qcow2 or iso',
    example: 'iso',
  }),
  'platform.volume.<id>.path': key({
    read: volumePath,
    required: true,
    about: 'Where the file is on the node; `mesh workload download` puts it there.',
    expected: 'an absolute path on the node such as /tmp/alpine.iso',
    example: '/tmp/alpine.iso',
  }),
  'platform.volume.<id>.source': key({
    read: source,
    about:
      'Where the file is fetched from: a URL, or a path on the node. `http://host0/isos/` is `/srv/pxen/http/isos/` of host0.',
    expected: 'a URL that begins with http:// or https://, or an absolute path on the node',
    example: 'http://host0/isos/alpine.iso',
  }),
  'platform.volume.<id>.sha256': key({
    read: sha256Digits,
    about: 'SHA-256 that the fetched file must have.',
    expected: '64 hex digits',
    example: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  }),
  'platform.volume.<id>.writable': key({
    read: yesOrNo,
    fallback: '0',
    about: '`1`: the guest may write to it. Not for a CD-ROM.',
    expected: '1 or 0',
    example: '1',
  }),
  'platform.volume.<id>.ephemeral': key({
    read: yesOrNo,
    fallback: '1',
    about: '`1`: the file is deleted when the workload stops. `0`: it stays.',
    expected: '1 or 0',
    example: '0',
  }),
  'network.<id>.type': key({
    read: oneOf('bridge', 'nat'),
    required: true,
    about:
      "`bridge`: on a bridge of the node. `nat`: behind the node's own addresses, nothing reaches it from outside.",
    expected: 'bridge or nat',
    example: 'bridge',
  }),
  'network.<id>.bridge': key({
    read: interfaceName,
    about: 'The bridge, which the node must have. Required with `type=bridge`, not allowed with `nat`.',
    expected: 'the name of a bridge such as br0, at most 15 bytes without blanks, / and :',
    example: 'br0',
  }),
  'network.<id>.mac': key({
    read: unicastMac,
    about: 'MAC address. Without it one is made of uuid, id and type.',
    expected: 'a MAC address such as 52:54:00:12:34:56',
    example: '52:54:00:12:34:56',
  }),
  'runtime.boot': key({
    read: bootOrder,
    about:
      'Boot order: ids of volumes, ids of NICs with an `n` before them. Without it the first volume is booted, or the first NIC where there is no volume.',
    expected: 'ids of volumes, and of NICs with an n before them, such as 1,0,n0',
    example: '1,0,n0',
  }),
  'runtime.console.type': key({
    read: oneOf('serial-tcp', 'serial-socket', 'vnc'),
    fallback: 'serial-tcp',
    about:
      '`serial-tcp`: the serial port on TCP port 7900+id. `serial-socket`: on `/tmp/pxen/<uuid>/serial.sock`. `vnc`: the screen on TCP port 5900+id.',
    expected: 'serial-tcp, serial-socket or vnc',
    example: 'vnc',
  }),
  'runtime.console.id': key({
    read: wholeNumber(0, 65_535),
    about:
      'Which port. Required with `vnc`; without it `serial-tcp` takes the lowest free port from 7900; not allowed with `serial-socket`.',
    expected: 'a whole number such as 5; the port is 5900+id (vnc) or 7900+id (serial-tcp)',
    example: '5',
  }),
  'runtime.autostart': key({
    read: yesOrNo,
    fallback: '1',
    about: '`1`: a workload that was started comes back when its node boots again. `0`: it does not.',
    expected: '1 or 0',
    example: '0',
  }),
  'placement.node': key({
    read: printableName,
    about: 'The node to start it on, by machine id or name; `-n` of the command line wins.',
    expected: 'the machine id or name of a node',
    example: 'rack1-07',
  }),
} as const satisfies Record<string, Key<never> | Key<unknown>>;

export type KeyPattern = keyof typeof KEYS;
export type ValueOf<P extends KeyPattern> = (typeof KEYS)[P] extends Key<infer T> ? T : never;

export const KEY_PATTERNS = Object.keys(KEYS) as KeyPattern[];

/** `platform.volume.<id>.path` and 0: `platform.volume.0.path`. */
export function keyOf(pattern: KeyPattern, id?: number): string {
  return id === undefined ? pattern : pattern.replace('<id>', `${id}`);
}
