import { Draft, isBetter, type Score, type Slices } from './draft.ts';
import type { Rule } from './fleet.ts';
import { improving } from './improve.ts';
import { ordersOf } from './orders.ts';
import { place } from './place.ts';
import { type PlacementRequest, type Snapshot, withVms } from './snapshot.ts';

/** Several VMs placed together. */
export interface Plan {
  /** In the order in which they were asked for. */
  readonly placements: readonly PlannedVm[];
  readonly score: Score;
  /** What placing them one by one as asked, as single starts do, comes to. The plan is never worse. */
  readonly oneByOne: Score;
}

export interface PlannedVm {
  readonly name: string;
  /** Null: it fits nowhere beside the others. */
  readonly host: string | null;
  /** Of a VM without a host, why: one line for each host. Told of the first of them only, see MOST_EXPLAINED. */
  readonly reasons: readonly string[];
}

/** Nobody reads the reasons of more VMs than these. */
const MOST_EXPLAINED = 100;

/** How many prices a plan may ask for: those of placing everything a few times over, within seconds. */
function usualEffort(hosts: number, vms: number): number {
  return Math.min(60_000_000, 4_000_000 + 4 * hosts * vms);
}

/**
 * Where a set of VMs goes (issue 6): one by one in the best of several orders, then improved by moving and exchanging
 * them. As many as possible are placed; of plans that place equally many, the cheapest wins, counting what every host
 * costs that runs something, its offset for each VM on it: a single start pays it, too, and counted once it would
 * be no price at all for who joins others. The same snapshot and requests always give the same plan.
 */
export function plan(
  snapshot: Snapshot,
  requests: readonly PlacementRequest[],
  effort = usualEffort(snapshot.hosts.length, requests.length),
): Plan {
  const slices = planning(snapshot, requests, effort);
  for (;;) {
    const { done, value } = slices.next();
    if (done) return value;
  }
}

/** The same plan, with pauses for those who serve others meanwhile: it may take seconds. */
export function* planning(
  snapshot: Snapshot,
  requests: readonly PlacementRequest[],
  effort = usualEffort(snapshot.hosts.length, requests.length),
): Slices<Plan> {
  const asAsked = yield* drafted(snapshot, requests, requests.keys(), 'total');
  const best = yield* bestOrder(snapshot, requests, asAsked, effort / 2);
  const oneByOne = asAsked.score;
  yield* improving(best, effort / 2);
  return { placements: yield* placementsOf(snapshot, best), score: best.score, oneByOne };
}

function* drafted(
  snapshot: Snapshot,
  requests: readonly PlacementRequest[],
  order: Iterable<number>,
  rule: Rule,
): Slices<Draft> {
  const draft = new Draft(snapshot, requests);
  yield* draft.placing(order, rule);
  yield;
  return draft;
}

function* bestOrder(
  snapshot: Snapshot,
  requests: readonly PlacementRequest[],
  first: Draft,
  effort: number,
): Slices<Draft> {
  let best = first;
  let spent = 0;
  for (const order of ordersOf(requests))
    for (const rule of ['more', 'total'] as const) {
      if (spent >= effort) return best;
      const draft = yield* drafted(snapshot, requests, order, rule);
      spent += draft.fleet.evaluations;
      if (isBetter(draft.score, best.score)) best = draft;
    }
  return best;
}

function* placementsOf(snapshot: Snapshot, draft: Draft): Slices<readonly PlannedVm[]> {
  const { fleet, requests } = draft;
  const names = firstComeFirst(draft).map(host => fleet.berths[host]?.view.name ?? null);
  const after = withVms(snapshot, byHost(requests, names));
  const placements: PlannedVm[] = [];
  let explained = 0;
  for (const [vm, request] of requests.entries()) {
    const host = names[vm] ?? null;
    const explain = host === null && explained++ < MOST_EXPLAINED;
    placements.push({ name: request.name, host, reasons: explain ? place(after, request).reasons : [] });
    if (explain) yield;
  }
  return placements;
}

/** Of VMs that are all the same, the ones asked for first are those that have a host. */
function firstComeFirst({ hosts, requests }: Draft): readonly number[] {
  const alike = Map.groupBy(requests.keys(), vm => likenessOf(requests[vm]));
  const settled = [...hosts];
  for (const vms of alike.values()) {
    const found = vms.map(vm => hosts[vm] ?? -1).filter(host => host >= 0);
    for (const [i, vm] of vms.entries()) settled[vm] = found[i] ?? -1;
  }
  return settled;
}

/** Everything that a placement depends on. */
function likenessOf(request: PlacementRequest | undefined): string {
  return JSON.stringify({ ...request, name: '', devices: [...(request?.devices ?? [])] });
}

function byHost(
  requests: readonly PlacementRequest[],
  hosts: readonly (string | null)[],
): ReadonlyMap<string, readonly PlacementRequest[]> {
  const vms = new Map<string, PlacementRequest[]>();
  for (const [vm, request] of requests.entries()) {
    const host = hosts[vm];
    if (typeof host === 'string') vms.set(host, [...(vms.get(host) ?? []), request]);
  }
  return vms;
}
