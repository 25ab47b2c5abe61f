import type { KernelForm } from '../vm/kernel-form.ts';
import type { Architecture, Engine } from './workload.ts';

/**
 * What the rules of a workload need to know of the node that shall run it. The node gathers them; `--facts FILE` brings
 * them as JSON in this very form. A fact that is absent is not known: the rules that need it are not applied.
 */
export interface WorkloadFacts {
  /** Of its processors. */
  readonly arch?: Architecture | undefined;
  /** MemAvailable of /proc/meminfo. */
  readonly memAvailableKiB?: number | undefined;
  /** Logical processors that are online. */
  readonly nproc?: number | undefined;
  /** What `qemu-system-x86_64 -cpu help` lists, versioned and alias names too. */
  readonly cpuModels?: readonly string[] | undefined;
  /** Names in /sys/class/net. */
  readonly interfaces?: readonly string[] | undefined;
  /** Which of the paths that the file names exist. */
  readonly existingPaths?: readonly string[] | undefined;
  /** Of those, the ones that this workload placed itself; absent: none. */
  readonly ownedPaths?: readonly string[] | undefined;
  /** What the file at `platform.kernel.image` is. */
  readonly kernelForm?: KernelForm | undefined;
  /** TCP ports that something listens on. */
  readonly busyPorts?: readonly number[] | undefined;
  /** uuids of all other workloads. */
  readonly otherUuids?: readonly string[] | undefined;
  /** Whether a guest really runs with KVM, and if not, why. */
  readonly kvm?: { readonly usable: boolean; readonly reason?: string | undefined } | undefined;
  /** There is a /dev/vhost-net. */
  readonly vhostNet?: boolean | undefined;
  /** What it can run workloads with. */
  readonly engines?: readonly Engine[] | undefined;
  /** Where hugetlbfs is mounted, with the size of a page and how many are free. */
  readonly hugepages?: readonly HugePages[] | undefined;
  /** There is a /dev/vhost-vsock. */
  readonly vhostVsock?: boolean | undefined;
  /** Context ids of all vsocks on the node. */
  readonly vsockCids?: readonly number[] | undefined;
  /** PCI devices that the workload may get. */
  readonly devices?: readonly HostDevice[] | undefined;
}

export interface HugePages {
  readonly path: string;
  readonly pageKiB: number;
  readonly free: number;
}

export interface HostDevice {
  readonly type: string;
  /** `0000:01:00.0`. */
  readonly address: string;
}

/** Who executes the guest's instructions: `kvm`: only hardware. `auto`: KVM where it works, else TCG. `tcg`: always TCG. */
export const ACCEL_POLICIES = ['kvm', 'auto', 'tcg'] as const;
export type AccelPolicy = (typeof ACCEL_POLICIES)[number];
export type Accel = 'kvm' | 'tcg';
