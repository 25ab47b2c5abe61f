import type { Usage } from './cost.ts';
import type { Host } from './host.ts';
import { allocateDevices, type Device, type PciAddress } from './pci.ts';
import { place } from './place.ts';
import { deviceCounts } from './profile.ts';
import type { PlacementRules } from './rules.ts';
import type { HostView, NodeView, PlacementRequest, Snapshot } from './snapshot.ts';

/** What one workload holds on a host, from before its delivery until it is gone. */
export interface Commitment {
  /** Its uuid. */
  readonly workload: string;
  readonly host: string;
  /** `reserved` until its node confirms that it runs. */
  readonly state: 'reserved' | 'running';
  readonly vcpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly devices: readonly Device[];
  readonly coschedule: number;
  readonly group?: string | undefined;
}

/** Everything that is held. A value: every step makes a new one, so that whoever judges an old one judges all of it. */
export type Ledger = readonly Commitment[];

/** A host without what runs on it: that is in the ledger. */
export interface HostRecord extends Host {
  readonly node?: NodeView | undefined;
}

/** What placements are judged by: the hosts with what the ledger says of them. */
export function snapshotOf(rules: PlacementRules, hosts: readonly HostRecord[], ledger: Ledger): Snapshot {
  const held = new Map<string, Commitment[]>(hosts.map(host => [host.name, []]));
  for (const commitment of ledger) held.get(commitment.host)?.push(commitment);
  return { rules, hosts: hosts.map(host => viewOf(host, held.get(host.name) ?? [])) };
}

export type Reserved =
  | { readonly ledger: Ledger; readonly commitment: Commitment }
  /** Why not, in one line. */
  | { readonly refused: string };

/**
 * Holds a place on a host before anything is delivered there, with the addresses of its devices. Judges the host once
 * more, by this very ledger: two starts at once may both have been told of the last GPU, and only one gets it.
 */
export function reserve(
  ledger: Ledger,
  rules: PlacementRules,
  host: HostRecord,
  workload: string,
  request: PlacementRequest,
): Reserved {
  const other = ledger.find(commitment => commitment.workload === workload);
  if (other) return { refused: `it already has a place on ${other.host}` };
  const snapshot = snapshotOf(rules, [host], ledger);
  const { reasons, host: chosen } = place(snapshot, request);
  const listed = rules.profiles.get(host.profile)?.devices ?? [];
  const devices = allocateDevices(listed, addressesHeld(ledger, host.name), request.devices);
  if (chosen === null || !devices)
    return { refused: reasons.join('; ') || `${host.name}: its devices are taken` };
  const { vcpus, memory, coschedule, group } = request;
  const commitment: Commitment = {
    workload,
    host: host.name,
    state: 'reserved',
    vcpus,
    memory,
    devices,
    coschedule,
    group,
  };
  return { ledger: [...ledger, commitment], commitment };
}

/** Its node says that it runs. */
export function confirm(ledger: Ledger, workload: string): Ledger {
  return ledger.map(held => (held.workload === workload ? { ...held, state: 'running' } : held));
}

/** It has failed or ended: everything that it held is free again. */
export function drop(ledger: Ledger, workload: string): Ledger {
  return ledger.filter(held => held.workload !== workload);
}

/** What runs on one node, as it reports it. */
export interface HostReport {
  readonly host: string;
  readonly running: readonly Omit<Commitment, 'host' | 'state'>[];
}

export interface Rebuilt {
  readonly ledger: Ledger;
  /** Things that cannot be, such as two workloads with one device: one line each. */
  readonly conflicts: readonly string[];
}

/**
 * The ledger after nodes have reported, such as when host0 has started again. A node's word counts for what runs there;
 * what is reserved there and not running yet stays reserved, and of a host that says nothing everything is kept: its VMs
 * may well be running.
 */
export function rebuild(ledger: Ledger, reports: readonly HostReport[]): Rebuilt {
  const reported = new Set(reports.map(report => report.host));
  const running = reports.flatMap(({ host, running: workloads }) =>
    workloads.map((workload): Commitment => ({ ...workload, host, state: 'running' })),
  );
  const runs = new Set(running.map(keyOf));
  const kept = ledger.filter(
    held => !reported.has(held.host) || (held.state === 'reserved' && !runs.has(keyOf(held))),
  );
  const rebuilt = [...kept, ...running];
  return { ledger: rebuilt, conflicts: [...twiceRunning(rebuilt), ...twiceTaken(rebuilt)] };
}

function keyOf({ host, workload }: Commitment): string {
  return `${host} ${workload}`;
}

function twiceRunning(ledger: Ledger): readonly string[] {
  const hosts = new Map<string, string>();
  return ledger.flatMap(({ workload, host }) => {
    const other = hosts.get(workload);
    hosts.set(workload, host);
    return other === undefined ? [] : `${workload} is on ${other} and on ${host}`;
  });
}

function twiceTaken(ledger: Ledger): readonly string[] {
  const holders = new Map<string, string>();
  return ledger.flatMap(({ workload, host, devices }) =>
    devices.flatMap(({ address }) => {
      const key = `${host} ${address}`;
      const other = holders.get(key);
      holders.set(key, workload);
      return other === undefined ? [] : `${address} of ${host} is with ${other} and with ${workload}`;
    }),
  );
}

function addressesHeld(ledger: Ledger, host: string): ReadonlySet<PciAddress> {
  const held = ledger.filter(commitment => commitment.host === host);
  return new Set(held.flatMap(({ devices }) => devices.map(device => device.address)));
}

function viewOf(host: HostRecord, held: readonly Commitment[]): HostView {
  const groups = new Map<string, number>();
  for (const { group } of held) if (group !== undefined) groups.set(group, (groups.get(group) ?? 0) + 1);
  const usage: Usage = {
    vms: held.length,
    vcpus: held.reduce((sum, { vcpus }) => sum + vcpus, 0),
    memory: held.reduce((sum, { memory }) => sum + memory, 0),
    devices: deviceCounts(held.flatMap(({ devices }) => devices)),
  };
  return { ...host, usage, coschedule: held.map(({ coschedule }) => coschedule), groups };
}
