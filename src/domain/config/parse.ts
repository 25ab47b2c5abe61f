import { isMap, isScalar, LineCounter, type Node, parse, parseDocument, type YAMLMap } from 'yaml';
import { type Diagnostic, nearest, quote } from '../../base/diagnostic.ts';
import { type Config, flagOf, SETTING_PATHS, SETTINGS, type SettingPath, variableOf } from './settings.ts';

/** A value that somebody set, and where: the later source wins, and messages name the place. */
interface Given {
  readonly value: unknown;
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

function readFile(file: { path: string; text: string }, given: GivenSettings, problems: Diagnostic[]): void {
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines, prettyErrors: false });
  for (const error of document.errors) {
    const line = lines.linePos(error.pos[0]).line;
    problems.push({ file: file.path, line, key: 'YAML', got: quote(error.message), expected: 'valid YAML' });
  }
  if (document.errors.length > 0 || document.contents === null) return;
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
  readMap(document.contents, '', { file: file.path, lines }, given, problems);
}

function readMap(
  map: YAMLMap,
  prefix: string,
  source: { file: string; lines: LineCounter },
  given: GivenSettings,
  problems: Diagnostic[],
): void {
  for (const pair of map.items) {
    const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    const key = prefix === '' ? name : `${prefix}.${name}`;
    const line = source.lines.linePos((pair.key as Node).range?.[0] ?? 0).line;
    const place = { file: source.file, line, key };
    if (isSetting(key)) {
      const node = pair.value as Node | null;
      given.set(key, { ...place, value: node === null ? undefined : node.toJS(map as never) });
    } else if (isSection(key) && isMap(pair.value)) {
      readMap(pair.value as YAMLMap, key, source, given, problems);
    } else if (isSection(key)) {
      problems.push({ ...place, got: 'no settings', expected: `settings below it such as ${childOf(key)}` });
    } else {
      problems.push(unknownKey(place, key, [...SETTING_PATHS, ...SECTIONS]));
    }
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

/** Only variables of a known section are judged: PXEN_ROOT and the like belong to somebody else. */
function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  given: GivenSettings,
  problems: Diagnostic[],
): void {
  const paths = new Map(SETTING_PATHS.map(path => [variableOf(path), path]));
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !isOurs(name)) continue;
    const path = paths.get(name);
    const place = { file: 'environment', key: name };
    if (path) given.set(path, { ...place, value: scalar(text) });
    else problems.push(unknownKey(place, name, [...paths.keys()]));
  }
}

function isOurs(name: string): boolean {
  const section = /^PXEN_([A-Z]+)/.exec(name)?.[1]?.toLowerCase();
  return section !== undefined && (isSection(section) || isSetting(section));
}

function readFlags(flags: ConfigSources['flags'], given: GivenSettings): void {
  for (const path of SETTING_PATHS) {
    const text = flags[path];
    if (text !== undefined) given.set(path, { file: 'command line', key: flagOf(path), value: scalar(text) });
  }
}

/** Text from the environment or a flag as YAML would read it: numbers are numbers, `[a, b]` is a list. */
function scalar(text: string): unknown {
  try {
    return parse(text) ?? '';
  } catch {
    return text;
  }
}

function settle(path: SettingPath, given: Given | undefined, problems: Diagnostic[]): unknown {
  const { schema, fallback, expected } = SETTINGS[path];
  if (given === undefined || given.value === undefined || given.value === null) return fallback;
  const result = schema.safeParse(given.value);
  if (result.success) return result.data;
  const { value, ...place } = given;
  problems.push({ ...place, got: describe(value), expected });
  return fallback;
}

function describe(value: unknown): string {
  return typeof value === 'string'
    ? quote(value)
    : `${JSON.stringify(value)} (${Array.isArray(value) ? 'list' : typeof value})`;
}

function unknownKey(
  place: { file: string; line?: number; key: string },
  word: string,
  known: readonly string[],
): Diagnostic {
  const near = nearest(word, known);
  const expected =
    near === undefined ? 'a known key (pxend --help lists them)' : `a known key; did you mean ${near}?`;
  return { ...place, got: 'an unknown key', expected };
}
