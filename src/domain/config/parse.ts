import {
  type Document,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  parse,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { type Diagnostic, nearest, quote } from '../../base/diagnostic.ts';
import { innerProblems } from './records.ts';
import { type Config, flagOf, SETTING_PATHS, SETTINGS, type SettingPath, variableOf } from './settings.ts';

/** A value that somebody set, and where: the later source wins, and messages name the place. */
interface Given {
  /** Possible readings of what stands there, the first that fits its setting counts. */
  readonly readings: readonly [unknown, ...unknown[]];
  readonly file: string;
  readonly line?: number;
  /** The key as written there: `dhcp.pool`, `PXEN_DHCP_POOL` or `--dhcp-pool`. */
  readonly key: string;
}

type GivenSettings = Map<SettingPath, Given>;

export interface ConfigSources {
  /** The YAML file, or undefined when there is none. */
  readonly file?: { readonly path: string; readonly text: string } | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Values of command line flags, by setting. */
  readonly flags: Readonly<Partial<Record<SettingPath, string>>>;
}

/**
 * The configuration from file, then environment, then flags, each overriding the one before.
 * Either a whole configuration or every problem of all three sources.
 */
export function parseConfig(sources: ConfigSources): { config: Config } | { problems: Diagnostic[] } {
  const problems: Diagnostic[] = [];
  const given: GivenSettings = new Map();
  if (sources.file) readFile(sources.file, given, problems);
  readEnvironment(sources.environment, given, problems);
  readFlags(sources.flags, given);
  const config = Object.fromEntries(
    SETTING_PATHS.map(path => [path, settle(path, given.get(path), problems)]),
  );
  return problems.length > 0 ? { problems } : { config: config as unknown as Config };
}

/** Warnings are for us to report, not for the library to print. */
const YAML_OPTIONS = { prettyErrors: false, logLevel: 'error' } as const;

/** A YAML file on its way into settings. */
interface FileSource {
  readonly file: string;
  readonly lines: LineCounter;
  readonly document: Document;
}

function readFile(file: { path: string; text: string }, given: GivenSettings, problems: Diagnostic[]): void {
  const lines = new LineCounter();
  const document = parseDocument(file.text, { ...YAML_OPTIONS, lineCounter: lines });
  const faults = [...document.errors, ...document.warnings];
  for (const fault of faults) {
    const line = lines.linePos(fault.pos[0]).line;
    problems.push({ file: file.path, line, key: 'YAML', got: quote(fault.message), expected: 'valid YAML' });
  }
  if (faults.length > 0 || isEmpty(document.contents)) return;
  if (!isMap(document.contents)) {
    problems.push({
      file: file.path,
      line: 1,
      key: 'file',
      got: 'no mapping',
      expected: 'lines such as "dhcp:"',
    });
    return;
  }
  readMap(document.contents, '', { file: file.path, lines, document }, given, problems);
}

/** Nothing, or only comments. */
function isEmpty(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}

function readMap(
  map: YAMLMap,
  prefix: string,
  source: FileSource,
  given: GivenSettings,
  problems: Diagnostic[],
): void {
  for (const pair of map.items) {
    const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    const key = prefix === '' ? name : `${prefix}.${name}`;
    const line = source.lines.linePos((pair.key as Node).range?.[0] ?? 0).line;
    const place = { file: source.file, line, key };
    if (isSetting(key) && given.has(key)) {
      problems.push({
        ...place,
        got: 'a second value',
        expected: `one, it is on line ${given.get(key)?.line}`,
      });
    } else if (isSetting(key)) {
      given.set(key, { ...place, readings: [plainValue(pair.value as Node | null, source.document)] });
    } else if (isSection(key) && isMap(pair.value)) {
      readMap(pair.value as YAMLMap, key, source, given, problems);
    } else if (isSection(key) && isEmpty(pair.value)) {
      // All settings below it are commented out.
    } else if (isSection(key)) {
      problems.push({ ...place, got: 'no settings', expected: `settings below it such as ${childOf(key)}` });
    } else {
      problems.push(unknownKey(place, key, [...SETTING_PATHS, ...SECTIONS]));
    }
  }
}

/** The value as JavaScript has it; where its aliases multiply or lead back to itself, something that fits no setting. */
function plainValue(node: Node | null, document: Document): unknown {
  try {
    const value: unknown = node?.toJS(document);
    JSON.stringify(value);
    return value;
  } catch {
    return Symbol('an alias that cannot be followed');
  }
}

const SECTIONS: ReadonlySet<string> = new Set(
  SETTING_PATHS.filter(path => path.includes('.')).map(path => path.split('.')[0] ?? ''),
);

function isSetting(key: string): key is SettingPath {
  return Object.hasOwn(SETTINGS, key);
}

function isSection(key: string): boolean {
  return SECTIONS.has(key);
}

function childOf(section: string): string {
  return SETTING_PATHS.find(path => path.startsWith(`${section}.`)) ?? section;
}

/** A variable that is near no setting belongs to somebody else: PXEN_ROOT and the like. */
function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  given: GivenSettings,
  problems: Diagnostic[],
): void {
  const paths = new Map(SETTING_PATHS.map(path => [variableOf(path), path]));
  const variables = [...paths.keys()];
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !isOurs(name, variables)) continue;
    const path = paths.get(name);
    const place = { file: 'environment', key: name };
    if (path) given.set(path, { ...place, readings: readingsOf(text) });
    else problems.push(unknownKey(place, name, variables));
  }
}

function isOurs(name: string, variables: readonly string[]): boolean {
  if (!name.startsWith('PXEN_')) return false;
  const section = name.split('_')[1]?.toLowerCase() ?? '';
  return isSection(section) || isSetting(section) || nearest(name, variables) !== undefined;
}

function readFlags(flags: ConfigSources['flags'], given: GivenSettings): void {
  for (const path of SETTING_PATHS) {
    const text = flags[path];
    if (text === undefined) continue;
    given.set(path, { file: 'command line', key: flagOf(path), readings: readingsOf(text) });
  }
}

/** Text from the environment or a flag: as it is, else as YAML has it: `80` is a number, `[a, b]` a list. */
function readingsOf(text: string): Given['readings'] {
  try {
    return [text, parse(text, YAML_OPTIONS)];
  } catch {
    return [text];
  }
}

function settle(path: SettingPath, given: Given | undefined, problems: Diagnostic[]): unknown {
  const { schema, fallback, expected } = SETTINGS[path];
  if (given === undefined || isUnset(given.readings[0])) return fallback;
  for (const reading of given.readings) {
    const result = schema.safeParse(reading);
    if (result.success) return result.data;
  }
  const { readings, ...place } = given;
  const inner = schema.safeParse(readings.at(-1)).error;
  const found = inner ? innerProblems(inner) : [];
  for (const { where, ...problem } of found)
    problems.push({ ...place, ...problem, key: `${place.key}${where}` });
  if (found.length === 0) problems.push({ ...place, got: describe(readings[0]), expected });
  return fallback;
}

/** `port:` with nothing behind it is a setting that nobody has set. */
function isUnset(value: unknown): boolean {
  return value === undefined || value === null;
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'symbol':
      return value.description ?? '';
    case 'object':
      return `${cut(JSON.stringify(value))} (${Array.isArray(value) ? 'list' : 'mapping'})`;
    default:
      return `${String(value)} (${typeof value})`;
  }
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function unknownKey(
  place: { file: string; line?: number; key: string },
  word: string,
  known: readonly string[],
): Diagnostic {
  const near = nearest(word, known);
  const expected =
    near === undefined ? 'a known key (pxend --help lists them)' : `a known key; did you mean ${near}?`;
  const key = /^[\x21-\x7e]{1,80}$/.test(place.key) ? place.key : quote(place.key);
  return { ...place, key, got: 'an unknown key', expected };
}
