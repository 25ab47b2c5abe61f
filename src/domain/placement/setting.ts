import { quote, several } from '../../base/diagnostic.ts';
import { PxenError } from '../../base/error.ts';
import { parseIpv4 } from '../../base/ipv4.ts';
import { hint } from '../hocon/values.ts';
import { type MachineId, parseMachineId } from '../machine/genid.ts';
import {
  type AddressTranslation,
  type HostState,
  LAST_BASE_PORT,
  parseLibvirtUri,
  URI_FORM,
} from './host.ts';
import { isWord, WORD_FORM } from './names.ts';
import type { PlacementRules } from './rules.ts';

/** What an admin has said of a host: all of a libvirt host, or how a node differs from what is made of its facts. */
export interface HostSetting {
  readonly id: MachineId;
  /** Of a libvirt host, what it is called; of a node, what it was called then. */
  readonly name: string;
  /** Of a libvirt host. */
  readonly uri?: string | undefined;
  /** Absent: made from the node's facts. */
  readonly profile?: string | undefined;
  readonly state: HostState;
  readonly realm?: string | undefined;
  readonly group?: string | undefined;
  readonly translation?: AddressTranslation | undefined;
}

/** Where settings live, by id. */
export interface HostStore {
  load(): HostSetting[];
  /** Durable on disk when it resolves. */
  save(setting: HostSetting): Promise<void>;
  remove(id: MachineId): Promise<void>;
}

/** What shall be changed: absent stays as it is, null takes it away. */
export interface SettingChange {
  readonly uri?: string | undefined;
  readonly profile?: string | null | undefined;
  readonly state?: HostState | undefined;
  readonly realm?: string | null | undefined;
  readonly group?: string | null | undefined;
  readonly translation?: { readonly address: string; readonly basePort: number } | null | undefined;
}

/** A setting that says nothing yet. */
export function newSetting(id: MachineId, name: string): HostSetting {
  return { id, name, state: 'enabled' };
}

/** The setting after a change. Throws BAD_REQUEST with all that is wrong with it. `rules` are those of the files. */
export function changed(before: HostSetting, change: SettingChange, rules: PlacementRules): HostSetting {
  const { translation, ...rest } = change;
  const kept = translation === undefined ? before.translation : undefined;
  const after: HostSetting = {
    ...before,
    uri: rest.uri ?? before.uri,
    state: rest.state ?? before.state,
    profile: next(before.profile, rest.profile),
    realm: next(before.realm, rest.realm),
    group: next(before.group, rest.group),
    translation: translation ? translationOf(translation) : kept,
  };
  const problems = [
    ...problemsOf(after, rules),
    ...(translation && !after.translation ? [translationProblem(translation)] : []),
  ];
  if (problems.length === 0) return after;
  throw new PxenError('BAD_REQUEST', `host ${before.name}: ${several(problems.length, 'problem')}`, {
    details: problems,
  });
}

function next(before: string | undefined, change: string | null | undefined): string | undefined {
  return change === undefined ? before : (change ?? undefined);
}

/** What stands against a setting now; the rules may have changed since it was made. */
export function problemsOf({ name, profile, realm, uri }: HostSetting, rules: PlacementRules): string[] {
  return [
    ...(uri === undefined ? [] : libvirtProblems(name, uri, profile)),
    ...(profile === undefined || rules.profiles.has(profile)
      ? []
      : [`${unknown('profile', profile, [...rules.profiles.keys()])}${ifMeasured(profile, uri)}`]),
    ...(realm === undefined ? [] : realmProblems(realm, uri, rules)),
  ];
}

function libvirtProblems(name: string, uri: string, profile: string | undefined): string[] {
  return [
    ...(isWord(name) ? [] : [`name: got ${quote(name)}, expected ${WORD_FORM}`]),
    // With -n it would be taken for a node.
    ...(parseMachineId(name) ? [`name: got ${quote(name)}, expected no machine id`] : []),
    ...(parseLibvirtUri(uri) ? [] : [`uri: got ${quote(uri)}, expected ${URI_FORM}`]),
    ...(profile === undefined ? ['profile: is missing: nobody reports what hardware the host has'] : []),
  ];
}

/** As lists call the profile of a node that nobody has described. */
function ifMeasured(profile: string, uri: string | undefined): string {
  const isMeant = profile === 'default' && uri === undefined;
  return isMeant ? '; the one made from what the node reports is -' : '';
}

function realmProblems(id: string, uri: string | undefined, { realms }: PlacementRules): string[] {
  const realm = realms.get(id);
  if (!realm) return [unknown('realm', id, [...realms.keys()])];
  const driver = uri === undefined ? 'pxen' : 'libvirt';
  if (realm.driver === driver) return [];
  return [`realm: got ${quote(id)}, whose driver is ${realm.driver}, expected one with the driver ${driver}`];
}

function unknown(what: string, id: string, known: readonly string[]): string {
  const list = known.length === 0 ? 'there is none' : `there are ${known.slice(0, 20).join(', ')}`;
  return `${what}: got ${quote(id)}, expected the id of a ${what} in the files of host0: ${list}${hint(id, known)}`;
}

function translationOf(of: {
  readonly address: string;
  readonly basePort: number;
}): AddressTranslation | undefined {
  const address = parseIpv4(of.address);
  const fits = of.basePort >= 1 && of.basePort <= LAST_BASE_PORT;
  return address && fits ? { address, basePort: of.basePort } : undefined;
}

function translationProblem({ address, basePort }: { address: string; basePort: number }): string {
  return `translation: got ${quote(`${address}:${basePort}`)}, expected an IPv4 address and a base port from 1 to ${LAST_BASE_PORT}`;
}
