import type { Accel } from './facts.ts';
import type { Engine, Quality } from './workload.ts';

/**
 * `ended`: the virtual machine is gone and nobody asked for it: its guest shut down, QEMU died. A workload that was
 * stopped is no more on its node, so it has no status.
 */
export const WORKLOAD_STATES = ['starting', 'running', 'paused', 'stopping', 'ended'] as const;
export type WorkloadState = (typeof WORKLOAD_STATES)[number];

/** A workload as its node sees it. Times are milliseconds since the epoch by the node's clock. */
export interface WorkloadStatus {
  readonly name: string;
  readonly uuid: string;
  readonly state: WorkloadState;
  /** When it came into this state. */
  readonly since: number;
  readonly engine: Engine;
  readonly accel?: Accel | undefined;
  readonly pid?: number | undefined;
  readonly console: ConsoleStatus;
  readonly volumes: readonly VolumeStatus[];
  readonly nics: readonly NicStatus[];
  /** What it takes of its node, by its file; absent: an older agent, or a file that cannot be read. */
  readonly takes?: Takes | undefined;
  /** The PCI devices of the node that it has. Absent: none. */
  readonly devices?: readonly DeviceStatus[] | undefined;
  /** Of one with `runtime.qga`: what its guest agent said last. */
  readonly guest?: GuestStatus | undefined;
  /** Bytes that the guest of one with `platform.balloon` has now. */
  readonly guestMemory?: number | undefined;
  readonly usage?: Usage | undefined;
  /** Of one that ended. */
  readonly end?: Ending | undefined;
  /** What the node cannot find out, or what is not as it should be, in one sentence. */
  readonly problem?: string | undefined;
}

export interface ConsoleStatus {
  readonly type: 'serial-tcp' | 'serial-socket' | 'vnc';
  /** Of serial-tcp and vnc. */
  readonly port?: number | undefined;
  /** Of serial-socket. */
  readonly path?: string | undefined;
}

export interface VolumeStatus {
  readonly id: number;
  readonly path: string;
  readonly ephemeral: boolean;
  /** What it takes on the node. */
  readonly bytes?: number | undefined;
}

export interface NicStatus {
  readonly id: number;
  readonly mac: string;
  readonly bridge?: string | undefined;
  /** Interface on the node, of a NIC on a bridge. */
  readonly tap?: string | undefined;
  /** What the node does to the packets to the guest. */
  readonly qos?: Quality | undefined;
}

/** What placements count: host0 rebuilds its ledger from it. */
export interface Takes {
  readonly vcpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly coschedule?: number | undefined;
  readonly group?: string | undefined;
}

export interface DeviceStatus {
  /** `<n>` of `platform.device.<n>.type`. */
  readonly id: number;
  readonly type: string;
  /** `0000:01:00.0`. */
  readonly address: string;
}

/** What the QEMU guest agent tells of its guest. */
export interface GuestStatus {
  /** `silent`: it gave no answer when it was last asked; a guest that still boots has none either. */
  readonly agent: 'answers' | 'silent';
  /** Of the guest's interfaces, those of the loopback left out, with prefix length: `10.77.0.100/24`. */
  readonly addresses: readonly string[];
}

/** Counters since the virtual machine started. */
export interface Usage {
  /** All threads of the process. */
  readonly cpuSeconds: number;
  /** Share of one processor since the last look: 0 to 100 a vCPU. */
  readonly cpuPercent?: number | undefined;
  /** What the process holds in memory. */
  readonly memoryBytes: number;
  readonly diskReadBytes?: number | undefined;
  readonly diskWrittenBytes?: number | undefined;
  /** Seen from the guest. Not known for a NIC of type nat. */
  readonly networkReceivedBytes?: number | undefined;
  readonly networkSentBytes?: number | undefined;
}

export interface Ending {
  /** One sentence: `the guest shut down`, `QEMU was ended by signal SIGKILL`. */
  readonly reason: string;
  /** Exit status of QEMU; absent when a signal ended it or nobody saw it. */
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  /** The last lines of output.log. */
  readonly output: string;
}
