import type { Mac } from '../../base/mac.ts';

/** How much of each a report may carry: far above any real machine's, and no node can fill host0's memory with more. */
export const MOST = { nics: 256, disks: 512, pci: 2048, bridges: 256, members: 1024, addresses: 64 } as const;

/** What a node is made of, as its agent found it in /proc and /sys. Absent = the node could not tell. */
export interface Facts {
  readonly cpu: Cpu;
  /** MemTotal of /proc/meminfo, KiB. */
  readonly memoryKib: number;
  readonly nics: readonly Nic[];
  readonly disks: readonly Disk[];
  readonly pci: readonly PciDevice[];
  readonly bridges: readonly Bridge[];
  readonly hugepages: readonly Hugepages[];
  readonly software: Software;
  readonly kvm: Kvm;
}

export interface Cpu {
  readonly model: string;
  readonly sockets: number;
  /** Physical cores of all sockets together. */
  readonly cores: number;
  /** What `nproc` says: logical processors of all cores together. */
  readonly threads: number;
  /** Only those that decide what may run here (virtualisation, vector widths, huge pages). */
  readonly flags: readonly string[];
}

export interface Nic {
  readonly name: string;
  readonly mac: Mac;
  readonly driver?: string | undefined;
  /** Mbit/s; absent without a link. */
  readonly speed?: number | undefined;
  /** A cable with a live other end. */
  readonly carrier: boolean;
  /** With prefix length: `10.77.0.100/24`. */
  readonly addresses: readonly string[];
}

export interface Disk {
  readonly name: string;
  readonly bytes: number;
  readonly model?: string | undefined;
  readonly rotational: boolean;
}

export interface PciDevice {
  /** `0000:00:02.0` */
  readonly address: string;
  /** Vendor and device, `8086:100e`. */
  readonly id: string;
  /** Base class, subclass and programming interface, six hex digits: `020000` is an Ethernet card. */
  readonly class: string;
  readonly driver?: string | undefined;
}

export interface Bridge {
  readonly name: string;
  readonly members: readonly string[];
  readonly addresses: readonly string[];
}

/** A pool of huge pages of one size. */
export interface Hugepages {
  readonly sizeKib: number;
  readonly total: number;
  readonly free: number;
}

export interface Software {
  readonly kernel: string;
  /** PRETTY_NAME of /etc/os-release. */
  readonly os: string;
  /** IMAGE_VERSION of /etc/os-release, where the image has one. */
  readonly image?: string | undefined;
  readonly node: string;
  readonly agent: string;
  readonly qemu?: string | undefined;
  /** What its agent can run workloads with. Absent: an older agent, or one whose first report this is. */
  readonly engines?: readonly string[] | undefined;
}

/** /dev/kvm proves nothing: `usable` means that a guest really ran. `unknown` until the agent has tried. */
export interface Kvm {
  readonly state: 'unknown' | 'usable' | 'unusable';
  /** Why it is unusable, in one line. */
  readonly reason?: string | undefined;
}

/** What changes from one heartbeat to the next. */
export interface Load {
  /** Average number of runnable tasks over one minute. */
  readonly average: number;
  readonly availableKib: number;
  /** Since the kernel started. */
  readonly uptimeSeconds: number;
}

/** The sections of `now` that differ from `before`; empty when nothing does. */
export function changedFacts(before: Facts, now: Facts): Partial<Facts> {
  const changed = Object.entries(now).filter(
    ([section, value]) => JSON.stringify(value) !== JSON.stringify(before[section as keyof Facts]),
  );
  return Object.fromEntries(changed) as Partial<Facts>;
}

/** The facts as a report may carry them: what is beyond the limits is left out, so that the rest is heard. */
export function boundedFacts(facts: Facts): Facts {
  return {
    ...facts,
    nics: facts.nics
      .slice(0, MOST.nics)
      .map(nic => ({ ...nic, addresses: nic.addresses.slice(0, MOST.addresses) })),
    disks: facts.disks.slice(0, MOST.disks),
    pci: facts.pci.slice(0, MOST.pci),
    bridges: facts.bridges.slice(0, MOST.bridges).map(bridge => ({
      ...bridge,
      members: bridge.members.slice(0, MOST.members),
      addresses: bridge.addresses.slice(0, MOST.addresses),
    })),
  };
}
