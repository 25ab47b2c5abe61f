import { type CostFunction, type DeviceCounts, plus, type Usage } from './cost.ts';
import type { Host } from './host.ts';
import { byName } from './names.ts';
import type { HardwareProfile } from './profile.ts';
import type { PlacementRules } from './rules.ts';

/** Everything that a placement depends on, at one moment. The planner sees nothing else. */
export interface Snapshot {
  readonly rules: PlacementRules;
  readonly hosts: readonly HostView[];
}

/** A host and what is on it: running VMs and reservations alike. */
export interface HostView extends Host {
  readonly usage: Usage;
  /** The `placement.coschedule` of every VM there; those without a limit may be left out. */
  readonly coschedule: readonly number[];
  /** How many VMs of each `placement.group`. */
  readonly groups: ReadonlyMap<string, number>;
  /** What its node reports; what is absent is not known, and not asked for. */
  readonly node?: NodeView | undefined;
  /** Why nothing can be started there now, such as a node that does not report. Who names the host may try. */
  readonly away?: string | undefined;
}

/** Facts of a node that decide what it can run. */
export interface NodeView {
  readonly threads?: number | undefined;
  /** Bytes that MemAvailable says. */
  readonly memAvailable?: number | undefined;
  readonly arch?: string | undefined;
  readonly engines?: readonly string[] | undefined;
  readonly bridges?: readonly string[] | undefined;
}

/** One VM that needs a host. */
export interface PlacementRequest {
  readonly name: string;
  readonly vcpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly devices: DeviceCounts;
  /** How many other VMs it allows on its host; -1: any number (checklist FW-26). */
  readonly coschedule: number;
  /** Only this host; its cost does not matter then. */
  readonly node?: string | undefined;
  readonly realm?: string | undefined;
  /** VMs of one group are spread over failure groups, as far as cost goes. */
  readonly group?: string | undefined;
  readonly engine?: string | undefined;
  readonly arch?: string | undefined;
  readonly bridges?: readonly string[] | undefined;
  /** The host that it was on last: of equals it is the first. Only `place` looks at it. */
  readonly last?: string | undefined;
  /** It is on the named host already, or comes back there: also one that takes nothing new keeps it. */
  readonly stays?: boolean | undefined;
}

/** What a VM adds to its host. */
export function usageOf({ vcpus, memory, devices }: PlacementRequest): Usage {
  return { vms: 1, vcpus, memory, devices };
}

/** The snapshot with more VMs on its hosts, by their names. */
export function withVms(snapshot: Snapshot, vms: ReadonlyMap<string, readonly PlacementRequest[]>): Snapshot {
  const hosts = snapshot.hosts.map(host => (vms.get(host.name) ?? []).reduce(hostWithVm, host));
  return { ...snapshot, hosts };
}

function hostWithVm(host: HostView, request: PlacementRequest): HostView {
  const { coschedule, group } = request;
  const groups = new Map(host.groups);
  if (group !== undefined) groups.set(group, (groups.get(group) ?? 0) + 1);
  const usage = plus(host.usage, usageOf(request));
  return { ...host, usage, coschedule: [...host.coschedule, coschedule], groups };
}

export function profileOf({ rules }: Snapshot, host: Host): HardwareProfile | undefined {
  return rules.profiles.get(host.profile);
}

export function costFunctionOf({ rules }: Snapshot, profile: HardwareProfile): CostFunction | undefined {
  return rules.costFunctions.get(profile.costFunction);
}

/** The name of the failure group, which is the host itself where it has none. */
export function failureGroupOf({ name, failureGroup }: Host): string {
  return failureGroup === undefined ? `host ${name}` : `group ${failureGroup}`;
}

/** By name: the order in which ties are decided. */
export function inOrder<T extends Host>(hosts: readonly T[]): readonly T[] {
  return hosts.toSorted((a, b) => byName(a.name, b.name));
}
