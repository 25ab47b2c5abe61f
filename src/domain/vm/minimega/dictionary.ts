import { formatDelay } from '../../workload/quality.ts';
import { rfcUuid } from '../../workload/rfcuuid.ts';
import type { Quality, RateUnit, Topology, Workload } from '../../workload/workload.ts';
import type { Note } from '../exchange.ts';
import type { ExportSettings } from '../format.ts';
import type { Machine, MachineNic } from '../machine.ts';
import { cacheOf, IMAGE_FOLDER } from './carriage.ts';

/** What FIREWHEEL hands to minimega for one virtual machine, key by key in the order of its document (FW-1). */
export interface Dictionary {
  readonly aux: {
    readonly qemu_append: Readonly<Record<string, string>>;
    readonly control_ip: string;
    readonly power_state: string;
    readonly nic: readonly DictionaryNic[];
    readonly disks: readonly DictionaryDisk[];
    readonly qemu_append_str: string;
    readonly qga_config?: Channel;
    readonly minimegaqmp: Channel;
    readonly handler_process?: Readonly<Record<string, string>>;
  };
  readonly vm: {
    readonly uuid: string;
    readonly type: 'QemuVM';
    readonly architecture: string;
    readonly name: string;
    readonly image: string;
    readonly vcpu_model: string;
    readonly smp_name: 'smp';
    readonly smp_id: 'smp';
    readonly smp_sockets: number;
    readonly smp_cores: number;
    readonly smp_threads: number;
    /** MiB. */
    readonly memory: string;
    readonly vga_model: string;
  };
  readonly coschedule: number;
  readonly tags: Readonly<Record<string, string>>;
}

interface Channel {
  readonly name: string;
  readonly id: string;
  readonly path: string;
}

interface DictionaryNic {
  readonly name: 'nic';
  readonly id: string;
  readonly switch_name: string;
  readonly type: 'tap';
  /** Interface on the host, where it is given. */
  readonly interface?: string;
  readonly driver: string;
  readonly mac: string;
  readonly qos: {
    readonly loss: number | null;
    readonly delay: string | null;
    readonly rate: number | null;
    readonly unit?: RateUnit;
  };
  readonly ip?: string;
}

interface DictionaryDisk {
  readonly name: 'drive';
  readonly id: string;
  readonly file: string;
  readonly path: string;
  readonly db_path: string;
  readonly interface: string;
  readonly cache: string;
}

/** The dictionary of a machine that minimega can have (carriage.ts). */
export function dictionary(machine: Machine, settings: ExportSettings): Dictionary {
  const { workload } = machine;
  const append = appended(workload);
  const folder = `${settings.base}/namespaces/${settings.namespace}/${machine.rfcUuid}`;
  const agent: Channel = { name: 'serial', id: 'minimegaqga', path: `${folder}/virtio-serial0` };
  const hasAgent = workload.qga === true;
  return {
    aux: {
      qemu_append: append,
      control_ip: workload.controlIp ?? '',
      power_state: workload.powerState ?? 'running',
      nic: machine.nics.flatMap(nic => nicsOf(machine, nic)),
      disks: disksOf(workload, settings),
      qemu_append_str: Object.entries(append)
        .map(([name, value]) => `-${name} ${value}`.trimEnd())
        .join(' '),
      ...(hasAgent ? { qga_config: agent } : {}),
      minimegaqmp: { name: 'qmp', id: 'minimegaqmp', path: `${folder}/qmp` },
      ...(hasAgent ? { handler_process: handlerOf(machine, agent, settings) } : {}),
    },
    vm: virtualMachine(machine),
    coschedule: workload.placement.coschedule ?? -1,
    tags: Object.fromEntries((workload.tags ?? []).map(({ key, value }) => [key, value])),
  };
}

/** FW-20: firmware goes in as an option, too, because minimega has no other place for it. */
function appended({ append = [], bios }: Workload): Record<string, string> {
  const options = append.map(({ name, value }) => [name, value] as const);
  return Object.fromEntries(bios === undefined ? options : [['bios', bios], ...options]);
}

/** FW-3, FW-5, FW-7. */
function virtualMachine({ rfcUuid: uuid, workload }: Machine): Dictionary['vm'] {
  const { cores, sockets, threads } = topologyOf(workload);
  return {
    uuid,
    type: 'QemuVM',
    architecture: workload.arch ?? 'x86_64',
    name: workload.name,
    image: workload.image ?? imageOf(workload),
    vcpu_model: workload.cpu.mode,
    smp_name: 'smp',
    smp_id: 'smp',
    smp_sockets: sockets,
    smp_cores: cores,
    smp_threads: threads,
    memory: `${workload.memory.bytes / 1024 ** 2}`,
    vga_model: workload.vga ?? 'std',
  };
}

/** As QEMU shapes a bare number of vCPUs: cores of one socket. */
export function topologyOf({ cpu }: Workload): Topology {
  return cpu.topology ?? { sockets: 1, cores: cpu.threads, threads: 1 };
}

/** The first disk is the image of the virtual machine (FW-17): its file without its ending. */
export function imageOf({ volumes }: Pick<Workload, 'volumes'>): string {
  const first = volumes.find(({ type }) => type === 'qcow2');
  return first ? nameOf(first.path).replace(/(?<=.)\.[^.]*$/, '') : '';
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** FW-17, FW-18. CD-ROMs have no place here. */
function disksOf({ volumes }: Workload, { images }: ExportSettings): DictionaryDisk[] {
  return volumes
    .filter(({ type }) => type === 'qcow2')
    .map(volume => {
      const { id, interface: bus = 'virtio', path } = volume;
      const file = nameOf(path);
      // The image store keeps its files packed.
      const place = { file, path: `${images}/${file}`, db_path: `${file}.xz` };
      return { name: 'drive', id: `${DISK}${id}`, ...place, interface: bus, cache: cacheOf(volume) };
    });
}

/** CD-ROMs, and the folders of disks. */
export function imageNotes({ volumes }: Workload, { images }: ExportSettings): Note[] {
  return volumes.flatMap(({ id, path, type }) => {
    const key = `platform.volume.${id}`;
    if (type === 'iso') return [{ key, text: 'left out: FIREWHEEL has no CD-ROMs' }];
    const folder = path.slice(0, path.lastIndexOf('/'));
    if (folder === `${IMAGE_FOLDER}/${images}`) return [];
    return [{ key: `${key}.path`, text: `only its name: it is in the image store ${images}` }];
  });
}

export const DISK = 'drv';
export const NIC = 'if';

/** FW-10, FW-11, FW-13: a tap or nothing. */
function nicsOf({ workload }: Machine, { bridge, id, mac }: MachineNic): DictionaryNic[] {
  const nic = workload.nics.find(each => each.id === id);
  if (!nic || bridge === undefined) return [];
  const { driver = 'virtio-net-pci', ip, qos, tap } = nic;
  return [
    {
      name: 'nic',
      id: `${NIC}${id}`,
      switch_name: nic.switch ?? bridge,
      type: 'tap',
      ...(tap === undefined ? {} : { interface: tap }),
      driver,
      mac,
      qos: qualityOf(qos),
      ...(ip === undefined ? {} : { ip: `${ip.address}/${ip.prefix}` }),
    },
  ];
}

/** FW-14. */
function qualityOf(qos: Quality | undefined): DictionaryNic['qos'] {
  const { delay, loss, rate } = qos ?? {};
  return {
    loss: loss ?? null,
    delay: delay === undefined ? null : formatDelay(delay),
    rate: rate?.value ?? null,
    ...(rate ? { unit: rate.unit } : {}),
  };
}

/** FW-23. Its uuid is any; here it is the same at every export. */
function handlerOf(
  machine: Machine,
  agent: Channel,
  { handler, sha1 }: ExportSettings,
): Record<string, string> {
  return {
    type: 'Process',
    engine: 'QemuVM',
    uuid: rfcUuid(`${machine.rfcUuid}:handler`, sha1),
    vm_name: machine.workload.name,
    vm_uuid: machine.rfcUuid,
    binary_name: handler,
    path: agent.path,
  };
}
