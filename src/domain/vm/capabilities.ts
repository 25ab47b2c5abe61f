import type { KeyPattern } from '../workload/keys.ts';
import type { Family } from '../workload/settings.ts';
import type { Architecture } from '../workload/workload.ts';
import type { KernelForm } from './kernel-form.ts';

/** The programs that can run a workload. How to add one: docs/adding-an-engine.md. */
export const ENGINES = ['qemu', 'microvm', 'stratovirt', 'libvirt'] as const;
export type Engine = (typeof ENGINES)[number];

/** Yes, or why not, as it ends a sentence. */
export type Support = true | string;

/** Something that a workload can ask for (checklist 5.2). What an engine cannot do is refused by name, never dropped. */
export interface Capability {
  /** For people. */
  readonly what: string;
  /** The keys that ask for it. */
  readonly keys: readonly KeyPattern[];
  /** Only these values of them ask for it. */
  readonly only?: readonly string[];
  /** All values of them but these ask for it. */
  readonly except?: readonly string[];
  readonly engines: Readonly<Record<Engine, Support>>;
}

/** Bounds of a number; both count. */
export interface Range {
  readonly key: 'platform.cpu.threads' | 'platform.memory.size';
  readonly least: number;
  readonly most: number;
  /** It is a multiple of this. */
  readonly step: number;
}

/** How many devices there may be. */
export interface Budget {
  /** For people, in the plural. */
  readonly what: string;
  /** What is counted: everything of a family, and keys that are there once. */
  readonly counted: readonly (Family | KeyPattern)[];
  readonly most: Readonly<Record<Architecture, number>>;
  readonly because: string;
}

/** What the text behind a key must look like. */
export interface Form {
  readonly keys: readonly KeyPattern[];
  readonly form: RegExp;
  readonly expected: string;
}

/** What is to be known of an engine. */
export interface EngineLimits {
  /** One sentence for the docs. */
  readonly about: string;
  /** Whether an agent can run it, or only its configuration can be exported. */
  readonly runs: 'agent' | 'export only';
  /** Keys that it cannot do without, with the reason. */
  readonly needs: Readonly<Partial<Record<KeyPattern, string>>>;
  /** Why it cannot do without KVM; absent: it can. */
  readonly needsKvm?: string;
  /** Why the kernel needs a root file system that the file names; absent: it does not. */
  readonly needsRoot?: string;
  /** What a kernel may be; absent: anything that it can make sense of. */
  readonly kernels?: Readonly<Record<Architecture, readonly KernelForm[]>>;
  readonly ranges: readonly Range[];
  readonly budgets: readonly Budget[];
  readonly forms: readonly Form[];
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const NO_CARD = 'it has no graphics card';
const NO_PCI = 'it has no PCI bus';
const VIRTIO_ONLY = 'its devices are virtio and nothing else';
const ONLY_LIBVIRT = 'only libvirt knows them';
const MAIN_LOOP = 'QEMU has none for NICs';
const QEMU_OPTION = 'it is an option of QEMU';

const anywhere = (most: number): Budget['most'] => ({ x86_64: most, aarch64: most });

/** Of paths between commas, of which StratoVirt knows no escape; `=` at the end it takes for a missing value. */
const BETWEEN_COMMAS: Pick<Form, 'form' | 'expected'> = {
  form: /^[^,]*[^,=]$/,
  expected: 'a text without commas and without = at its end',
};

/**
 * The engines. StratoVirt: the limits of its document, and what the parser of its version 0.2.0 makes of texts
 * (SV-1 to SV-22, X-9).
 */
export const ENGINE_LIMITS: Readonly<Record<Engine, EngineLimits>> = {
  qemu: {
    about: 'QEMU with the board of a PC.',
    runs: 'agent',
    needs: {},
    ranges: [],
    budgets: [],
    forms: [],
  },
  microvm: {
    about: 'QEMU with its smallest board, which has virtio devices and no PCI bus.',
    runs: 'agent',
    // The one that QEMU has for it in Debian is qboot.
    needs: { 'platform.kernel.image': 'its firmware boots nothing but a kernel' },
    ranges: [],
    budgets: [
      {
        what: 'volumes, NICs, vsock and balloon',
        counted: ['platform.volume', 'network', 'platform.vsock.cid', 'platform.balloon'],
        most: anywhere(22),
        because: 'the board has 24 slots, of which random numbers and virtio-serial take two',
      },
    ],
    forms: [],
  },
  stratovirt: {
    about: 'StratoVirt, a small virtual machine monitor of openEuler that boots Linux kernels.',
    runs: 'agent',
    needs: { 'platform.kernel.image': 'it boots a kernel and nothing else' },
    needsKvm: 'it has no other way to run a guest',
    needsRoot: 'it starts no kernel without a root file system',
    // SV-6. The vmlinux.bin of its document has no mark.
    kernels: { x86_64: ['bzImage', 'PE', 'raw'], aarch64: ['PE', 'raw'] },
    ranges: [
      { key: 'platform.cpu.threads', least: 1, most: 254, step: 1 },
      { key: 'platform.memory.size', least: 256 * MIB, most: 512 * GIB, step: MIB },
    ],
    budgets: [
      {
        what: 'volumes',
        counted: ['platform.volume'],
        most: anywhere(6),
        because: 'it has slots for so many',
      },
      { what: 'NICs', counted: ['network'], most: anywhere(2), because: 'it has slots for so many' },
      {
        what: 'iothreads',
        counted: ['platform.iothread'],
        most: anywhere(8),
        because: 'it starts so many threads',
      },
      {
        what: 'virtio-consoles, vsock and balloon',
        counted: ['runtime.console.virtio', 'platform.vsock.cid', 'platform.balloon'],
        most: { x86_64: 2, aarch64: 151 },
        because: '6 volumes, 2 NICs and the serial port have their places among its devices in any case',
      },
    ],
    forms: [
      {
        keys: ['platform.volume.<id>.path', 'runtime.console.virtio.<n>.path', 'network.<id>.queue-tap'],
        ...BETWEEN_COMMAS,
      },
      {
        // It takes every word with a hyphen in front for an option.
        keys: ['name', 'platform.kernel.append'],
        form: /^[^-]/,
        expected: 'a text without a hyphen in front',
      },
      {
        keys: ['platform.kernel.image', 'platform.kernel.initrd', 'platform.memory.hugepages'],
        form: /^[^"\\]*$/,
        expected: 'a path without quotes and backslashes',
      },
      {
        keys: ['platform.kernel.initrd'],
        form: /^.{0,255}$/,
        expected: 'a path of at most 255 characters',
      },
      {
        keys: ['platform.kernel.append'],
        form: /^[^"\\]*$/,
        expected: 'kernel arguments without quotes and backslashes',
      },
      {
        // It drops what stands behind a second equals sign: root=UUID=x would be root=UUID.
        keys: ['platform.kernel.append'],
        form: /^ *(?:(?:[^ =]*=)?[^ =]{0,255}(?: +|$))*$/,
        expected: 'kernel arguments with one = each and values of at most 255 characters',
      },
    ],
  },
  libvirt: {
    about: 'A domain of libvirt, which runs QEMU.',
    runs: 'agent',
    needs: {},
    ranges: [],
    budgets: [],
    forms: [
      { keys: ['platform.bios'], form: /^\//, expected: 'an absolute path' },
      // It is part of the names of files.
      { keys: ['name'], form: /^[^/]*$/, expected: 'a text without slashes' },
      {
        // deviceName of its schema.
        keys: ['network.<id>.bridge', 'network.<id>.queue-tap'],
        form: /^[A-Za-z0-9_.-]+$/,
        expected: 'a name of letters, digits, dots, hyphens and underscores',
      },
      {
        // XML 1.0, section 2.2.
        keys: [
          'platform.memory.hugepages',
          'platform.kernel.image',
          'platform.kernel.initrd',
          'platform.bios',
          'platform.volume.<id>.path',
          'runtime.console.virtio.<n>.path',
        ],
        form: /^[^\ufffe\uffff]*$/,
        expected: 'a text of characters that XML knows',
      },
    ],
  },
};

/** Those that the agent of a node runs. */
export const AGENT_ENGINES: readonly Engine[] = ENGINES.filter(
  engine => ENGINE_LIMITS[engine].runs === 'agent',
);

/** Everything that not every engine can do. What is not here is asked of all of them. */
export const CAPABILITIES: readonly Capability[] = [
  {
    what: 'guests for aarch64',
    keys: ['platform.arch'],
    only: ['aarch64'],
    engines: {
      qemu: 'nodes have the QEMU of x86_64',
      microvm: 'its board is one of x86_64',
      stratovirt: true,
      libvirt: true,
    },
  },
  {
    what: 'CPU models',
    keys: ['platform.cpu.mode'],
    except: ['host'],
    engines: {
      qemu: true,
      microvm: true,
      stratovirt: 'its guests see the processor of the node (host)',
      libvirt: true,
    },
  },
  {
    what: 'CPU topology',
    keys: ['platform.cpu.topology.sockets', 'platform.cpu.topology.cores', 'platform.cpu.topology.threads'],
    engines: { qemu: true, microvm: true, stratovirt: 'it knows a number of vCPUs alone', libvirt: true },
  },
  {
    what: 'direct kernel boot',
    keys: ['platform.kernel.image', 'platform.kernel.append', 'platform.kernel.initrd'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'firmware of choice',
    keys: ['platform.bios'],
    engines: { qemu: true, microvm: true, stratovirt: 'it has no firmware', libvirt: true },
  },
  {
    what: 'huge pages',
    keys: ['platform.memory.hugepages'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'shared memory',
    keys: ['platform.memory.share'],
    except: ['0'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'core dumps without guest memory',
    keys: ['platform.memory.dump'],
    except: ['1'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'balloon',
    keys: ['platform.balloon'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'vsock',
    keys: ['platform.vsock.cid', 'platform.vsock.alias'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'iothreads for volumes',
    keys: ['platform.iothread.<n>', 'platform.volume.<id>.iothread'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'iothreads for NICs',
    keys: ['network.<id>.iothread'],
    engines: { qemu: MAIN_LOOP, microvm: MAIN_LOOP, stratovirt: true, libvirt: MAIN_LOOP },
  },
  {
    what: 'PCI devices of the host',
    keys: ['platform.device.<n>.type'],
    engines: { qemu: true, microvm: NO_PCI, stratovirt: NO_PCI, libvirt: true },
  },
  {
    what: 'CD-ROMs',
    keys: ['platform.volume.<id>.type'],
    only: ['iso'],
    engines: {
      qemu: true,
      microvm: 'it has no CD-ROM drive',
      stratovirt: 'it has no CD-ROM drive',
      libvirt: true,
    },
  },
  {
    what: 'qcow2 files',
    keys: ['platform.volume.<id>.format'],
    only: ['qcow2'],
    engines: { qemu: true, microvm: true, stratovirt: 'it reads raw disks and nothing else', libvirt: true },
  },
  {
    what: 'raw files',
    keys: ['platform.volume.<id>.format'],
    only: ['raw'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'disks on virtio',
    keys: ['platform.volume.<id>.interface'],
    only: ['virtio'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'volumes on AHCI, IDE and SCSI',
    keys: ['platform.volume.<id>.interface'],
    only: ['ahci', 'ide', 'scsi'],
    engines: { qemu: true, microvm: VIRTIO_ONLY, stratovirt: VIRTIO_ONLY, libvirt: true },
  },
  {
    what: 'floppy disks',
    keys: ['platform.volume.<id>.interface'],
    only: ['floppy'],
    engines: { qemu: true, microvm: VIRTIO_ONLY, stratovirt: VIRTIO_ONLY, libvirt: true },
  },
  {
    what: 'volumes as flash memory',
    keys: ['platform.volume.<id>.interface'],
    only: ['pflash'],
    engines: {
      qemu: true,
      microvm: VIRTIO_ONLY,
      stratovirt: VIRTIO_ONLY,
      libvirt: 'libvirt keeps it for the firmware',
    },
  },
  {
    what: 'SD cards and MTD',
    keys: ['platform.volume.<id>.interface'],
    only: ['sd', 'mtd'],
    engines: {
      qemu: 'the board of a PC has no such slot',
      microvm: VIRTIO_ONLY,
      stratovirt: VIRTIO_ONLY,
      libvirt: 'the board of a PC has no such slot',
    },
  },
  {
    what: 'cache modes of volumes',
    keys: ['platform.volume.<id>.cache'],
    engines: {
      qemu: true,
      microvm: true,
      stratovirt: 'it knows platform.volume.<id>.direct alone',
      libvirt: true,
    },
  },
  {
    what: "volumes around the node's page cache",
    keys: ['platform.volume.<id>.direct'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'serial numbers of volumes',
    keys: ['platform.volume.<id>.serial'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'iops limits',
    keys: ['platform.volume.<id>.iops'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'disks made on demand',
    keys: ['platform.volume.<id>.size'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'storage pools',
    keys: ['platform.volume.<id>.pool'],
    engines: { qemu: ONLY_LIBVIRT, microvm: ONLY_LIBVIRT, stratovirt: ONLY_LIBVIRT, libvirt: true },
  },
  {
    what: 'names of devices',
    keys: ['platform.volume.<id>.alias', 'network.<id>.alias', 'runtime.console.virtio.<n>.alias'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'NICs behind NAT',
    keys: ['network.<id>.type'],
    only: ['nat'],
    engines: {
      qemu: true,
      microvm: true,
      stratovirt: 'its NICs are taps, which need a bridge',
      libvirt: true,
    },
  },
  {
    what: 'NICs other than virtio',
    keys: ['network.<id>.driver'],
    except: ['virtio-net-pci'],
    engines: { qemu: true, microvm: NO_PCI, stratovirt: VIRTIO_ONLY, libvirt: true },
  },
  {
    what: 'names of taps',
    keys: ['network.<id>.queue-tap'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'network filters',
    keys: ['network.<id>.filter'],
    engines: { qemu: ONLY_LIBVIRT, microvm: ONLY_LIBVIRT, stratovirt: ONLY_LIBVIRT, libvirt: true },
  },
  {
    what: 'quality of service of NICs',
    keys: [
      'network.<id>.qos.loss',
      'network.<id>.qos.delay',
      'network.<id>.qos.rate',
      'network.<id>.qos.unit',
    ],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'boot order',
    keys: ['runtime.boot'],
    engines: {
      qemu: true,
      microvm: 'its firmware takes what it finds first',
      stratovirt: 'it boots a kernel and nothing else',
      libvirt: true,
    },
  },
  {
    what: 'screen (VNC)',
    keys: ['runtime.console.type'],
    only: ['vnc'],
    engines: { qemu: true, microvm: NO_CARD, stratovirt: NO_CARD, libvirt: true },
  },
  {
    what: 'graphics cards',
    keys: ['runtime.vga'],
    only: ['std', 'cirrus', 'vmware', 'virtio'],
    engines: { qemu: true, microvm: NO_CARD, stratovirt: NO_CARD, libvirt: true },
  },
  {
    what: 'graphics card of SPICE',
    keys: ['runtime.vga'],
    only: ['qxl'],
    engines: {
      qemu: 'the QEMU of nodes has no SPICE',
      microvm: NO_CARD,
      stratovirt: NO_CARD,
      libvirt: true,
    },
  },
  {
    what: 'no graphics card',
    keys: ['runtime.vga'],
    only: ['none'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'virtio-consoles',
    keys: ['runtime.console.virtio.<n>.path'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'start in pause',
    keys: ['runtime.power-state'],
    only: ['paused'],
    engines: { qemu: true, microvm: true, stratovirt: true, libvirt: true },
  },
  {
    what: 'guest agent',
    keys: ['runtime.qga'],
    except: ['0'],
    engines: {
      qemu: true,
      microvm: true,
      stratovirt: 'its virtio-serial has no named ports',
      libvirt: true,
    },
  },
  {
    what: 'further options of QEMU',
    keys: ['runtime.append.<arg>'],
    engines: { qemu: true, microvm: true, stratovirt: QEMU_OPTION, libvirt: QEMU_OPTION },
  },
];
