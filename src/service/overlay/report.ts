import { type Diagnostic, formatDiagnostic } from '../../base/diagnostic.ts';
import type { OverlayOwner } from '../../domain/manifest/lists.ts';
import type { OverlayRecord } from '../../domain/overlay/store.ts';
import type { MachineFolder } from './load.ts';

export interface CheckResult {
  /** Folders that would be built. */
  readonly folders: number;
  /** Every problem of every folder, groups that nobody uses included, each once. */
  readonly problems: readonly Diagnostic[];
}

export interface FolderReport {
  readonly folder: string;
  readonly owner: OverlayOwner | undefined;
  readonly outcome: 'built' | 'unchanged' | 'refused' | 'skipped';
  /** Why it was refused. */
  readonly problems: readonly Diagnostic[];
  /** An overlay of this folder, new or old, is served now. */
  readonly served: boolean;
  /** Compressed, bytes; 0 when none is served. */
  readonly size: number;
}

export interface BuildReport {
  /** All folders, those that nothing was to be done for included. */
  readonly folders: readonly FolderReport[];
  /** Of these, the ones that this build worked on. */
  readonly worked: readonly FolderReport[];
  /** Folders that are gone, and their overlays with them. */
  readonly removed: readonly string[];
  /** As in CheckResult; not empty when anything was refused. */
  readonly problems: readonly Diagnostic[];
}

/** What became of a folder, and the overlay that is served for it now. */
export interface Outcome {
  readonly report: FolderReport;
  readonly record: OverlayRecord | undefined;
}

export function outcomeOf(
  { folder, owner }: MachineFolder,
  outcome: FolderReport['outcome'],
  record: OverlayRecord | undefined,
  problems: readonly Diagnostic[] = [],
): Outcome {
  const size = record?.size ?? 0;
  return { report: { folder, owner, outcome, problems, served: record !== undefined, size }, record };
}

/** One broken line of a group is a problem of many machines, but one line to mend. */
export function eachOnce(problems: readonly Diagnostic[]): Diagnostic[] {
  return [...new Map(problems.map(problem => [formatDiagnostic(problem), problem])).values()];
}
