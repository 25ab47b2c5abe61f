import type { Diagnostic } from '../../base/diagnostic.ts';
import type { Inputs, LoadedLayer } from '../../domain/overlay/layer.ts';
import { type SourceFiles, UNSETTLED } from '../../domain/overlay/source.ts';
import { groupNames, loadMachineFolder, type MachineFolder, machineNames, withOwnersOnce } from './load.ts';
import type { FolderReport } from './report.ts';

/** What overlays were made of when they were last built; without the contents, which may be large. */
export interface Inventory {
  /** As JSON. */
  readonly site: string;
  readonly base: Inputs;
  readonly groups: ReadonlyMap<string, Known>;
  readonly machines: ReadonlyMap<string, KnownMachine>;
}

export interface Known {
  readonly inputs: Inputs;
  readonly problems: readonly Diagnostic[];
}

export interface KnownMachine {
  /** As the folder itself says, without what is wrong beside other folders. */
  readonly own: MachineFolder;
  /** With that. */
  readonly folder: MachineFolder;
  /** What its manifest and packages were read from. */
  readonly inputs: Inputs;
  readonly report: FolderReport;
}

export const NOTHING_KNOWN: Inventory = { site: '', base: new Map(), groups: new Map(), machines: new Map() };

/** What is at a path may have changed. */
export type Suspicion = (path: string) => boolean;

/** /host0 as it is now, beside what is known of it. */
export interface Findings {
  readonly groups: readonly string[];
  /** Groups that are new or not what they were. */
  readonly staleGroups: ReadonlySet<string>;
  /** `own` and `folder` of each machine folder, in order. */
  readonly machines: readonly Pick<KnownMachine, 'own' | 'folder'>[];
  /** Folders whose overlay must be made again. */
  readonly stale: ReadonlySet<string>;
}

export interface Survey {
  readonly files: SourceFiles;
  readonly known: Inventory;
  /** Where to look; files elsewhere are taken to be what they were. */
  readonly suspicion: Suspicion;
  /** Base or site are other ones: everything is stale. */
  readonly all: boolean;
}

/** Goes through /host0 and tells what is to be done. Reads only what has changed. */
export async function survey({ files, known, suspicion, all }: Survey): Promise<Findings> {
  const groups = await groupNames(files);
  const sameGroups = groups.length === known.groups.size && groups.every(name => known.groups.has(name));
  const staleGroups = new Set(
    await filtered(groups, async name => {
      const group = known.groups.get(name);
      return all || !group || (await changed(files, group.inputs, suspicion));
    }),
  );
  const own = await inTurns(await machineNames(files), async name => {
    const before = known.machines.get(name);
    const good = before && sameGroups && !(await changed(files, before.own.inputs, suspicion));
    return good ? before.own : loadMachineFolder(files, name, groups);
  });
  const machines = withOwnersOnce(own).map((folder, index) => ({ own: own[index] ?? folder, folder }));
  const stale = await filtered(machines, async ({ own: now, folder }) => {
    const before = known.machines.get(folder.folder);
    if (all || !before || before.own !== now || !sameProblems(before.folder, folder)) return true;
    if (folder.groups.some(({ name }) => staleGroups.has(name))) return true;
    return changed(files, before.inputs, suspicion);
  });
  return { groups, staleGroups, machines, stale: new Set(stale.map(({ folder }) => folder.folder)) };
}

function sameProblems(a: MachineFolder, b: MachineFolder): boolean {
  return a.problems === b.problems || JSON.stringify(a.problems) === JSON.stringify(b.problems);
}

/** Is any of these files another one now? */
export async function changed(
  files: SourceFiles,
  inputs: Inputs,
  suspicion: Suspicion = () => true,
): Promise<boolean> {
  for (const [path, stamp] of inputs) {
    if (stamp === UNSETTLED) return true;
    if (suspicion(path) && (await files.stamp(path)) !== stamp) return true;
  }
  return false;
}

/** Some input was written so shortly before it was read that a further write might not show. */
export function isUnsettled({ groups, machines }: Inventory): boolean {
  const all = [...groups.values(), ...[...machines.values()].flatMap(machine => [machine, machine.own])];
  return all.some(({ inputs }) => [...inputs.values()].includes(UNSETTLED));
}

/** Every file that the overlays depend on. */
export function inputsOf({ groups, machines }: Inventory): Set<string> {
  const paths = new Set<string>();
  for (const { inputs } of groups.values()) for (const path of inputs.keys()) paths.add(path);
  for (const { inputs, own } of machines.values()) {
    for (const path of inputs.keys()) paths.add(path);
    for (const path of own.inputs.keys()) paths.add(path);
  }
  return paths;
}

export function knownOf({ inputs, problems }: LoadedLayer): Known {
  return { inputs, problems };
}

/** Done at one time: enough to keep the four threads of libuv busy, and little enough to hold in memory. */
const AT_ONCE = 8;

/** Works through a list, some at a time; results in the order of the list. */
export async function inTurns<T, R>(list: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(list.length);
  const waiting = list.entries();
  const worker = async (): Promise<void> => {
    for (const [index, one] of waiting) results[index] = await work(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

async function filtered<T>(list: readonly T[], keep: (one: T) => Promise<boolean>): Promise<T[]> {
  const kept = await inTurns(list, keep);
  return list.filter((_, index) => kept[index]);
}
