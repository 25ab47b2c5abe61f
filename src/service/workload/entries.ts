import { basename } from 'node:path';
import { nearest, quote } from '../../base/diagnostic.ts';
import { PxenError } from '../../base/error.ts';
import { isThere } from '../../domain/workload/host.ts';
import type { WorkloadFile, WorkloadRecord } from '../../domain/workload/record.ts';
import type { Sight, Situation } from '../../domain/workload/view.ts';
import { isAlive } from '../../domain/workload/view.ts';

/** A workload that host0 knows of: by its file, because it was started once, or because a node tells of it. */
export interface Entry {
  readonly name: string;
  /** Absent where the file names none. */
  readonly uuid: string | undefined;
  readonly file: WorkloadFile | undefined;
  readonly situation: Situation;
}

export interface EntrySources {
  readonly files: readonly WorkloadFile[];
  readonly records: Iterable<WorkloadRecord>;
  readonly sights: ReadonlyMap<string, readonly Sight[]>;
  readonly situation: (uuid: string) => Situation;
}

/** Of what was never started. */
export const NOWHERE: Situation = {
  record: undefined,
  host: undefined,
  sights: [],
  working: undefined,
  returning: undefined,
};

/** Sorted by name. */
export function entriesOf(sources: EntrySources): Entry[] {
  const owners = new Map<string, WorkloadFile>();
  for (const file of sources.files) {
    const uuid = uuidIn(file);
    if (uuid !== undefined && !owners.has(uuid)) owners.set(uuid, file);
  }
  const orphans = namesWithoutFile(sources, owners);
  const withFile = sources.files.map(file => {
    const name = nameIn(file);
    const uuid = uuidIn(file);
    // Of two files with one uuid, one is as good as the other: both are refused.
    const own = uuid === undefined ? adopt(name, orphans) : owners.get(uuid) === file ? uuid : undefined;
    return { name, uuid: uuid ?? own, file, situation: own === undefined ? NOWHERE : sources.situation(own) };
  });
  const withoutFile = [...orphans].map(([uuid, name]) => ({
    ...{ name, uuid, file: undefined },
    situation: sources.situation(uuid),
  }));
  return [...withFile, ...withoutFile].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** The uuid was edited away while the workload runs: its name still tells which one it is. */
function adopt(name: string, orphans: Map<string, string>): string | undefined {
  const found = [...orphans].find(([, each]) => each === name)?.[0];
  if (found !== undefined) orphans.delete(found);
  return found;
}

/** By uuid: what shall run or is somewhere, though its file is gone. First what host0 started, under the name it had then. */
function namesWithoutFile(
  { records, sights }: EntrySources,
  owners: ReadonlyMap<string, unknown>,
): Map<string, string> {
  const names = new Map<string, string>();
  for (const { uuid, name, desired } of records)
    if ((desired === 'running' || sights.has(uuid)) && !owners.has(uuid)) names.set(uuid, name);
  for (const [uuid, [sight]] of sights)
    if (sight && !owners.has(uuid) && !names.has(uuid)) names.set(uuid, sight.status.name);
  return names;
}

function nameIn({ file, texts, workload }: WorkloadFile): string {
  return workload?.name ?? (texts.get('name') || basename(file, '.conf'));
}

function uuidIn({ texts, workload }: WorkloadFile): string | undefined {
  return workload?.uuid ?? (texts.get('uuid') || undefined);
}

/** Of several with one name, `wantsFile` prefers one that can be started, else one that is there is meant. */
export function select(entries: readonly Entry[], names: readonly string[], wantsFile: boolean): Entry[] {
  const byName = Map.groupBy(entries, ({ name }) => name);
  const unknown = names.filter(name => !byName.has(name));
  if (unknown.length > 0) throw noSuch(unknown, [...byName.keys()]);
  return [...new Set(names)].flatMap(name => best(byName.get(name) ?? [], wantsFile) ?? []);
}

type Rank = (entry: Entry) => boolean;

const HAS_FILE: readonly Rank[] = [({ file }) => file !== undefined];
const IS_THERE: readonly Rank[] = [
  ({ situation }) => situation.sights.some(({ host, status }) => isThere(host) && isAlive(status)),
  ({ situation }) => situation.sights.length > 0,
  ({ situation }) => situation.record?.desired === 'running',
];

function best(entries: readonly Entry[], wantsFile: boolean): Entry | undefined {
  const ranks: readonly Rank[] = wantsFile
    ? HAS_FILE
    : [
        ...IS_THERE.map(
          (rank): Rank =>
            entry =>
              isKnown(entry) && rank(entry),
        ),
        ...IS_THERE,
      ];
  return ranks.map(rank => entries.find(rank)).find(entry => entry !== undefined) ?? entries[0];
}

/** Not only because a node says so: a node may give what it claims to have any name. */
export function isKnown({ file, situation }: Entry): boolean {
  return file !== undefined || situation.record !== undefined;
}

/** As many as an agent takes, and as long. */
const MOST_UUIDS = 65_536;
const MAX_UUID = 64;

/** Those of all workloads but one. */
export function otherUuids(entries: readonly Entry[], uuid: string): string[] {
  const others = entries
    .flatMap(entry => entry.uuid ?? [])
    .filter(each => each !== uuid && each.length <= MAX_UUID);
  return [...new Set(others)].slice(0, MOST_UUIDS);
}

/** More are not listed one by one. */
const MOST_UNKNOWN = 20;

function noSuch(unknown: readonly string[], known: readonly string[]): PxenError {
  const lines = unknown.slice(0, MOST_UNKNOWN).map(name => {
    const near = nearest(name, known);
    return near === undefined
      ? `${quote(name)}: see mesh workload list`
      : `${quote(name)}: did you mean ${near}?`;
  });
  const more = unknown.length - lines.length;
  const [first = ''] = unknown;
  const message =
    unknown.length === 1
      ? `no workload is called ${quote(first)}`
      : `${unknown.length} workloads do not exist`;
  return new PxenError('NOT_FOUND', message, {
    details: [...lines, ...(more > 0 ? [`and ${more} more`] : [])],
  });
}
