import type { MachineId } from '../machine/genid.ts';
import type { Commitment } from '../placement/ledger.ts';
import { type Device, parsePciAddress } from '../placement/pci.ts';
import { isThere } from './host.ts';
import type { WorkloadRecord } from './record.ts';
import type { DeviceStatus, Takes } from './status.ts';
import { isAlive, isDueBack, type Sight, type Situation } from './view.ts';

/**
 * What one workload holds, on every host where it is or shall be: what runs by its host's own word, what shall come back,
 * and what may still run on a host that is silent. An admin who stops it, or forgets the host, says that it does not.
 */
export function holdingsOf(
  uuid: string,
  situation: Situation,
  takesIn: (record: WorkloadRecord) => Takes | undefined,
): readonly Commitment[] {
  const { record, sights } = situation;
  const seen = sights.filter(sight => isAlive(sight.status) && holds(sight, record));
  const commitments = seen.map(sight => seenThere(uuid, sight, situation, takesIn));
  // Of one that ended and is being started again, the end is yesterday's news.
  const own =
    record &&
    sights.some(
      ({ host, status }) => host.id === record.node && (isAlive(status) || record.start === 'confirmed'),
    );
  const state = record && !own ? awaited(record, situation) : undefined;
  if (!record || !state) return commitments;
  const expected = commitment(uuid, record.name, record.node, state, takesIn(record), record.devices ?? []);
  return [...commitments, expected];
}

/** What a silent host told last counts unless an admin has taken it back since. */
function holds({ host }: Sight, record: WorkloadRecord | undefined): boolean {
  if (isThere(host) || !record) return true;
  return record.desired === 'running' && record.node === host.id;
}

/** Undefined: its host is there without it, and it is not expected back. */
function awaited(record: WorkloadRecord, { host, returning }: Situation): Commitment['state'] | undefined {
  if (record.desired !== 'running' || !host) return undefined;
  if (record.start === 'sent' || returning) return 'reserved';
  if (host.state !== 'up') return 'unknown';
  return isDueBack(record, host) ? 'reserved' : undefined;
}

function seenThere(
  uuid: string,
  { host, status }: Sight,
  { record }: Situation,
  takesIn: (record: WorkloadRecord) => Takes | undefined,
): Commitment {
  const own = record?.node === host.id ? record : undefined;
  const takes = status.takes ?? (own && takesIn(own));
  const devices = status.devices?.flatMap(deviceOf) ?? own?.devices ?? [];
  return commitment(uuid, status.name, host.id, host.state === 'up' ? 'running' : 'unknown', takes, devices);
}

/** A node may say anything. */
function deviceOf({ address, type }: DeviceStatus): readonly Device[] {
  const parsed = parsePciAddress(address);
  return parsed ? [{ type, address: parsed }] : [];
}

function commitment(
  workload: string,
  name: string,
  host: MachineId,
  state: Commitment['state'],
  takes: Takes | undefined,
  devices: readonly Device[],
): Commitment {
  const { coschedule = -1, group, memory = 0, vcpus = 0 } = takes ?? {};
  return { workload, name, host, state, vcpus, memory, devices, coschedule, group };
}
