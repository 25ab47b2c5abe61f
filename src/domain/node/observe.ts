import type { Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import { isUsableUuid } from '../machine/genid.ts';
import type { WorkloadStatus } from '../workload/status.ts';
import { addBootId, addEvent } from './boots.ts';
import { addSighting } from './claims.ts';
import type { Facts, Load } from './facts.ts';
import type { HostKey, NodeRecord, ReportedState } from './record.ts';
import type { BootEvent } from './timeline.ts';

/** More cards than any machine has; forged events must not grow a record. */
const MAX_MACS = 64;

/** The node after one event of its boot. What the places said of its id counts from the start of a boot. */
export function withEvent(node: NodeRecord, event: BootEvent): NodeRecord {
  const boots = addEvent(node.boots, event);
  const said = boots.at(-1)?.startedAt === node.boots.at(-1)?.startedAt ? node.agreement : {};
  return {
    ...node,
    lastSeenAt: Math.max(node.lastSeenAt, event.at),
    address: event.address ?? node.address,
    uuid: event.uuid ?? node.uuid,
    macs: addMacs(node.macs, event.mac ? [event.mac] : []),
    agreement: event.idFrom ? { ...said, [event.idFrom]: event.machineId } : said,
    claims: isSighting(event)
      ? addSighting(node.claims, {
          at: event.at,
          uuid: usable(event.uuid),
          macs: [event.mac],
          continues: event.stage !== 'discover',
        })
      : node.claims,
    boots,
  };
}

/** An offer or a problem may be ours alone and late; it shows nothing of the machine. */
function isSighting(event: BootEvent): event is BootEvent & { mac: Mac } {
  return event.mac !== undefined && event.stage !== 'offer' && event.stage !== 'problem';
}

/** What a report shows of the machine behind it. */
export interface ReportedIdentity {
  readonly at: number;
  readonly address: Ipv4;
  readonly uuid: string | undefined;
  readonly macs: readonly Mac[];
}

/** The node after somebody reported under its id, whether or not the report counts. */
export function withSighting(node: NodeRecord, seen: ReportedIdentity): NodeRecord {
  const sighting = { at: seen.at, uuid: usable(seen.uuid), macs: seen.macs, continues: true };
  return { ...node, claims: addSighting(node.claims, sighting) };
}

export interface ReportedContent {
  readonly bootId: string;
  /** All sections, or those that changed since the report before. */
  readonly facts: { readonly [section in keyof Facts]?: Facts[section] | undefined };
  readonly load: Load;
  readonly trust: ReportedState['trust'];
  readonly hostKey: HostKey | undefined;
  /** Only a full report has it; it stays the same for a whole boot. */
  readonly overlay: string | undefined;
  /** Every report has them all. */
  readonly workloads?: readonly WorkloadStatus[] | undefined;
  readonly interval: number;
}

/** The node after a report that counts. Undefined when there are only changed facts and nothing to add them to. */
export function withReport(
  node: NodeRecord,
  seen: ReportedIdentity,
  content: ReportedContent,
): NodeRecord | undefined {
  const before = node.report?.bootId === content.bootId ? node.report : undefined;
  const facts = { ...before?.facts, ...content.facts };
  if (!isWhole(facts)) return undefined;
  const { bootId, load, trust, hostKey, interval, workloads } = content;
  const overlay = content.overlay ?? before?.overlay;
  return {
    ...node,
    lastSeenAt: Math.max(node.lastSeenAt, seen.at),
    address: seen.address,
    uuid: seen.uuid ?? node.uuid,
    macs: addMacs(node.macs, seen.macs),
    boots: addBootId(node.boots, bootId, seen.at),
    report: {
      ...{ at: seen.at, address: seen.address },
      ...{ bootId, facts, load, trust, hostKey, overlay, interval, workloads },
    },
  };
}

const SECTIONS: { readonly [section in keyof Facts]: true } = {
  cpu: true,
  memoryKib: true,
  nics: true,
  disks: true,
  pci: true,
  bridges: true,
  hugepages: true,
  software: true,
  kvm: true,
};

function isWhole(facts: ReportedContent['facts']): facts is Facts {
  return Object.keys(SECTIONS).every(section => facts[section as keyof Facts] !== undefined);
}

function addMacs(known: readonly Mac[], seen: readonly Mac[]): readonly Mac[] {
  const fresh = seen.filter(mac => !known.includes(mac));
  return fresh.length === 0 ? known : [...known, ...fresh].slice(-MAX_MACS);
}

function usable(uuid: string | undefined): string | undefined {
  return uuid !== undefined && isUsableUuid(uuid) ? uuid.toLowerCase() : undefined;
}
