import type { NodeDetail, NodeSummary } from '../../api/nodes.ts';
import { disagreement } from '../../domain/node/agreement.ts';
import { conflictOf } from '../../domain/node/claims.ts';
import { liveness } from '../../domain/node/liveness.ts';
import type { NodeRecord } from '../../domain/node/record.ts';

/** A node as the API shows it in a list. */
export function summaryOf(node: NodeRecord, now: number, listeningSince: number): NodeSummary {
  const facts = node.report?.facts;
  return {
    id: node.id,
    state: liveness(node, now, listeningSince),
    address: node.address,
    macs: [...node.macs],
    firstSeenAt: node.firstSeenAt,
    lastSeenAt: node.lastSeenAt,
    reportedAt: node.report?.at,
    stage: stageOf(node),
    cpus: facts?.cpu.threads,
    memoryKib: facts?.memoryKib,
    kvm: facts?.kvm.state,
    trust: node.report?.trust,
    problem: conflictSentence(node, now) ?? disagreementSentence(node),
  };
}

/** A boot that arrived stays there: a lease that is renewed later is no step back. */
function stageOf(node: NodeRecord): NodeSummary['stage'] {
  const events = node.boots.at(-1)?.events ?? [];
  return events.some(event => event.stage === 'agent') ? 'agent' : events.at(-1)?.stage;
}

/** A node in full. */
export function detailOf(node: NodeRecord, now: number, listeningSince: number): NodeDetail {
  const { report } = node;
  const view = {
    ...summaryOf(node, now, listeningSince),
    uuid: node.uuid,
    agreement: node.agreement,
    hostKey: report?.hostKey,
    facts: report?.facts,
    load: report?.load,
    boots: node.boots,
  };
  // A copy: nobody outside may hold on to parts of a record, and the types of JSON are mutable.
  return structuredClone(view) as NodeDetail;
}

/** Who disputes this id, in one sentence; undefined when nobody does. */
export function conflictSentence(node: NodeRecord, now: number): string | undefined {
  const claims = conflictOf(node.claims, now);
  if (!claims) return undefined;
  const machines = claims
    .map(claim => `${claim.macs.join(' ')} (UUID ${claim.uuid ?? 'none of use'})`)
    .sort();
  return `${claims.length} machines go by id ${node.id}: ${machines.join(', ')}`;
}

function disagreementSentence(node: NodeRecord): string | undefined {
  const text = disagreement(node.agreement);
  return text === undefined ? undefined : `the id differs from place to place: ${text}`;
}
