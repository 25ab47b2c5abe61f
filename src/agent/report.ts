import type { FullReport, Heartbeat, Report, WrongIdentity } from '../api/report.ts';
import { changedFacts, type Facts, type Load } from '../domain/node/facts.ts';
import type { WorkloadStatus } from '../domain/workload/status.ts';
import type { Identity } from './identity.ts';

/** What the node is like right now. */
export interface NodeState {
  readonly identity: Identity;
  readonly bootId: string;
  readonly facts: Facts;
  readonly load: Load;
  readonly sshHostKey: string | undefined;
  /** Content of the overlay that it runs. */
  readonly overlay: string | undefined;
  readonly workloads: readonly WorkloadStatus[];
}

/** What host0 has taken of an earlier report. */
export type Taken = Pick<NodeState, 'facts' | 'sshHostKey'>;

/**
 * Everything when host0 has nothing (`taken` undefined), else what changed since the facts it took. Only a full report
 * carries the SSH host key, and on the default overlay that key may be made after the first report.
 */
export function buildReport(state: NodeState, taken: Taken | undefined): FullReport | Heartbeat {
  const { facts, load, overlay, sshHostKey, workloads } = state;
  const head = { ...headOf(state.identity, state.bootId), load, workloads: boundedWorkloads(workloads) };
  const report =
    taken && taken.sshHostKey === sshHostKey
      ? { kind: 'heartbeat', ...head, facts: changedFacts(taken.facts, facts) }
      : { kind: 'full', ...head, facts, overlay, sshHostKey };
  return structuredClone(report) as FullReport | Heartbeat;
}

/** Bytes: beside them a report has room for all facts, see MAX_REPORT_BYTES. */
const MOST_WORKLOAD_BYTES = 256 * 1024;

/** A report that is too long is refused as a whole, and the node would count as dead. Mostly it is long last words. */
function boundedWorkloads(workloads: readonly WorkloadStatus[]): readonly WorkloadStatus[] {
  if (Buffer.byteLength(JSON.stringify(workloads)) <= MOST_WORKLOAD_BYTES) return workloads;
  return workloads.map(workload => ({
    ...workload,
    volumes: [],
    nics: [],
    end: workload.end && { ...workload.end, output: '' },
    problem: workload.problem ?? 'there is more to tell of the workloads of this node than a report can hold',
  }));
}

/** The agent will not act: its overlay is another machine's. */
export function buildRefusal(identity: Identity, bootId: string, configured: string): WrongIdentity {
  return { kind: 'wrong-identity', ...headOf(identity, bootId), configured };
}

function headOf(identity: Identity, bootId: string): Pick<Report, 'id' | 'identity' | 'bootId'> {
  const { bootMac, id, macs, uuid } = identity;
  return { id, identity: { uuid, bootMac, macs: [...macs] }, bootId };
}
