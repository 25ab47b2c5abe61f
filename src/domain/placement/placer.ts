import type { MachineId } from '../machine/genid.ts';
import type { Workload } from '../workload/workload.ts';
import type { Device } from './pci.ts';
import type { Placement } from './place.ts';
import type { Realm } from './realm.ts';

/** What needs a place: a workload that is about to start. */
export interface Berthing {
  readonly workload: Workload;
  /** The command line's -n: a machine id; it wins over `placement.node`. */
  readonly asked?: MachineId | undefined;
  /** Where it was last: of hosts that cost the same, it is the first. */
  readonly last?: MachineId | undefined;
}

/** A place that is held. */
export interface Held {
  readonly node: MachineId;
  /** The devices of the node that are set aside for it. */
  readonly devices: readonly Device[];
  /** The one that the host is in: its parameters hold for the workload. Absent: it is in none. */
  readonly realm?: Realm | undefined;
}

export interface Decision extends Placement {
  /** Of the host that it would go to; absent where that is null. */
  readonly node?: MachineId | undefined;
  /** The host that was named; absent: any would do. */
  readonly named?: string | undefined;
  /** What `hold` would give; absent where it fits nowhere. */
  readonly would?: Held | undefined;
}

/** Chooses hosts and holds places on them; whoever starts workloads asks it. Nothing here waits. */
export interface Placer {
  /** What would be chosen, and why; holds nothing. Throws as `hold` does, except when nothing fits: then `host` is null. */
  decide(berthing: Berthing): Decision;
  /**
   * Throws PLACEMENT_REFUSED with one line for each host, NOT_FOUND for a node or realm that there is not, and WORKLOAD_BUSY
   * while an earlier start of it holds a place.
   */
  hold(berthing: Berthing): Held;
  /** An admin has disabled the host: it gets nothing, and is not listened to beyond what host0 started there. */
  isDisabled(host: MachineId): boolean;
  /** The start is over, well or not: what records and nodes say counts from now on. */
  release(uuid: string): void;
}
