import type { Diagnostic } from '../../base/diagnostic.ts';
import { Fields } from '../hocon/fields.ts';
import type { HoconObject } from '../hocon/tree.ts';
import { BYTES, COUNT, POSITIVE_COUNT, TEXT } from '../hocon/values.ts';
import type { Usage } from './cost.ts';
import type { AddressTranslation } from './host.ts';
import { knownIds } from './parse-profile.ts';
import { rulesIn, type Warning } from './rules.ts';
import type { HostView, NodeView, PlacementRequest, Snapshot } from './snapshot.ts';
import { BASE_PORT, COSCHEDULE, HOST_STATE, IPV4, LIBVIRT_URI, WORD } from './value-types.ts';

export interface SnapshotRead {
  readonly snapshot: Snapshot;
  /** What is to be placed: `request` alone, or all of `requests`. */
  readonly requests: readonly PlacementRequest[];
  /** Whether it is `requests`: they are planned together. */
  readonly batch: boolean;
  readonly problems: readonly Diagnostic[];
  readonly warnings: readonly Warning[];
}

const KEYS = {
  costFunctions: 'costFunctions',
  profiles: 'profiles',
  realms: 'realms',
  spreadCost: 'spreadCost',
} as const;

/** The JSON of `mesh place --snapshot`: rules as in the files of the admin, hosts with their usage, one request or several. */
export function readSnapshot(root: HoconObject): SnapshotRead {
  const problems: Diagnostic[] = [];
  const fields = new Fields(root, [], problems);
  const { rules, warnings } = rulesIn([fields], KEYS, problems);
  const hosts = parseHosts(fields);
  const batch = fields.value('requests') !== undefined;
  const requests = parseRequests(fields, batch);
  fields.refuseOthers();
  return { snapshot: { rules, hosts }, requests, batch, problems, warnings };
}

function parseHosts(fields: Fields): readonly HostView[] {
  const known = { profiles: idsUnder(fields, KEYS.profiles), realms: idsUnder(fields, KEYS.realms) };
  if (!fields.value('hosts')) fields.missing('hosts', 'a list of hosts');
  const lines = new Map<string, number>();
  return fields.items('hosts').flatMap(item => {
    const host = parseHost(item, known);
    const line = host && lines.get(host.name);
    if (line !== undefined) item.wrong('name', `each host once: it is on line ${line} too`);
    if (host) lines.set(host.name, item.object.origin.line);
    return host ?? [];
  });
}

/** Ids that a host may name; also those of sections with problems, which are told elsewhere. */
interface KnownIds {
  readonly profiles: readonly string[];
  readonly realms: readonly string[];
}

function idsUnder(fields: Fields, key: string): readonly string[] {
  const section = fields.value(key);
  return section?.kind === 'object' ? [...section.fields.keys()] : [];
}

function parseHost(fields: Fields, known: KnownIds): HostView | undefined {
  const name = fields.required('name', WORD);
  const profile = fields.required('profile', TEXT);
  const state = fields.required('state', HOST_STATE);
  const host = {
    uri: fields.optional('uri', LIBVIRT_URI),
    realm: fields.optional('realm', TEXT),
    failureGroup: fields.optional('failureGroup', TEXT),
    translation: parseTranslation(fields),
    usage: parseUsage(fields.section('usage')),
    coschedule: fields.list('runningCoschedule', COSCHEDULE),
    groups: fields.map('groups', COUNT),
    node: parseNode(fields.section('node')),
  };
  fields.refuseOthers();
  if (profile !== undefined && !known.profiles.includes(profile))
    fields.wrong('profile', knownIds('a profile', known.profiles, profile));
  if (host.realm !== undefined && !known.realms.includes(host.realm))
    fields.wrong('realm', knownIds('a realm', known.realms, host.realm));
  if (name === undefined || profile === undefined || state === undefined) return undefined;
  return { name, profile, state, ...host };
}

function parseTranslation(host: Fields): AddressTranslation | undefined {
  const fields = host.section('translation');
  if (!fields) return undefined;
  const address = fields.required('address', IPV4);
  const basePort = fields.required('basePort', BASE_PORT);
  fields.refuseOthers();
  return address === undefined || basePort === undefined ? undefined : { address, basePort };
}

function parseUsage(fields: Fields | undefined): Usage {
  const usage = {
    vms: fields?.optional('vms', COUNT) ?? 0,
    vcpus: fields?.optional('vcpus', COUNT) ?? 0,
    memory: fields?.optional('memory', BYTES) ?? 0,
    devices: fields?.map('devices', COUNT) ?? new Map(),
  };
  fields?.refuseOthers();
  return usage;
}

function parseNode(fields: Fields | undefined): NodeView | undefined {
  if (!fields) return undefined;
  const words = (key: string): readonly string[] | undefined =>
    fields.value(key) ? fields.list(key, TEXT) : undefined;
  const node = {
    threads: fields.optional('threads', COUNT),
    memAvailable: fields.optional('memAvailable', BYTES),
    arch: fields.optional('arch', TEXT),
    engines: words('engines'),
    bridges: words('bridges'),
  };
  fields.refuseOthers();
  return node;
}

function parseRequests(fields: Fields, batch: boolean): readonly PlacementRequest[] {
  if (!batch && !fields.value('request')) fields.missing('request', 'what is to be placed');
  const sections = batch ? fields.items('requests') : [fields.section('request')];
  return sections.flatMap((section, index) => (section && parseRequest(section, `vm${index + 1}`)) ?? []);
}

function parseRequest(fields: Fields, unnamed: string): PlacementRequest | undefined {
  const vcpus = fields.required('vcpus', POSITIVE_COUNT);
  const memory = fields.required('memory', BYTES);
  const rest = {
    name: fields.optional('name', TEXT) ?? unnamed,
    devices: fields.map('devices', COUNT),
    coschedule: fields.optional('coschedule', COSCHEDULE) ?? -1,
    node: fields.optional('node', TEXT),
    realm: fields.optional('realm', TEXT),
    group: fields.optional('group', TEXT),
    engine: fields.optional('engine', TEXT),
    arch: fields.optional('arch', TEXT),
    bridges: fields.list('bridges', TEXT),
  };
  fields.refuseOthers();
  return vcpus === undefined || memory === undefined ? undefined : { vcpus, memory, ...rest };
}
