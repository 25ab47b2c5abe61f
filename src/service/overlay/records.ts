import { nearest, quote } from '../../base/diagnostic.ts';
import { PxenError } from '../../base/error.ts';
import type { OverlayOwner } from '../../domain/manifest/lists.ts';
import type { EarlierOverlay, OverlayRecord } from '../../domain/overlay/store.ts';
import type { MachineFolder } from './load.ts';
import type { Outcome } from './report.ts';

export interface OverlayHead {
  /** Undefined for the built-in default overlay. */
  readonly folder: string | undefined;
  readonly owner: OverlayOwner;
  /** SHA-256 of the packed content, hex: the ETag. */
  readonly planHash: string;
  /** What the agent of a node reports that runs it. */
  readonly content: string;
  /** Compressed, bytes; all members together. */
  readonly size: number;
}

/** The overlay a folder had before. A folder that was renamed takes over what its machine had under the old name. */
export function lastOverlays(
  before: readonly OverlayRecord[],
  removed: readonly string[],
): (folder: MachineFolder) => OverlayRecord | undefined {
  const byFolder = new Map(before.map(record => [record.folder, record]));
  const gone = before.filter(record => removed.includes(record.folder ?? ''));
  return ({ folder, owner }) => {
    const old = gone.find(record => record.owner === owner);
    return byFolder.get(folder) ?? (old && { ...old, folder });
  };
}

/** A machine has one overlay. When two folders claim it, the one built now wins over one that was only kept. */
export function servedRecords(outcomes: readonly Outcome[]): OverlayRecord[] {
  const byOwner = new Map<OverlayOwner, OverlayRecord>();
  const kept = outcomes.filter(({ report }) => report.outcome === 'refused' || report.outcome === 'skipped');
  const fresh = outcomes.filter(outcome => !kept.includes(outcome));
  for (const { record } of [...kept, ...fresh]) if (record) byOwner.set(record.owner, record);
  return outcomes.flatMap(({ record }) => (record && byOwner.get(record.owner) === record ? [record] : []));
}

/** Folders that have an overlay and are no more. */
export function foldersGone(before: readonly OverlayRecord[], machines: readonly MachineFolder[]): string[] {
  const present = new Set(machines.map(machine => machine.folder));
  return before.flatMap(({ folder }) => (folder !== undefined && !present.has(folder) ? [folder] : []));
}

/** Kept whatever nodes run: a node may have fetched one and not have reported yet. */
const KEPT_ANYWAY = 2;
/** Kept of one owner at most; an overlay may be rebuilt many times between two boots. */
const KEPT_AT_MOST = 16;

/** The overlays of this owner that nodes may still run, latest first. Another owner's are none of its history. */
export function earlierOverlays({
  owner,
  content,
  last,
  running,
}: Pick<OverlayRecord, 'owner' | 'content'> & {
  readonly last: OverlayRecord | undefined;
  readonly running: ReadonlySet<string> | undefined;
}): EarlierOverlay[] {
  if (last?.owner !== owner) return [];
  const all = [{ content: last.content, listing: last.listing }, ...last.earlier];
  const others = all.filter(
    (one, index) => one.content !== content && all.findIndex(same => same.content === one.content) === index,
  );
  const wanted = others.filter((one, index) => index < KEPT_ANYWAY || (running?.has(one.content) ?? true));
  return wanted.slice(0, KEPT_AT_MOST);
}

/** For people: by folder name, then by machine id. */
export function recordOf(idOrName: string, records: readonly OverlayRecord[]): OverlayRecord | undefined {
  return records.find(({ folder }) => folder === idOrName) ?? recordOfOwner(idOrName.toLowerCase(), records);
}

/** The folder for `default` goes before the built-in overlay. */
export function recordOfOwner(id: string, records: readonly OverlayRecord[]): OverlayRecord | undefined {
  const owned = records.filter(({ owner }) => owner === id);
  return owned.find(({ folder }) => folder !== undefined) ?? owned[0];
}

export function headOf({ folder, owner, planHash, content, size }: OverlayRecord): OverlayHead {
  return { folder, owner, planHash, content, size };
}

export function unknownOverlay(idOrName: string, records: readonly OverlayRecord[]): never {
  const names = records.flatMap(({ folder, owner }) => (folder === undefined ? [] : [folder, owner]));
  const near = nearest(idOrName, names);
  const hint =
    near === undefined ? 'run mesh system configure after adding its folder' : `did you mean ${near}?`;
  throw new PxenError('NOT_FOUND', `no overlay for ${quote(idOrName)}; ${hint}`);
}
