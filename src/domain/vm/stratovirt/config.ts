import type { KeyPattern } from '../../workload/keys.ts';
import { shapeCommand } from '../../workload/shaping.ts';
import type { Volume } from '../../workload/workload.ts';
import { type Carriage, losses, type Note } from '../exchange.ts';
import type { Machine, MachineNic, MachineVolume } from '../machine.ts';
import { numbered } from '../numbering.ts';

/** The file of `stratovirt -config`, key by key in the order of the source document (SV-23). */
export interface StratovirtConfig {
  readonly 'boot-source': {
    readonly kernel_image_path: string;
    readonly boot_args?: string;
    readonly initrd_fs_path?: string;
  };
  readonly 'machine-config': {
    readonly type: 'MicroVm';
    readonly vcpu_count: number;
    /** Bytes. */
    readonly mem_size: number;
    readonly dump_guest_core?: boolean;
    readonly mem_share?: boolean;
    readonly mem_path?: string;
  };
  readonly drive?: readonly Drive[];
  readonly net?: readonly Net[];
  readonly console?: readonly { readonly console_id: string; readonly socket_path: string }[];
  readonly serial: { readonly stdio: true };
  readonly vsock?: { readonly vsock_id: string; readonly guest_cid: number };
  readonly iothread?: readonly { readonly id: string }[];
  readonly balloon?: { readonly deflate_on_oom: boolean };
}

export interface Drive {
  readonly drive_id: string;
  readonly path_on_host: string;
  readonly serial_num?: string;
  /** Mandatory in JSON, as read_only is (SV-24). */
  readonly direct: boolean;
  readonly read_only: boolean;
  readonly iops?: number;
  readonly iothread?: string;
}

export interface Net {
  readonly iface_id: string;
  readonly host_dev_name: string;
  readonly mac: string;
  readonly iothread?: string;
}

/** The configuration of a machine that keeps every limit of StratoVirt (vm/capabilities.ts). */
export function stratovirtConfig(machine: Machine): StratovirtConfig {
  const { hugepages, kernel, virtioConsoles, vsock, workload } = machine;
  const { balloon, cpu, iothreads, memory } = workload;
  return {
    'boot-source': {
      // The table of engines says that there is one.
      kernel_image_path: kernel?.image ?? '',
      ...(kernel?.append === undefined ? {} : { boot_args: kernel.append }),
      ...(kernel?.initrd === undefined ? {} : { initrd_fs_path: kernel.initrd }),
    },
    'machine-config': {
      type: 'MicroVm',
      vcpu_count: cpu.threads,
      mem_size: memory.bytes,
      ...(memory.dump === undefined ? {} : { dump_guest_core: memory.dump }),
      ...(memory.share === undefined ? {} : { mem_share: memory.share }),
      ...(hugepages === undefined ? {} : { mem_path: hugepages }),
    },
    ...list('drive', machine.volumes.map(driveOf)),
    ...list(
      'net',
      machine.nics.map((nic, at) => netOf(nic, workload.nics[at] ?? {})),
    ),
    ...list(
      'console',
      virtioConsoles?.map(({ alias, id, socket }) => ({
        console_id: alias ?? `${CONSOLE}${id}`,
        socket_path: socket,
      })) ?? [],
    ),
    serial: { stdio: true },
    ...(vsock ? { vsock: { vsock_id: vsock.alias ?? VSOCK, guest_cid: vsock.cid } } : {}),
    ...list('iothread', iothreads?.map(({ name }) => ({ id: name })) ?? []),
    ...(balloon ? { balloon: { deflate_on_oom: balloon === 'deflate-on-oom' } } : {}),
  };
}

/** Ids of what has no alias. */
export const DRIVE = 'vol';
export const NET = 'net';
export const CONSOLE = 'console';
export const VSOCK = 'vsock0';

function list<K extends string, T>(key: K, items: readonly T[]): { readonly [P in K]?: readonly T[] } {
  return items.length === 0 ? {} : ({ [key]: items } as { readonly [P in K]: readonly T[] });
}

/** StratoVirt itself goes around the page cache where it is not told; a tmpfs, where volumes of nodes are, may know no O_DIRECT. */
function driveOf({
  alias,
  direct = false,
  file,
  id,
  iops,
  iothread,
  serial,
  writable,
}: MachineVolume): Drive {
  return {
    drive_id: alias ?? `${DRIVE}${id}`,
    path_on_host: file,
    ...(serial === undefined ? {} : { serial_num: serial }),
    direct,
    read_only: !writable,
    ...(iops === undefined ? {} : { iops }),
    ...(iothread === undefined ? {} : { iothread }),
  };
}

function netOf(
  { id, mac, tap = '' }: MachineNic,
  { alias, iothread }: { readonly alias?: string | undefined; readonly iothread?: string | undefined },
): Net {
  return {
    iface_id: alias ?? `${NET}${id}`,
    host_dev_name: tap,
    mac,
    ...(iothread === undefined ? {} : { iothread }),
  };
}

const CARRIED: readonly KeyPattern[] = [
  'platform.engine',
  'platform.memory.size',
  'platform.memory.hugepages',
  'platform.memory.share',
  'platform.memory.dump',
  'platform.cpu.threads',
  'platform.kernel.image',
  'platform.kernel.append',
  'platform.kernel.initrd',
  'platform.balloon',
  'platform.vsock.cid',
  'platform.vsock.alias',
  'platform.iothread.<n>',
  'platform.volume.<id>.type',
  'platform.volume.<id>.path',
  'platform.volume.<id>.writable',
  'platform.volume.<id>.format',
  'platform.volume.<id>.interface',
  'platform.volume.<id>.direct',
  'platform.volume.<id>.serial',
  'platform.volume.<id>.iops',
  'platform.volume.<id>.iothread',
  'platform.volume.<id>.alias',
  'network.<id>.type',
  'network.<id>.mac',
  'network.<id>.queue-tap',
  'network.<id>.iothread',
  'network.<id>.alias',
  'runtime.console.virtio.<n>.path',
  'runtime.console.virtio.<n>.alias',
];

const BY_PXEN = 'only pxen does that';

export const JSON_CARRIAGE: Carriage = {
  carries: new Set(CARRIED),
  words: {
    name: 'goes on the command line: -name',
    uuid: 'only pxen knows it',
    'platform.volume.<id>.source': BY_PXEN,
    'platform.volume.<id>.sha256': BY_PXEN,
    'platform.volume.<id>.ephemeral': BY_PXEN,
    'runtime.power-state': 'goes on the command line: -S',
    'runtime.console.type': 'it is the standard input and output of StratoVirt',
    'runtime.console.id': 'it is the standard input and output of StratoVirt',
    'runtime.autostart': BY_PXEN,
    'runtime.vga': 'StratoVirt has no graphics card in any case',
  },
};

export const WORDS_CARRIAGE: Carriage = {
  carries: new Set<KeyPattern>([...CARRIED, 'name', 'runtime.power-state']),
  words: JSON_CARRIAGE.words,
};

/** What whoever starts StratoVirt by hand has to know. */
export function stratovirtNotes(machine: Machine, carriage: Carriage): Note[] {
  const { nics, workload } = machine;
  const lost = losses(workload, carriage).filter(({ key }) => !/^network\.\d+\.(bridge|qos\..*)$/.test(key));
  return [
    ...lost,
    ...renumbered(machine),
    ...rawNotes(workload.volumes),
    ...nics.flatMap(nic => tapNotes(machine, nic)),
  ];
}

/** An import counts what has a name of its own, and threads, from 0 on. */
function renumbered({ workload }: Machine): Note[] {
  const { iothreads = [], nics, virtioConsoles = [], volumes } = workload;
  const families = [
    { family: 'platform.volume', prefix: DRIVE, devices: volumes },
    { family: 'network', prefix: NET, devices: nics },
    { family: 'runtime.console.virtio', prefix: CONSOLE, devices: virtioConsoles },
    {
      family: 'platform.iothread',
      prefix: '',
      devices: iothreads.map(({ id, name }) => ({ id, alias: name })),
    },
  ];
  return families.flatMap(({ devices, family, prefix }) => {
    const ids = numbered(
      devices.map(({ alias, id }) => alias ?? `${prefix}${id}`),
      prefix,
    );
    return devices
      .filter(({ id }, at) => ids[at]?.id !== id)
      .map(({ id }) => ({ key: `${family}.${id}`, text: 'its number is not carried, only its name' }));
  });
}

function rawNotes(volumes: readonly Volume[]): Note[] {
  return volumes
    .filter(({ format }) => format !== 'raw')
    .map(({ id, path }) => ({
      key: `platform.volume.${id}.type`,
      text: `the file must be a raw image; of a qcow2 one: qemu-img convert -O raw IMAGE ${path}`,
    }));
}

/** SV-28. */
function tapNotes({ workload }: Machine, { bridge, id, tap = '' }: MachineNic): Note[] {
  const qos = workload.nics.find(nic => nic.id === id)?.qos;
  const shape = qos && {
    key: `network.${id}.qos`,
    text: `after the start: ${shapeCommand(tap, qos).join(' ')}`,
  };
  const attach = `before the start: ip tuntap add ${tap} mode tap; ip link set ${tap} master ${bridge} up`;
  return [{ key: `network.${id}.bridge`, text: attach }, ...(shape ? [shape] : [])];
}
