import type { MachineId } from '../machine/genid.ts';
import type { Device } from '../placement/pci.ts';
import type { Registration, StartedFile, WorkloadRecord } from './record.ts';
import type { WorkloadStatus } from './status.ts';

/** Shown when a start was sent and neither its answer nor the workload was ever seen. */
export const INTERRUPTED = 'its start was interrupted, and it is not on its node: start it again';

/** A start as it is remembered before it is sent: whatever happens then, host0 knows what was meant. */
export function startSent(start: {
  readonly name: string;
  readonly uuid: string;
  readonly autostart: boolean;
  readonly node: MachineId;
  readonly bootId: string;
  readonly config: StartedFile;
  readonly devices?: readonly Device[] | undefined;
  readonly disksOn?: MachineId | undefined;
  readonly registration?: Registration | undefined;
}): WorkloadRecord {
  return { ...start, desired: 'running', start: 'sent' };
}

/** It runs, or ran, in this boot of its node. */
export function confirmed({ problem: _, ...record }: WorkloadRecord, bootId: string): WorkloadRecord {
  return { ...record, desired: 'running', start: 'confirmed', bootId };
}

/** A stop as it is remembered before it is sent: the workload does not come back, even if its node cannot be told. */
export function stopSent({ problem: _, registration: __, ...record }: WorkloadRecord): WorkloadRecord {
  return { ...record, desired: 'stopped', start: 'confirmed' };
}

/** Its node was forgotten: an admin knows that it is gone. */
export function nodeForgotten(record: WorkloadRecord): WorkloadRecord {
  return {
    ...stopSent(record),
    disksOn: undefined,
    problem: `the node that it was on, ${record.node}, was forgotten`,
  };
}

/** What follows from a report of the node that a workload shall be on. */
export type Verdict =
  | { readonly kind: 'keep' }
  | { readonly kind: 'save'; readonly record: WorkloadRecord }
  /** The node has rebooted without it: start it again. */
  | { readonly kind: 'return' };

/** `status`: what the report says of the workload; absent: it is not there. */
export interface ReportOnIt {
  readonly bootId: string;
  readonly status: WorkloadStatus | undefined;
}

/** Its node tried, and nothing is left of it but the log there. */
export function startFailed({ registration: _, ...record }: WorkloadRecord, why: string): WorkloadRecord {
  return { ...record, desired: 'stopped', start: 'confirmed', problem: `its last start failed: ${why}` };
}

/** A restart that failed: what runs now, if anything, the next report tells; then `why` counts no more. */
export function restartFailed(record: WorkloadRecord, why: string): WorkloadRecord {
  return { ...record, start: 'sent', problem: why };
}

/** Its guest agent answers, so it is up by the word of its realm. */
export function registered({ registration: _, ...record }: WorkloadRecord): WorkloadRecord {
  return record;
}

/** Why a workload is ended that did not register in time. */
export function unregistered({ realm, within }: Registration): string {
  return `its guest agent did not answer within ${within / 1000} s, which is the registration-timeout of realm ${realm}`;
}

/** Compares what shall be with what the node reports. Not for a workload that a command is changing right now. */
export function judgeReport(record: WorkloadRecord, { bootId, status }: ReportOnIt): Verdict {
  if (status) return seen(record, bootId, status);
  if (record.desired === 'stopped') return { kind: 'keep' };
  // A start that nobody saw succeed failed for whoever asked for it: to bring it up later would surprise them.
  if (record.start === 'sent')
    return {
      kind: 'save',
      record: { ...record, desired: 'stopped', problem: record.problem ?? INTERRUPTED },
    };
  // In the boot in which it ran, only somebody on the node can have taken it away.
  if (record.bootId === bootId) return { kind: 'keep' };
  if (!record.autostart) return { kind: 'save', record: stopSent(record) };
  return { kind: 'return' };
}

function seen(record: WorkloadRecord, bootId: string, status: WorkloadStatus): Verdict {
  if (record.start === 'sent') {
    const started = status.state !== 'starting' && status.state !== 'stopping';
    return started ? { kind: 'save', record: confirmed(record, bootId) } : { kind: 'keep' };
  }
  if (record.desired === 'stopped' || record.bootId === bootId) return { kind: 'keep' };
  return { kind: 'save', record: confirmed(record, bootId) };
}

/** Milliseconds from a failed try to bring a workload back to the next; the later ones go on as long as the node is up. */
const RETURN_PAUSES = [2_000, 10_000, 60_000];
const LATER_PAUSES = 300_000;

/** After so many failed tries, from 1. */
export function pauseAfter(failures: number): number {
  return RETURN_PAUSES[failures - 1] ?? LATER_PAUSES;
}
