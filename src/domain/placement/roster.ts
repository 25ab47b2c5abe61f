import type { MachineId } from '../machine/genid.ts';
import type { Facts } from '../node/facts.ts';
import { type Host, isThere } from '../workload/host.ts';
import { type DefaultRules, defaultRules } from './defaults.ts';
import type { HostRecord } from './ledger.ts';
import { byName } from './names.ts';
import type { PlacementRules } from './rules.ts';
import { type HostSetting, problemsOf } from './setting.ts';
import type { NodeView } from './snapshot.ts';

/** All hosts, with the rules that they go by: those of the files, and one profile for each node that nobody described. */
export interface Roster {
  /** By name. */
  readonly hosts: readonly RosterHost[];
  readonly rules: PlacementRules;
}

export interface RosterHost extends HostRecord {
  /** Whether an admin has said anything about it. */
  readonly described: boolean;
  /** Its profile is made from what it reports. */
  readonly isMeasured: boolean;
  /** What is known of it now; absent: nothing. */
  readonly seen?: Host | undefined;
  readonly problems: readonly string[];
}

/**
 * Every node that has reported, every libvirt host, and what else an admin has described. `hosts` are both kinds, as far as
 * anything is known of them now.
 */
export function rosterOf(
  rules: PlacementRules,
  settings: readonly HostSetting[],
  hosts: readonly Host[],
): Roster {
  const seen = new Map(hosts.map(host => [host.id, host]));
  const described = new Map(settings.map(setting => [setting.id, setting]));
  const taken = takenNames(settings, hosts);
  const nodes = hosts.filter(host => host.uri === undefined && (host.facts || described.has(host.id)));
  const profiles = new Map(rules.profiles);
  const costFunctions = new Map(rules.costFunctions);
  for (const { facts, id } of nodes) {
    if (!facts) continue;
    const own = measured(id, facts);
    profiles.set(own.profile.id, own.profile);
    costFunctions.set(own.costFunction.id, own.costFunction);
  }
  const all = [
    ...nodes.map(node => nodeHost(node, described.get(node.id), taken, rules)),
    ...settings.filter(isLibvirt).map(setting => libvirtHost(setting, seen.get(setting.id), rules)),
  ];
  return {
    hosts: all.toSorted((a, b) => byName(a.name, b.name)),
    rules: { ...rules, profiles, costFunctions },
  };
}

interface TakenName {
  readonly id: MachineId;
  readonly why: string;
}

/** Names that no other node can go by: commands take names and ids alike, and two hosts of one would be one. */
function takenNames(
  settings: readonly HostSetting[],
  hosts: readonly Host[],
): ReadonlyMap<string, TakenName> {
  const taken = new Map<string, TakenName>();
  for (const { id } of hosts) taken.set(id, { id, why: `${id} is the id of another host` });
  for (const { id, name } of settings.filter(isLibvirt))
    taken.set(name, { id, why: `a libvirt host is called ${name} too` });
  return taken;
}

type LibvirtSetting = HostSetting & { readonly uri: string };

export function isLibvirt(setting: HostSetting): setting is LibvirtSetting {
  return setting.uri !== undefined;
}

/** Facts are values: the rules that are made of them are made once. */
const MEASURED = new WeakMap<Facts, DefaultRules>();

function measured(id: string, facts: Facts): DefaultRules {
  const known = MEASURED.get(facts);
  if (known?.profile.id === measuredProfile(id)) return known;
  const rules = defaultRules(measuredProfile(id), facts);
  MEASURED.set(facts, rules);
  return rules;
}

/** No word, so no id of a file can be the same. */
function measuredProfile(id: string): string {
  return `default of ${id}`;
}

function nodeHost(
  node: Host,
  setting: HostSetting | undefined,
  taken: ReadonlyMap<string, TakenName>,
  rules: PlacementRules,
): RosterHost {
  const { id, state } = node;
  const other = node.name === undefined ? undefined : taken.get(node.name);
  const isHidden = other !== undefined && other.id !== id;
  return {
    id,
    name: node.name === undefined || isHidden ? id : node.name,
    ...saidOf(setting),
    profile: setting?.profile ?? measuredProfile(id),
    described: setting !== undefined,
    isMeasured: setting?.profile === undefined,
    seen: node,
    node: nodeView(node),
    away: isThere(node) ? undefined : `it does not report: it is ${state}`,
    problems: [
      ...(isHidden ? [`${other.why}: the node goes by its id`] : []),
      ...(node.facts ? [] : ['it has never reported']),
      ...(setting ? problemsOf(setting, rules) : []),
    ],
  };
}

function libvirtHost(setting: LibvirtSetting, seen: Host | undefined, rules: PlacementRules): RosterHost {
  const { id, name, profile = '', uri } = setting;
  return {
    ...{ id, name, uri, profile, seen },
    ...saidOf(setting),
    described: true,
    isMeasured: false,
    node: { ...seen?.room, engines: ['libvirt'] },
    away: seen?.state === 'up' ? undefined : (seen?.problem ?? 'libvirt there was not asked yet'),
    problems: [...problemsOf(setting, rules), ...(seen?.problem === undefined ? [] : [seen.problem])],
  };
}

function saidOf(
  setting: HostSetting | undefined,
): Pick<RosterHost, 'state' | 'realm' | 'failureGroup' | 'translation'> {
  const { group, realm, state = 'enabled', translation } = setting ?? {};
  return { state, realm, failureGroup: group, translation };
}

/** Nodes of pxen are x86_64 machines (checklist MH-47). */
function nodeView({ facts, load }: Host): NodeView | undefined {
  if (!facts) return undefined;
  return {
    threads: facts.cpu.threads,
    memAvailable: load && load.availableKib * 1024,
    arch: 'x86_64',
    engines: facts.software.engines,
    bridges: facts.bridges.map(({ name }) => name),
  };
}

/**
 * The roster for a workload that names its node: memory, processors, engines and bridges that node judges itself, by what
 * is there at that moment and with the lines of the file. What an admin set as its profile counts all the same.
 */
export function judgedThere({ hosts, rules }: Roster, id: MachineId): Roster {
  const named = hosts.find(host => host.id === id);
  const profile = named?.isMeasured ? rules.profiles.get(named.profile) : undefined;
  const boundless = profile && { ...profile, cores: Infinity, memory: Infinity };
  return {
    hosts: hosts.map(host => (host === named ? { ...host, node: undefined } : host)),
    rules: boundless ? { ...rules, profiles: new Map(rules.profiles).set(boundless.id, boundless) } : rules,
  };
}

/** What its node reported of its memory is older than the stops since: their memory is free again. `held`: uuids that count there. */
export function withFreed(host: RosterHost, held: ReadonlySet<string>): RosterHost {
  const { node, seen } = host;
  if (node?.memAvailable === undefined || !seen || seen.workloads.length === 0) return host;
  const freed = seen.workloads
    .filter(({ state, uuid }) => state !== 'ended' && !held.has(uuid))
    .reduce((sum, { takes }) => sum + (takes?.memory ?? 0), 0);
  return { ...host, node: { ...node, memAvailable: node.memAvailable + freed } };
}
