import { type Diagnostic, quote } from '../../base/diagnostic.ts';
import { Fields } from '../hocon/fields.ts';
import { joinedPath } from '../hocon/path.ts';
import { type HoconObject, type Origin, valueAt } from '../hocon/tree.ts';
import { NOT_NEGATIVE } from '../hocon/values.ts';
import type { CostFunction } from './cost.ts';
import { isWord, WORD_FORM } from './names.ts';
import { limitsNothing, parseCostFunction } from './parse-cost.ts';
import { parseProfile } from './parse-profile.ts';
import { parseRealm } from './parse-realm.ts';
import type { HardwareProfile } from './profile.ts';
import { type Realm, SHORT_TIMEOUT } from './realm.ts';

/** What the files under /host0 say of hardware and realms. */
export interface PlacementRules {
  readonly costFunctions: ReadonlyMap<string, CostFunction>;
  readonly profiles: ReadonlyMap<string, HardwareProfile>;
  readonly realms: ReadonlyMap<string, Realm>;
  /** Cost of each other VM of the same `placement.group` in the same failure group, and again on the same host. */
  readonly spreadCost: number;
}

/** Something that works, and that nobody wants. */
export interface Warning extends Origin {
  readonly key: string;
  readonly text: string;
}

/** `file:line: key: text`. */
export function formatWarning({ file, line, key, text }: Warning): string {
  return `${file}:${line}: ${key}: ${text}`;
}

/** As much as a resource at its hard cap costs by default: it outweighs load, not an offset of thousands. */
export const SPREAD_COST = 10;

/** Where no file says anything. */
export const NO_RULES: PlacementRules = {
  costFunctions: new Map(),
  profiles: new Map(),
  realms: new Map(),
  spreadCost: SPREAD_COST,
};

export interface RulesRead {
  readonly rules: PlacementRules;
  /** All of them; with one or more the rules must not be used. */
  readonly problems: readonly Diagnostic[];
  readonly warnings: readonly Warning[];
}

/** One file of the admin, read. */
export interface RuleFile {
  readonly root: HoconObject;
  /** The id of the realm whose parameters may stand at the top of the file (checklist TC-2); of other files absent. */
  readonly realm?: string | undefined;
}

/** Where the sections stand: our own root, and that of a ticrypt-vm.conf that is used as it is. */
const ROOTS = ['pxen', 'ticrypt'] as const;

/** The sections of rules, as files of the admin spell them. */
const FILE_KEYS = {
  costFunctions: 'cost-functions',
  profiles: 'hardware-profiles',
  realms: 'realms',
  spreadCost: 'spread-cost',
} as const;

/** All files of the admin together. */
export function readRules(files: readonly RuleFile[]): RulesRead {
  const problems: Diagnostic[] = [];
  const roots = files.flatMap(file => rootsOf(file, problems));
  const { rules, warnings } = rulesIn(roots, FILE_KEYS, problems);
  // A ticrypt-vm.conf holds much else, which is none of our business.
  for (const root of roots) if (root.path[0] === 'pxen') root.refuseOthers();
  return { rules, problems, warnings };
}

/** Reads the sections of rules wherever they stand: cost functions first, since a profile of one file may name that of another. */
export function rulesIn(
  roots: readonly Fields[],
  keys: Readonly<Record<keyof typeof FILE_KEYS, string>>,
  problems: Diagnostic[],
): Omit<RulesRead, 'problems'> {
  const warnings: Warning[] = [];
  const costFunctions = everyOne(roots, keys.costFunctions, problems, (id, fields) => {
    const rules = parseCostFunction(id, fields);
    if (limitsNothing(rules)) warnings.push(warning(fields, undefined, NO_LIMIT));
    return rules;
  });
  const profiles = everyOne(roots, keys.profiles, problems, (id, fields) =>
    parseProfile(id, fields, costFunctions),
  );
  const realms = everyOne(roots, keys.realms, problems, (id, fields) => {
    const realm = parseRealm(id, fields);
    if (realm && realm.registrationTimeout < SHORT_TIMEOUT)
      warnings.push(warning(fields, 'registration-timeout', TOO_SHORT));
    return realm;
  });
  const spreadCosts = roots.flatMap(root => root.optional(keys.spreadCost, NOT_NEGATIVE) ?? []);
  const spreadCost = spreadCosts.at(-1) ?? SPREAD_COST;
  return { rules: { costFunctions, profiles, realms, spreadCost }, warnings };
}

const NO_LIMIT =
  'none of vms, vcpus and memory has a curve: nothing limits the VMs without devices on hosts of this cost function';
const TOO_SHORT = `a VM that needs longer than this to boot and register is ended; most need up to ${SHORT_TIMEOUT / 1000} s`;

/** The sections of a file. */
function rootsOf({ root, realm }: RuleFile, problems: Diagnostic[]): readonly Fields[] {
  const found = ROOTS.flatMap(name => {
    const section = valueAt(root, [name, 'vm']);
    return section?.kind === 'object' ? new Fields(section, [name, 'vm'], problems) : [];
  });
  if (found.length > 0) return found;
  if (realm !== undefined) return [new Fields(asRealm(root, realm), [], problems)];
  problems.push({ ...root.origin, key: 'pxen.vm', expected: 'a section pxen.vm or ticrypt.vm' });
  return [];
}

/** A file of realm parameters as if it had been included under its id. */
function asRealm(root: HoconObject, id: string): HoconObject {
  const { origin } = root;
  const realms: HoconObject = { kind: 'object', fields: new Map([[id, root]]), origin };
  return { kind: 'object', fields: new Map([['realms', realms]]), origin };
}

/** Everything of one section in all files, by id. */
function everyOne<T>(
  roots: readonly Fields[],
  section: string,
  problems: Diagnostic[],
  parse: (id: string, fields: Fields) => T | undefined,
): ReadonlyMap<string, T> {
  const all = new Map<string, T>();
  const origins = new Map<string, Origin>();
  for (const [id, fields] of roots.flatMap(root => root.sections(section))) {
    const fault = idFault(id, origins.get(id));
    if (fault) problems.push({ ...fields.object.origin, key: joinedPath(fields.path), ...fault });
    const parsed = parse(id, fields);
    if (parsed !== undefined && !all.has(id)) all.set(id, parsed);
    if (!origins.has(id)) origins.set(id, fields.object.origin);
  }
  return all;
}

function idFault(id: string, other: Origin | undefined): { got: string; expected: string } | undefined {
  if (!isWord(id)) return { got: quote(id), expected: WORD_FORM };
  if (!other) return undefined;
  return {
    got: `a second ${quote(id)}`,
    expected: `each id once: there is one at ${other.file}:${other.line}`,
  };
}

function warning(fields: Fields, key: string | undefined, text: string): Warning {
  const path = key === undefined ? fields.path : [...fields.path, key];
  const { origin } = (key === undefined ? undefined : fields.object.fields.get(key)) ?? fields.object;
  return { ...origin, key: joinedPath(path), text };
}
