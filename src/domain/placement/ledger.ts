import type { MachineId } from '../machine/genid.ts';
import type { Usage } from './cost.ts';
import type { Host } from './host.ts';
import { allocateDevices, type Device, type PciAddress } from './pci.ts';
import { deviceCounts } from './profile.ts';
import type { PlacementRules } from './rules.ts';
import type { HostView, NodeView, PlacementRequest, Snapshot } from './snapshot.ts';

/** What one workload takes of its host. */
export interface Commitment {
  /** Its uuid. */
  readonly workload: string;
  /** For people. */
  readonly name: string;
  readonly host: MachineId;
  /**
   * `reserved`: it shall run there, and does not yet. `running`: its host says so. `unknown`: its host does not report, so
   * it may well run.
   */
  readonly state: 'reserved' | 'running' | 'unknown';
  readonly vcpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly devices: readonly Device[];
  readonly coschedule: number;
  readonly group?: string | undefined;
}

/**
 * Everything that is held. Nobody keeps it: it is put together from what shall run, what nodes report and the starts under
 * way, whenever somebody asks, so a restart of host0 changes nothing in it.
 */
export type Ledger = readonly Commitment[];

/** A host without what runs on it: that is in the ledger. */
export interface HostRecord extends Host {
  readonly id: MachineId;
  readonly node?: NodeView | undefined;
  readonly away?: string | undefined;
}

/** A start counts from the moment in which its place was chosen, whatever is known of the workload beside that. */
export function ledgerOf(known: Ledger, reservations: Ledger): Ledger {
  const reserved = new Set(reservations.map(keyOf));
  return [...known.filter(each => !reserved.has(keyOf(each))), ...reservations];
}

function keyOf({ host, workload }: Commitment): string {
  return `${host} ${workload}`;
}

/** What placements are judged by: the hosts with what the ledger says of them. */
export function snapshotOf(rules: PlacementRules, hosts: readonly HostRecord[], ledger: Ledger): Snapshot {
  const held = new Map<MachineId, Commitment[]>(hosts.map(({ id }) => [id, []]));
  for (const commitment of ledger) held.get(commitment.host)?.push(commitment);
  return {
    rules,
    hosts: hosts.map(host =>
      viewOf(host, held.get(host.id) ?? [], rules.profiles.get(host.profile)?.devices),
    ),
  };
}

/**
 * A place on a host that was found fit for it, with the addresses of its devices: those that it had before, where they are
 * free. Undefined when the devices of the profile do not suffice.
 */
export function reservation(
  ledger: Ledger,
  host: HostRecord,
  listed: readonly Device[],
  workload: string,
  request: PlacementRequest,
): Commitment | undefined {
  const before = ledger.find(each => each.workload === workload && each.host === host.id)?.devices ?? [];
  const others = ledger.filter(each => each.workload !== workload && each.host === host.id);
  const taken = new Set<PciAddress>(others.flatMap(each => each.devices.map(({ address }) => address)));
  const devices = allocateDevices(listed, taken, request.devices, before);
  if (!devices) return undefined;
  const { name, vcpus, memory, coschedule, group } = request;
  return { workload, name, host: host.id, state: 'reserved', vcpus, memory, devices, coschedule, group };
}

/** A node may tell of thousands: nobody reads more than these. */
const MOST_CONFLICTS = 3;

/** Things that cannot be, such as two workloads with one device: one line each, by host. */
export function conflictsIn(ledger: Ledger): ReadonlyMap<MachineId, readonly string[]> {
  const holders = new Map<string, Commitment>();
  const conflicts = new Map<MachineId, string[]>();
  for (const commitment of ledger)
    for (const { address } of commitment.devices) {
      const { host, name } = commitment;
      const other = holders.get(`${host} ${address}`);
      holders.set(`${host} ${address}`, commitment);
      if (!other || other.workload === commitment.workload) continue;
      const lines = conflicts.get(host) ?? [];
      conflicts.set(host, lines);
      if (lines.length < MOST_CONFLICTS) lines.push(`${address} is with ${other.name} and with ${name}`);
      else if (lines.length === MOST_CONFLICTS) lines.push('and so are others');
    }
  return conflicts;
}

/**
 * A device counts as what the profile lists at its address, whatever its node, or an older profile, calls it: else its
 * host would be chosen for a device that it cannot give.
 */
function viewOf(host: HostRecord, held: readonly Commitment[], listed: readonly Device[] = []): HostView {
  const types = new Map(listed.map(({ address, type }) => [address, type]));
  const groups = new Map<string, number>();
  for (const { group } of held) if (group !== undefined) groups.set(group, (groups.get(group) ?? 0) + 1);
  const usage: Usage = {
    vms: held.length,
    vcpus: held.reduce((sum, { vcpus }) => sum + vcpus, 0),
    memory: held.reduce((sum, { memory }) => sum + memory, 0),
    devices: deviceCounts(
      held.flatMap(({ devices }) =>
        devices.map(({ address, type }) => ({ type: types.get(address) ?? type })),
      ),
    ),
  };
  return { ...host, usage, coschedule: held.map(({ coschedule }) => coschedule), groups };
}
