import type { MachineId } from '../machine/genid.ts';
import type { Workload } from '../workload/workload.ts';
import type { Device } from './pci.ts';
import type { Placement } from './place.ts';

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
  /** Why this host and no other. */
  readonly decision: Placement;
  /** From `registration-timeout` of the realm: milliseconds in which it has to be up. Absent: no realm. */
  readonly registrationTimeout?: number | undefined;
  /** From `drives.cache` of the realm, where it says one. */
  readonly cache?: string | undefined;
}

/** Chooses hosts and holds places on them; whoever starts workloads asks it. Nothing here waits. */
export interface Placer {
  /** What would be chosen, and why; holds nothing. Throws as `hold` does, except when nothing fits: then `host` is null. */
  decide(berthing: Berthing): Placement & { readonly node?: MachineId | undefined };
  /** Throws PLACEMENT_REFUSED with one line for each host, or NOT_FOUND for a node or realm that there is not. */
  hold(berthing: Berthing): Held;
  /** It runs there: what its node reports counts from now on. */
  confirm(uuid: string): void;
  /** It failed, ended or was called off. */
  drop(uuid: string): void;
}
