import { quote } from '../../../base/diagnostic.ts';
import type { KeyPattern } from '../../workload/keys.ts';
import type { Cache, Volume, Workload } from '../../workload/workload.ts';
import { type Carriage, losses, type Note } from '../exchange.ts';
import type { Refusal } from '../format.ts';

/** Where an import puts the disks of an image store; a folder of another name is not carried. */
export const IMAGE_FOLDER = '/tmp';

const BOTH: readonly KeyPattern[] = [
  'name',
  'uuid',
  'platform.arch',
  'platform.memory.size',
  'platform.cpu.threads',
  'platform.cpu.mode',
  'platform.cpu.topology.sockets',
  'platform.cpu.topology.cores',
  'platform.cpu.topology.threads',
  'platform.bios',
  'platform.volume.<id>.type',
  'platform.volume.<id>.path',
  'platform.volume.<id>.writable',
  'platform.volume.<id>.interface',
  'platform.volume.<id>.cache',
  'platform.volume.<id>.direct',
  'network.<id>.type',
  'network.<id>.mac',
  'network.<id>.driver',
  'network.<id>.switch',
  'network.<id>.qos.loss',
  'network.<id>.qos.delay',
  'network.<id>.qos.rate',
  'network.<id>.qos.unit',
  'runtime.vga',
  'runtime.power-state',
  'runtime.qga',
  'runtime.append.<arg>',
  'runtime.tag.<k>',
  'placement.coschedule',
];

const BY_PXEN = 'only pxen does that';
const WORDS: Carriage['words'] = {
  'platform.engine': 'minimega runs QEMU',
  'platform.volume.<id>.source': BY_PXEN,
  'platform.volume.<id>.sha256': BY_PXEN,
  'platform.volume.<id>.ephemeral': 'minimega throws the changes away, and keeps the file',
  'runtime.console.type': 'minimega has VNC and serial ports of its own',
  'runtime.console.id': 'minimega has VNC and serial ports of its own',
  'runtime.autostart': BY_PXEN,
  'network.<id>.bridge': 'minimega names the switch alone',
};

/** The dictionary of FIREWHEEL (FW-1 to FW-26). */
export const DICTIONARY_CARRIAGE: Carriage = {
  carries: new Set<KeyPattern>([
    ...BOTH,
    'platform.image',
    'network.<id>.queue-tap',
    'network.<id>.ip',
    'runtime.control-ip',
  ]),
  words: WORDS,
};

/** The commands of minimega (FW-30). */
export const SCRIPT_CARRIAGE: Carriage = {
  carries: new Set<KeyPattern>([
    ...BOTH,
    'platform.kernel.image',
    'platform.kernel.append',
    'platform.kernel.initrd',
  ]),
  words: { ...WORDS, 'platform.volume.<id>.ephemeral': 'minimega keeps the changes of all disks or of none' },
};

/** Whether the node's page cache is gone around is a cache mode for minimega. */
export function cacheOf({ cache, direct }: Volume): Cache {
  return cache ?? (direct ? 'none' : 'writeback');
}

/** What minimega cannot have a virtual machine without, or with (FW-19, FW-29). */
export function refusals(workload: Workload): Refusal[] {
  return [...nameRefusal(workload), ...memoryRefusal(workload), ...workload.volumes.flatMap(pathRefusal)];
}

function nameRefusal({ name }: Workload): Refusal[] {
  if (/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(name)) return [];
  return [
    { key: 'name', expected: 'a host name of letters, digits, dots and hyphens, as minimega takes it' },
  ];
}

function memoryRefusal({ memory }: Workload): Refusal[] {
  if (memory.bytes % 1024 ** 2 === 0) return [];
  return [{ key: 'platform.memory.size', expected: 'whole MiB, minimega counts in them' }];
}

function pathRefusal({ id, path }: Volume): Refusal[] {
  if (!/[,\s"'\\#]/.test(path)) return [];
  return [
    {
      key: `platform.volume.${id}.path`,
      expected: 'a path without commas, blanks, quotes, backslashes and #, which end it for minimega',
    },
  ];
}

/** What is lost beside keys that have no place. */
export function minimegaNotes(workload: Workload, carriage: Carriage, rfcUuid: string): Note[] {
  const { nics, uuid, volumes } = workload;
  const dropped = nics.filter(({ type }) => type === 'nat');
  const named = losses(workload, carriage).filter(({ key }) => !isCarriedBridge(workload, key));
  return [
    ...(uuid === rfcUuid ? [] : [{ key: 'uuid', text: `becomes ${rfcUuid}, of RFC 4122` }]),
    ...named,
    ...dropped.map(({ id }) => ({
      key: `network.${id}`,
      text: 'left out: minimega has no NICs behind NAT',
    })),
    ...volumes
      .filter(({ type, writable }) => type === 'qcow2' && !writable)
      .map(({ id }) => ({
        key: `platform.volume.${id}.writable`,
        text: 'minimega lets the guest write, and throws the changes away',
      })),
  ];
}

/** The name of the bridge is that of the switch where no other one is given. */
function isCarriedBridge({ nics }: Workload, key: string): boolean {
  return nics.some(nic => key === `network.${nic.id}.bridge` && nic.switch === undefined);
}

/** Keys of minimega that a tag must not have the name of (FW-25; what insert_vm_endpoint sets before and after the tags). */
const TAKEN: readonly string[] = [
  'architecture',
  'name',
  'uuid',
  'control_ip',
  'type',
  'cpu_model',
  'memory',
  'smp_sockets',
  'smp_cores',
  'smp_threads',
  'vcpus',
  'vga_model',
  'image',
  'disks',
  'virtio_ports',
  'qemu_append',
  'coschedule',
];

export function tagRefusals({ tags = [] }: Workload): Refusal[] {
  return tags
    .filter(({ key }) => TAKEN.includes(key))
    .map(({ key }) => ({
      key: `runtime.tag.${key}`,
      expected: `another tag than ${quote(key)}, which is a key of minimega`,
    }));
}

/** FIREWHEEL joins all options with blanks. */
export function appendRefusals({ append = [] }: Workload): Refusal[] {
  return append
    .filter(({ value }) => /[\s"'\\#]/.test(value))
    .map(({ name }) => ({
      key: `runtime.append.${name}`,
      expected: 'a value without blanks, quotes, backslashes and #: FIREWHEEL joins all of them with blanks',
    }));
}
