import { type Diagnostic, nearest, quote } from '../../base/diagnostic.ts';
import { type MachineId, parseMachineId } from '../machine/genid.ts';
import type { OverlayOwner } from './lists.ts';

/** A machine that shall have a folder of its own. */
export interface Adoption {
  readonly id: MachineId;
  readonly name: string;
  /** In the order in which they count. */
  readonly groups: readonly string[];
}

/** What stands in /host0 already. */
export interface Neighbours {
  readonly machines: readonly { readonly folder: string; readonly owner: OverlayOwner | undefined }[];
  readonly groups: readonly string[];
}

/** Folder names are free, but this one becomes the machine's host name, and stands on command lines. */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$/i;
/** Words that mean something else where a machine is named. */
const TAKEN_WORDS = ['default', 'all'];

/** Why the folder must not be made; empty when all is well. */
export function adoptionProblems({ id, name, groups }: Adoption, there: Neighbours): Diagnostic[] {
  const file = `/host0/machines/${name}`;
  const problems: Diagnostic[] = [];
  const isName =
    NAME.test(name) && !TAKEN_WORDS.includes(name.toLowerCase()) && !parseMachineId(name.toLowerCase());
  if (!isName)
    problems.push({
      file: 'mesh node adopt',
      key: '--name',
      got: quote(name),
      expected: 'letters, digits, dots and hyphens, such as rack1-07; no machine id, not default or all',
    });
  if (there.machines.some(({ folder }) => folder === name))
    problems.push({ file, key: '--name', got: quote(name), expected: 'a name that no folder has' });
  const twin = there.machines.find(({ owner }) => owner === id);
  if (twin)
    problems.push({
      file: `/host0/machines/${twin.folder}/UUID`,
      key: 'UUID',
      got: quote(id),
      expected: 'a machine that has no folder yet',
    });
  return [...problems, ...groupProblems(groups, there.groups)];
}

function groupProblems(groups: readonly string[], known: readonly string[]): Diagnostic[] {
  const file = 'mesh node adopt';
  return groups.flatMap((group, index) => {
    if (groups.indexOf(group) < index)
      return [{ file, key: '--groups', got: quote(group), expected: 'each group once' }];
    if (known.includes(group)) return [];
    const near = nearest(group, known);
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    return [{ file, key: '--groups', got: quote(group), expected: `a folder of /host0/groups${hint}` }];
  });
}

/** The files of the folder, by name. */
export function adoptionFiles({ id, name, groups }: Adoption): Record<string, string> {
  const manifest = `# What ${name} gets on top of its groups; one action a line: O, A, L, D or R.\n`;
  return {
    UUID: `${id}\n`,
    manifest,
    ...(groups.length > 0 ? { groups: groups.map(group => `${group}\n`).join('') } : {}),
  };
}
