import type { MachineId } from '../machine/genid.ts';
import { called, type Host, isThere } from './host.ts';
import type { WorkloadRecord } from './record.ts';
import type { WorkloadState, WorkloadStatus } from './status.ts';

/** A workload as some node told of it last. */
export interface Sight {
  readonly host: Host;
  readonly status: WorkloadStatus;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** All that host0 knows of where one workload is. */
export interface Situation {
  readonly record: WorkloadRecord | undefined;
  /** The node of the record, unless it was forgotten. */
  readonly host: Host | undefined;
  /** Every node that tells of it. */
  readonly sights: readonly Sight[];
  /** The verb that host0 has sent to a node and waits for. */
  readonly working: 'start' | 'stop' | undefined;
  /** It is being brought back after a reboot of its node; `problem`: why the last try failed. */
  readonly returning: { readonly problem: string | undefined } | undefined;
}

/** `stopped`, `lost` and `returning` are what host0 concludes; the rest is what a node says. */
export type ShownState = WorkloadState | 'stopped' | 'lost' | 'returning';

export interface Shown {
  readonly state: ShownState;
  readonly node: MachineId | undefined;
  readonly sight: Sight | undefined;
  /** What is not as it should be, in one sentence. */
  readonly problem: string | undefined;
}

/** What to show of a workload. */
export function show(situation: Situation): Shown {
  const { record, returning, working } = situation;
  const sight = mainSight(situation);
  const state = stateOf(situation, sight);
  const moving = returning ?? working;
  return {
    state,
    node: (moving && record ? undefined : sight?.host.id) ?? record?.node,
    sight,
    problem: problemOf(situation, sight) ?? (state === 'lost' ? lostSentence(situation, sight) : undefined),
  };
}

/**
 * The one on the node that it was started on counts first, then one on a node that is there. Where it comes back to its
 * node, or may still be there, no other node can say that it has it: commands and typed passwords would go there.
 */
export function mainSight(situation: Situation): Sight | undefined {
  const { record, sights } = situation;
  const own = sights.find(({ host }) => host.id === record?.node);
  if (own || isBound(situation)) return own;
  return sights.find(({ host }) => isThere(host)) ?? sights[0];
}

/** Its own node has it, may have it, or gets it back: nobody else is asked about it. */
export function isBound({ host, record, returning, working }: Situation): boolean {
  if (record?.desired !== 'running' || !host) return false;
  return returning !== undefined || working !== undefined || host.state !== 'up' || isDueBack(record, host);
}

/** A virtual machine, or half of one, is there. */
export function isAlive(status: WorkloadStatus): boolean {
  return status.state !== 'ended';
}

function stateOf(situation: Situation, sight: Sight | undefined): ShownState {
  const { host, record, returning, working } = situation;
  if (returning) return 'returning';
  if (working) return working === 'start' ? 'starting' : 'stopping';
  if (sight) return isThere(sight.host) ? sight.status.state : 'lost';
  if (record?.desired !== 'running') return 'stopped';
  // After a restart of host0 the last reports may be gone: until the next one nobody knows.
  if (host?.state !== 'up') return 'lost';
  return isDueBack(record, host) ? 'returning' : 'stopped';
}

/** Its node has rebooted, and the next report starts it again. */
export function isDueBack(record: WorkloadRecord, host: Host): boolean {
  return record.start === 'confirmed' && record.autostart && host.bootId !== record.bootId;
}

function problemOf(situation: Situation, sight: Sight | undefined): string | undefined {
  const { host: home, record, returning, sights, working } = situation;
  const alive = sights.filter(({ host, status }) => isThere(host) && isAlive(status));
  if (alive.length > 1)
    return `it runs on ${alive.map(({ host }) => called(host)).join(' and on ')} at once: stop one of them with -n`;
  if (alive[0] && home && record?.desired === 'running' && alive[0].host.id !== home.id)
    return `it was started on ${called(home)}, but ${called(alive[0].host)} says that it runs there: stop it there with -n`;
  if (returning) return returning.problem;
  if (working) return undefined;
  if (record?.problem !== undefined) return record.problem;
  if (record?.desired === 'stopped' && alive[0])
    return `it was stopped, but ${called(alive[0].host)} still has it: stop it again`;
  return sight ? undefined : vanished(situation);
}

function lostSentence({ host }: Situation, sight: Sight | undefined): string {
  const node = sight?.host ?? host;
  return node
    ? `${called(node)} does not report: it is ${node.state}`
    : 'host0 knows nothing of its node any more';
}

function vanished({ record, host }: Situation): string | undefined {
  if (record?.desired !== 'running' || host?.state !== 'up' || isDueBack(record, host)) return undefined;
  return `it is not on ${called(host)} any more, and host0 did not stop it there`;
}
