import type { NodeDetail, NodeSummary } from '../../api/nodes.ts';
import { disagreement } from '../../domain/node/agreement.ts';
import type { Boot } from '../../domain/node/boots.ts';
import { conflictOf } from '../../domain/node/claims.ts';
import { type Diagnosis, diagnose, diagnoseEnded } from '../../domain/node/diagnose.ts';
import { liveness } from '../../domain/node/liveness.ts';
import type { NodeRecord } from '../../domain/node/record.ts';
import type { ApplianceFacts } from '../../domain/node/symptoms.ts';
import type { Host } from '../../domain/workload/host.ts';

/** A node as the API shows it in a list. */
export function summaryOf(
  node: NodeRecord,
  now: number,
  listeningSince: number,
  appliance: ApplianceFacts,
): NodeSummary {
  const facts = node.report?.facts;
  const state = liveness(node, now, listeningSince);
  return {
    id: node.id,
    state,
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
    overlay: node.report?.overlay === undefined ? undefined : { content: node.report.overlay },
    diagnosis: diagnose({ boots: node.boots, state, now, reportedAt: node.report?.at, facts: appliance }),
    problem: conflictSentence(node, now) ?? disagreementSentence(node),
  };
}

/** A node as far as workloads are concerned. */
export function hostOf(node: NodeRecord, now: number, listeningSince: number): Host {
  const { address, id, report } = node;
  return {
    id,
    state: liveness(node, now, listeningSince),
    address: report?.address ?? address,
    hostKey: report?.hostKey?.line,
    bootId: report?.bootId,
    reportedAt: report?.at,
    workloads: report?.workloads ?? [],
    facts: report?.facts,
    load: report?.load,
  };
}

export interface NodeProblem {
  readonly at: number;
  readonly node: NodeRecord['id'];
  readonly text: string;
}

/** Of the boot that the node is in. */
export function problemsOf({ boots, id }: NodeRecord): NodeProblem[] {
  const problems = boots.at(-1)?.events.filter(event => event.stage === 'problem') ?? [];
  return problems.map(({ at, text }) => ({ at, node: id, text }));
}

/** A boot that arrived stays there: a lease that is renewed later is no step back. */
function stageOf(node: NodeRecord): NodeSummary['stage'] {
  const events = node.boots.at(-1)?.events ?? [];
  return events.some(event => event.stage === 'agent') ? 'agent' : events.at(-1)?.stage;
}

/** A node in full. */
export function detailOf(
  node: NodeRecord,
  now: number,
  listeningSince: number,
  appliance: ApplianceFacts,
): NodeDetail {
  const { report } = node;
  const summary = summaryOf(node, now, listeningSince, appliance);
  const view = {
    ...summary,
    uuid: node.uuid,
    agreement: node.agreement,
    hostKey: report?.hostKey,
    facts: report?.facts,
    load: report?.load,
    boots: bootsOf(node, summary.diagnosis, appliance),
  };
  // A copy: nobody outside may hold on to parts of a record, and the types of JSON are mutable.
  return structuredClone(view) as NodeDetail;
}

/** Every boot with the reason why it did not get to its agent. */
function bootsOf(
  { boots }: NodeRecord,
  current: Diagnosis | undefined,
  appliance: ApplianceFacts,
): (Boot & { diagnosis: Diagnosis | undefined })[] {
  return boots.map((boot, index) => {
    const next = boots[index + 1];
    const diagnosis = next ? diagnoseEnded(boots.slice(0, index + 1), next.startedAt, appliance) : current;
    return { ...boot, diagnosis };
  });
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
