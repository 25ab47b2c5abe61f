import { formatBytes } from '../../base/bytes.ts';
import { type Cost, type CostParts, costOf, plus, sumOf } from './cost.ts';
import { unsuitable, withoutRoom } from './feasible.ts';
import { formatCost } from './format.ts';
import {
  costFunctionOf,
  failureGroupOf,
  type HostView,
  inOrder,
  type PlacementRequest,
  profileOf,
  type Snapshot,
  usageOf,
} from './snapshot.ts';

export interface Placement {
  /** Null: it fits nowhere. */
  readonly host: string | null;
  /** One line for each host that it is not, by name: `host: why`. */
  readonly reasons: readonly string[];
  /** What each host would cost with the VM on it, by name; of hosts whose profile is known. */
  readonly costs: readonly HostCost[];
}

export interface HostCost extends Cost {
  readonly host: string;
}

/**
 * Where a VM goes (checklist 5.3): of the hosts that can take it, the one with the smallest total cost, the VM counted
 * in, and of equals the one that it was on last, then the first by name. A node that was named has to be able to take it, but may cost anything.
 */
export function place(snapshot: Snapshot, request: PlacementRequest): Placement {
  const judged = inOrder(snapshot.hosts).map(host => judge(snapshot, request, host));
  const winner = cheapest(judged, request.last);
  const losers = judged.filter(host => host !== winner);
  return {
    host: winner?.name ?? null,
    reasons: [
      ...withoutHost(snapshot, request),
      ...losers.map(loser => `${loser.name}: ${whyNot(loser, winner, request.last)}`),
    ],
    costs: judged.flatMap(({ name, cost }) => (cost ? { host: name, ...cost } : [])),
  };
}

interface Judged {
  readonly name: string;
  readonly cost?: Cost | undefined;
  /** Why it cannot take the VM. */
  readonly fault?: string | undefined;
}

function judge(snapshot: Snapshot, request: PlacementRequest, host: HostView): Judged {
  const { name } = host;
  const profile = profileOf(snapshot, host);
  const cost = costWith(snapshot, request, host);
  const fault =
    unsuitable(snapshot.rules, request, host) ??
    (profile && withoutRoom(request, host, profile)) ??
    (request.node === undefined && cost ? unaffordable(cost, request, host) : undefined);
  return { name, cost, fault };
}

/** What a host would cost with the VM on it; undefined when its profile is not known. */
export function costWith(snapshot: Snapshot, request: PlacementRequest, host: HostView): Cost | undefined {
  const profile = profileOf(snapshot, host);
  const rules = profile && costFunctionOf(snapshot, profile);
  if (!rules) return undefined;
  const cost = costOf(rules, plus(host.usage, usageOf(request)));
  if (request.group === undefined) return cost;
  const parts = { ...cost.parts, spread: spreadCost(snapshot, request.group, host) };
  return { parts, total: sumOf(parts) };
}

/** For each VM of the group that would fail together with this one, and again for those on the very same host. */
function spreadCost({ rules, hosts }: Snapshot, group: string, host: HostView): number {
  const together = hosts.filter(other => failureGroupOf(other) === failureGroupOf(host));
  const members = [...together, host].reduce((sum, { groups }) => sum + (groups.get(group) ?? 0), 0);
  return rules.spreadCost * members;
}

function unaffordable(
  { total, parts }: Cost,
  request: PlacementRequest,
  { usage }: HostView,
): string | undefined {
  if (total < Infinity) return undefined;
  const after = plus(usage, usageOf(request));
  const inputs = { vms: String(after.vms), vcpus: String(after.vcpus), memory: formatBytes(after.memory) };
  const beyond = (['vms', 'vcpus', 'memory'] as const)
    .filter(resource => parts[resource] === Infinity)
    .map(resource => `${resource} at ${inputs[resource]}`);
  const what = [...beyond, ...devicesBeyond(parts, after.devices)].join(', ') || 'all of this together';
  return `its cost function has no price for ${what}`;
}

function devicesBeyond({ devices }: CostParts, counts: ReadonlyMap<string, number>): readonly string[] {
  return Object.entries(devices)
    .filter(([, cost]) => cost === Infinity)
    .map(([type]) => `${type} at ${counts.get(type) ?? 0}`);
}

/** The first of the cheapest: they are in the order of their names. */
function cheapest(judged: readonly Judged[], last: string | undefined): Judged | undefined {
  let best: Judged | undefined;
  for (const host of judged)
    if (host.fault === undefined && (!best || totalOf(host) < totalOf(best))) best = host;
  const before = judged.find(host => host.name === last && host.fault === undefined);
  return before && best && totalOf(before) === totalOf(best) ? before : best;
}

function totalOf({ cost }: Judged): number {
  return cost?.total ?? Infinity;
}

function whyNot(loser: Judged, winner: Judged | undefined, last: string | undefined): string {
  if (loser.fault !== undefined || !winner) return loser.fault ?? '';
  const [cost, best] = [formatCost(totalOf(loser)), formatCost(totalOf(winner))];
  if (totalOf(loser) === totalOf(winner))
    return `costs ${cost} too; ${winner.name} is ${winner.name === last ? 'where it was last' : 'first by name'}`;
  return `costs ${cost}, ${winner.name} costs ${best}`;
}

function withoutHost({ hosts }: Snapshot, { node }: PlacementRequest): readonly string[] {
  if (hosts.length === 0) return ['there are no hosts'];
  if (node === undefined || hosts.some(host => host.name === node)) return [];
  return [`${node}: there is no such host`];
}
