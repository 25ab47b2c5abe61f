import type { HostView, PlacementView, PlanView, RealmList } from '../../api/placement.ts';
import { costOf, plus } from '../../domain/placement/cost.ts';
import { type CostCurve, costCurves } from '../../domain/placement/curves.ts';
import { jsonNumber } from '../../domain/placement/format.ts';
import { type Commitment, conflictsIn, type Ledger, snapshotOf } from '../../domain/placement/ledger.ts';
import { byName } from '../../domain/placement/names.ts';
import type { Decision } from '../../domain/placement/placer.ts';
import type { Plan } from '../../domain/placement/plan.ts';
import { deviceCounts } from '../../domain/placement/profile.ts';
import type { Roster, RosterHost } from '../../domain/placement/roster.ts';
import type { PlacementRules } from '../../domain/placement/rules.ts';
import {
  costFunctionOf,
  profileOf,
  type HostView as Seen,
  type Snapshot,
  usageOf,
} from '../../domain/placement/snapshot.ts';
import type { Case } from './placements.ts';
import type { Rulebook } from './rulebook.ts';

/** Every host as the API shows it, by name. */
export function hostViews({ hosts, rules }: Roster, ledger: Ledger): HostView[] {
  const snapshot = snapshotOf(rules, hosts, ledger);
  const seen = new Map(snapshot.hosts.map(host => [host.name, host]));
  const held = Map.groupBy(ledger, ({ host }) => host);
  const conflicts = conflictsIn(ledger);
  return hosts.flatMap(host => {
    const view = seen.get(host.name);
    if (!view) return [];
    const problems = [...host.problems, ...(conflicts.get(host.id) ?? [])];
    return hostView(host, view, snapshot, held.get(host.id) ?? [], problems);
  });
}

function hostView(
  host: RosterHost,
  seen: Seen,
  snapshot: Snapshot,
  held: Ledger,
  problems: readonly string[],
): HostView {
  const { described, failureGroup: group, id, isMeasured, name, realm, state, translation, uri } = host;
  const profile = profileOf(snapshot, seen);
  const { vms, vcpus, memory, devices } = seen.usage;
  const view: HostView = {
    ...{ name, id, uri, state, described, realm, group },
    liveness: livenessOf(host),
    problem: problems.length === 0 ? undefined : problems.join('; '),
    profile: isMeasured ? 'default' : host.profile,
    translation: translation && { ...translation },
    cores: profile && whole(profile.cores),
    memory: profile && whole(profile.memory),
    usage: { vms, vcpus, memory: whole(memory), devices: Object.fromEntries(devices) },
    devices: Object.fromEntries(deviceCounts(profile?.devices ?? [])),
    cost: costNow(snapshot, seen),
    workloads: held
      .map(({ name: workload, state: each }) => ({ name: workload, state: each }))
      .sort((a, b) => byName(a.name, b.name)),
  };
  return view;
}

/** Nodes may say any number, and sums of them: what no JSON reader takes for a whole number would hide every other host. */
function whole(count: number): number {
  return Math.min(count, Number.MAX_SAFE_INTEGER);
}

const LIBVIRT_LIVENESS = { up: 'connected', unknown: 'not asked' } as const;

function livenessOf({ seen, uri }: RosterHost): string {
  if (uri === undefined) return seen?.state ?? 'unknown';
  const state = seen?.state ?? 'unknown';
  return state === 'up' || state === 'unknown' ? LIBVIRT_LIVENESS[state] : 'unreachable';
}

function costNow(snapshot: Snapshot, host: Seen): HostView['cost'] {
  const profile = profileOf(snapshot, host);
  const rules = profile && costFunctionOf(snapshot, profile);
  return rules && costNumber(costOf(rules, host.usage).total);
}

/** The realms, sorted by id, with what is wrong with the files. */
export function realmList(rulebook: Rulebook, hosts: readonly RosterHost[]): RealmList {
  const { problems, rules, warnings } = rulebook;
  const realms = [...rules.realms.values()].map(realm => {
    const { disabled, driver, drives, id, logScheduling, name, networkFilter, pollFrequency } = realm;
    const { cache, lazyAllocation, maxSize, minSize } = drives;
    return {
      ...{ id, name, disabled, driver, logScheduling, pollFrequency, networkFilter },
      pools: { ...realm.pools },
      registrationTimeout: realm.registrationTimeout,
      drives: { lazyAllocation, cache, minSize, maxSize },
      hosts: hosts.filter(host => host.realm === id).map(host => host.name),
    };
  });
  return {
    realms: realms.sort((a, b) => byName(a.id, b.id)),
    profiles: profileViews(rules),
    problems: [...problems],
    warnings: [...warnings],
  };
}

function profileViews({ profiles }: PlacementRules): RealmList['profiles'] {
  return [...profiles.values()]
    .map(({ costFunction, cores, devices, id, memory, name }) => ({
      ...{ id, name, cores, memory, costFunction },
      devices: Object.fromEntries(deviceCounts(devices)),
    }))
    .sort((a, b) => byName(a.id, b.id));
}

/** What the named host, or else the one that it would go to, is priced by; undefined when there is neither. */
export function curvesOf({ request, snapshot }: Case, { host }: Decision): PlacementView['curves'] {
  const name = request.node ?? host;
  const seen = snapshot.hosts.find(each => each.name === name);
  const profile = seen && profileOf(snapshot, seen);
  const rules = profile && costFunctionOf(snapshot, profile);
  if (!seen || !rules) return undefined;
  const curves = costCurves(rules, plus(seen.usage, usageOf(request)));
  return { host: seen.name, of: curves.map(curveView) };
}

type CurveView = NonNullable<PlacementView['curves']>['of'][number];

function curveView({ at, cost, part, pieces, type }: CostCurve): CurveView {
  const finite = (bound: number): number | undefined => (Number.isFinite(bound) ? bound : undefined);
  return {
    ...{ part, type, at },
    cost: costNumber(cost),
    pieces: pieces.map(piece => ({ ...piece, above: finite(piece.above), upTo: finite(piece.upTo) })),
  };
}

/** A plan as the API shows it. */
export function planView(plan: Plan, hosts: readonly RosterHost[]): PlanView {
  const ids = new Map(hosts.map(({ id, name }) => [name, id]));
  return {
    placements: plan.placements.map(({ host, name, reasons }) => ({
      name,
      host,
      node: host === null ? undefined : ids.get(host),
      reasons: [...reasons],
    })),
    placed: plan.score.placed,
    cost: costNumber(plan.score.cost),
    oneByOne: { placed: plan.oneByOne.placed, cost: costNumber(plan.oneByOne.cost) },
  };
}

function costNumber(cost: number): number | 'Infinity' {
  return jsonNumber(cost) as number | 'Infinity';
}

/** How many hosts are in each state, and how many VMs are reserved, running or not known of. */
export function tallies(hosts: readonly RosterHost[], ledger: Ledger): Tallies {
  const count = (state: Commitment['state']): number => ledger.filter(each => each.state === state).length;
  const states = Map.groupBy(hosts, ({ state }) => state);
  return {
    hosts: Object.fromEntries([...states].map(([state, each]) => [state, each.length])),
    vms: { reserved: count('reserved'), running: count('running'), unknown: count('unknown') },
  };
}

export interface Tallies {
  readonly hosts: Readonly<Record<string, number>>;
  readonly vms: Readonly<Record<Commitment['state'], number>>;
}
