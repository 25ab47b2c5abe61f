import { type Diagnostic, nearest, quote } from '../../base/diagnostic.ts';
import { type MachineId, parseMachineId } from '../machine/genid.ts';
import type { Origin } from './action.ts';

/** A word of a list file, with its place. */
export interface Listed {
  readonly name: string;
  readonly origin: Origin;
}

export interface ParsedList {
  readonly listed: readonly Listed[];
  readonly problems: readonly Diagnostic[];
}

/** One name a line, `#` comments, blank lines: the form of `groups`, `packages` and `UUID`. */
function parseList(text: string, file: string): Listed[] {
  return text
    .split(/\r?\n/)
    .map((line, index) => ({ name: line.replace(/(^|\s)#.*/, '').trim(), origin: { file, line: index + 1 } }))
    .filter(listed => listed.name !== '');
}

/** The `groups` file of a machine; the order counts. `known` are the folders of /host0/groups. */
export function parseGroups(text: string, file: string, known: readonly string[]): ParsedList {
  const listed = parseList(text, file);
  const first = new Map<string, Origin>();
  const problems: Diagnostic[] = [];
  for (const { name, origin } of listed) {
    const before = first.get(name);
    if (before)
      problems.push({
        ...origin,
        key: 'group',
        got: quote(name),
        expected: `each group once (it is on line ${before.line})`,
      });
    else first.set(name, origin);
    if (!known.includes(name)) problems.push(unknownGroup(name, origin, known));
  }
  return { listed, problems };
}

function unknownGroup(name: string, origin: Origin, known: readonly string[]): Diagnostic {
  const near = nearest(name, known);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return { ...origin, key: 'group', got: quote(name), expected: `a folder of /host0/groups${hint}` };
}

/** What apk takes as a line of /etc/apk/world: a name, then perhaps a version constraint and a repository tag (apk-world(5)). */
const PACKAGE = /^!?[a-z0-9_][a-z0-9+._:-]*([<>=~]{1,2}[a-z0-9._-]+)?(@[a-z0-9._-]+)?$/i;

/** A `packages` file. */
export function parsePackages(text: string, file: string): ParsedList {
  const listed = parseList(text, file);
  const problems = listed
    .filter(({ name }) => !PACKAGE.test(name))
    .map(({ name, origin }) => ({
      ...origin,
      key: 'package',
      got: quote(name),
      expected: 'one apk package a line, such as openssh or nodejs>=22',
    }));
  return { listed, problems };
}

/** Whose overlay a folder makes: one machine's, or that of every machine without a folder. */
export type OverlayOwner = MachineId | 'default';

/** The `UUID` file: eight hex digits or `default`. Upper case is taken too, because admins copy ids from labels and inventories. */
export function parseOwner(
  text: string,
  file: string,
): { owner?: OverlayOwner; problems: readonly Diagnostic[] } {
  const listed = parseList(text, file);
  const word = listed.length === 1 ? (listed[0]?.name.toLowerCase() ?? '') : '';
  const owner = word === 'default' ? word : parseMachineId(word);
  if (owner !== undefined) return { owner, problems: [] };
  const got = quote(listed.map(({ name }) => name).join(' '));
  const expected = 'the 8 hex digits of a machine id (genid machine 8), or default';
  return { problems: [{ file, key: 'UUID', got, expected }] };
}
