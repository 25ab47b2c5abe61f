import type { MachineId } from '../machine/genid.ts';
import type { Device } from '../placement/pci.ts';
import type { ParsedWorkload } from './parse.ts';

/** What host0 remembers of a workload that was started: what shall be, and where. A value: every change makes a new one. */
export interface WorkloadRecord {
  readonly uuid: string;
  readonly name: string;
  /** The node that it was last started on. */
  readonly node: MachineId;
  /** What the admin asked for last. */
  readonly desired: 'running' | 'stopped';
  /** `sent`: nobody knows yet whether the last start succeeded; host0 or the node may have gone away meanwhile. */
  readonly start: 'sent' | 'confirmed';
  /** The boot of the node, as in its reports, in which the workload was last started or seen there. */
  readonly bootId: string;
  /** Whether it comes back when its node reboots. */
  readonly autostart: boolean;
  /** The workload file as it was at the start. */
  readonly config: StartedFile;
  /** PCI devices of the node that are set aside for it. Absent: none. */
  readonly devices?: readonly Device[] | undefined;
  /** The node that its persistent volumes were last in use on. Absent: it has none, or nobody's disk of a node holds them. */
  readonly disksOn?: MachineId | undefined;
  /** Its guest agent has yet to answer; absent: it did, or need not. */
  readonly registration?: Registration | undefined;
  /** Why it is not as desired. */
  readonly problem?: string | undefined;
}

/** What a realm wants of a guest that has just started (`registration-timeout`). */
export interface Registration {
  readonly realm: string;
  /** Milliseconds. */
  readonly within: number;
  /** When that is over, milliseconds since the epoch. */
  readonly by: number;
}

export interface StartedFile {
  readonly file: string;
  readonly text: string;
}

/** Where records live, by uuid. */
export interface WorkloadStore {
  load(): WorkloadRecord[];
  /** Durable on disk when it resolves. */
  save(record: WorkloadRecord): Promise<void>;
  remove(uuid: string): Promise<void>;
}

/** A workload file with its text and all that is wrong with it, also beside the other files. */
export interface WorkloadFile extends ParsedWorkload {
  readonly text: string;
}

/** The workload files of the appliance. */
export interface WorkloadFiles {
  /** Sorted by path. Rejects with FILE_MISSING when the folder cannot be listed; no folder means no files. */
  all(): Promise<WorkloadFolder>;
}

export interface WorkloadFolder {
  readonly files: readonly WorkloadFile[];
  /** How many files there are beyond the most that are looked at. */
  readonly beyond: number;
}
