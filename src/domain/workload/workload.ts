import type { Cidr, Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { Engine } from '../vm/capabilities.ts';

export { ENGINES, type Engine } from '../vm/capabilities.ts';

export const ARCHITECTURES = ['x86_64', 'aarch64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/**
 * One virtual machine as its `.conf` file describes it, defaults filled in and every rule that needs no node checked
 * (checklist MH-4 to MH-30, section 5.1). `<id>` of a volume or NIC is the number in its key. Of what may be absent,
 * absent is the one form of its default.
 */
export interface Workload {
  /** What `-w` matches. */
  readonly name: string;
  /** As written, any unique word: names the state folder. */
  readonly uuid: string;
  readonly engine: Engine;
  /** Absent: x86_64. */
  readonly arch?: Architecture | undefined;
  readonly memory: {
    readonly bytes: number;
    /** Folder where a hugetlbfs is mounted on the node; absent: pages of the usual size. */
    readonly hugepages?: string | undefined;
    /** Other processes of the node may map it. Absent: false. */
    readonly share?: boolean | undefined;
    /** It is part of a core dump of the engine. Absent: true. */
    readonly dump?: boolean | undefined;
  };
  readonly cpu: {
    /** vCPUs in all. */
    readonly threads: number;
    /** A model of `qemu-system-x86_64 -cpu help`, or `host`. */
    readonly mode: string;
    /** Its product is `threads`. Absent: as the engine likes. */
    readonly topology?: Topology | undefined;
  };
  /** Booted directly, without firmware looking for a boot loader. */
  readonly kernel?: Kernel | undefined;
  /** Firmware: an absolute path on the node, or the name of a file that the engine brings. */
  readonly bios?: string | undefined;
  /** What the image is called that the first volume is made of; only told to others. */
  readonly image?: string | undefined;
  /** Absent: none. `deflate-on-oom`: the guest gets memory back when it runs out of it. */
  readonly balloon?: Balloon | undefined;
  readonly vsock?: Vsock | undefined;
  /** By ascending id; absent: none. */
  readonly iothreads?: readonly Iothread[] | undefined;
  /** By ascending id; absent: none. */
  readonly devices?: readonly PciDevice[] | undefined;
  /** By ascending id. */
  readonly volumes: readonly Volume[];
  /** By ascending id. */
  readonly nics: readonly Nic[];
  /** In the order in which the firmware tries them; absent: the first volume, else the first NIC (MH-25). */
  readonly boot?: readonly BootEntry[] | undefined;
  readonly console: Console;
  /** Beside the console, by ascending id; absent: none. */
  readonly virtioConsoles?: readonly VirtioConsole[] | undefined;
  /** Absent: std. */
  readonly vga?: Vga | undefined;
  /** Absent: running. `paused`: its first instruction waits for a resume. */
  readonly powerState?: PowerState | undefined;
  /** It has the channel of the QEMU guest agent. Absent: false. */
  readonly qga?: boolean | undefined;
  /** Further options of QEMU, by name; absent: none. */
  readonly append?: readonly AppendedOption[] | undefined;
  /** By key; absent: none. */
  readonly tags?: readonly Tag[] | undefined;
  /** Where it is reached for management; only told to others. */
  readonly controlIp?: Ipv4 | undefined;
  /** Whether it comes back when its node reboots. */
  readonly autostart: boolean;
  readonly placement: {
    /** Machine id or name of the node that it is for; `-n` of the command line wins. */
    readonly node?: string | undefined;
    readonly realm?: string | undefined;
    /** How many other workloads its host may have. Absent: any number (FW-26). */
    readonly coschedule?: number | undefined;
    /** Workloads of one group are kept apart. */
    readonly group?: string | undefined;
  };
}

/** `threads` is threads of a core here, as FIREWHEEL, QEMU and libvirt say it. */
export interface Topology {
  readonly sockets: number;
  readonly cores: number;
  readonly threads: number;
}

export interface Kernel {
  /** Absolute, on the node. */
  readonly image: string;
  /** Kernel command line. */
  readonly append?: string | undefined;
  /** Absolute, on the node. */
  readonly initrd?: string | undefined;
}

export const BALLOONS = ['deflate-on-oom', 'fixed'] as const;
export type Balloon = (typeof BALLOONS)[number];

export interface Vsock {
  /** Context id, 3 to 4294967294. `auto`: the lowest one that is free on the node. */
  readonly cid: number | 'auto';
  readonly alias?: string | undefined;
}

/** A thread of the engine that does the input and output of the volumes and NICs that name it. */
export interface Iothread {
  readonly id: number;
  readonly name: string;
}

/** A PCI device of the host that is handed to the guest; which one decides the scheduler. */
export interface PciDevice {
  readonly id: number;
  /** Such as `nvidia-gpu`, as the hardware profile of the host calls it. */
  readonly type: string;
}

/** A virtio-console: a unix socket on the node; the guest counts /dev/hvc from 0, in the order of the ids. */
export interface VirtioConsole {
  readonly id: number;
  /** Absolute, or the name of a socket in the state folder. */
  readonly path: string;
  readonly alias?: string | undefined;
}

export const VGAS = ['std', 'cirrus', 'vmware', 'qxl', 'virtio', 'none'] as const;
export type Vga = (typeof VGAS)[number];

export const POWER_STATES = ['running', 'paused'] as const;
export type PowerState = (typeof POWER_STATES)[number];

/** `-name value` on the command line of QEMU; `-name` alone where the value is empty. */
export interface AppendedOption {
  readonly name: string;
  readonly value: string;
}

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export const VOLUME_FORMATS = ['qcow2', 'raw'] as const;
export type VolumeFormat = (typeof VOLUME_FORMATS)[number];

/** What a volume hangs on in the guest (FW-19). */
export const INTERFACES = ['virtio', 'ahci', 'ide', 'scsi', 'sd', 'mtd', 'floppy', 'pflash'] as const;
export type Interface = (typeof INTERFACES)[number];

/** How the node caches a volume (FW-19). `none` and `directsync` go around its page cache. */
export const CACHES = ['none', 'writeback', 'unsafe', 'directsync', 'writethrough'] as const;
export type Cache = (typeof CACHES)[number];

export interface Volume {
  readonly id: number;
  readonly type: 'qcow2' | 'iso';
  /** Absolute, on the node. */
  readonly path: string;
  /** An http(s) URL, or an absolute path on the node. */
  readonly source?: string | undefined;
  /** Lower-case hex SHA-256 that the fetched file must have. */
  readonly sha256?: string | undefined;
  readonly writable: boolean;
  /** Deleted when the workload stops. */
  readonly ephemeral: boolean;
  /** Of the file at `path`, where it is a disk. Absent: the one that the engine takes, qcow2 where it takes both. */
  readonly format?: VolumeFormat | undefined;
  /** Absent: virtio for a disk, ahci for a CD-ROM. */
  readonly interface?: Interface | undefined;
  /** Absent: writeback, or what the realm says. */
  readonly cache?: Cache | undefined;
  /** The node's page cache is gone around (O_DIRECT). Absent: as `cache` says. */
  readonly direct?: boolean | undefined;
  /** What the guest reads as the serial number. */
  readonly serial?: string | undefined;
  /** Operations a second on average, 0: any number. */
  readonly iops?: number | undefined;
  /** Name of an iothread. */
  readonly iothread?: string | undefined;
  /** Bytes of a disk that is made when there is none. */
  readonly size?: number | undefined;
  /** Storage pool of libvirt that holds it. */
  readonly pool?: string | undefined;
  /** What the engine calls the device; absent: vol<id>. */
  readonly alias?: string | undefined;
}

export interface Nic {
  readonly id: number;
  readonly type: 'bridge' | 'nat';
  /** Present exactly when `type` is `bridge`. */
  readonly bridge?: string | undefined;
  /** As written; absent: derived from uuid, id and type, see mac.ts (MH-23). */
  readonly mac?: Mac | undefined;
  /** The card that the guest sees. Absent: virtio-net-pci. */
  readonly driver?: Driver | undefined;
  /** Name of the interface on the node; absent: derived from uuid and id. */
  readonly tap?: string | undefined;
  /** What the network on the bridge is called elsewhere; absent: as the bridge. */
  readonly switch?: string | undefined;
  /** What the guest gives itself; only told to others. */
  readonly ip?: Cidr | undefined;
  /** Name of an iothread. */
  readonly iothread?: string | undefined;
  /** Name of a network filter of libvirt. */
  readonly filter?: string | undefined;
  readonly qos?: Quality | undefined;
  /** What the engine calls the device; absent: net<id>. */
  readonly alias?: string | undefined;
}

export const DRIVERS = [
  'virtio-net-pci',
  'e1000',
  'e1000e',
  'rtl8139',
  'vmxnet3',
  'pcnet',
  'ne2k_pci',
  'i82559er',
] as const;
export type Driver = (typeof DRIVERS)[number];
export const DEFAULT_DRIVER: Driver = 'virtio-net-pci';

/**
 * What the node does to the packets that go to the guest (FW-15, FW-16): it loses and delays them, or limits their
 * rate, but never both. `loss` is in percent, `delay` in microseconds.
 */
export type Quality =
  | { readonly loss?: number | undefined; readonly delay?: number | undefined; readonly rate?: undefined }
  | { readonly loss?: undefined; readonly delay?: undefined; readonly rate: Rate };

export interface Rate {
  readonly value: number;
  readonly unit: RateUnit;
}

/** Bits a second, not bytes. */
export const RATE_UNITS = ['kbit', 'mbit', 'gbit'] as const;
export type RateUnit = (typeof RATE_UNITS)[number];

export type BootEntry = { readonly volume: number } | { readonly nic: number };

export type Console =
  /** TCP port 7900+id; without an id the lowest free port from 7900 (MH-27). */
  | { readonly type: 'serial-tcp'; readonly id?: number | undefined }
  | { readonly type: 'serial-socket' }
  /** TCP port 5900+id. */
  | { readonly type: 'vnc'; readonly id: number };

export const SERIAL_BASE_PORT = 7900;
export const VNC_BASE_PORT = 5900;
