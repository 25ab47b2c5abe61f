import { ancestorsOf } from './entry.ts';

/** Hears of changes in folders (inotify). */
export interface FolderWatching {
  /**
   * Calls back with the name of what was made, written, renamed or removed in the folder, or with undefined when it cannot
   * tell. Throws a system error: ENOENT, or ENOSPC and EMFILE when the system's watches are used up.
   */
  watch(folder: string, onChange: (name: string | undefined) => void): WatchedFolder;
  /** Where the links of a path lead, as a path of the same tree; undefined when nothing is there or outside of the tree. */
  actual(path: string): Promise<string | undefined>;
}

export interface WatchedFolder {
  close(): void;
}

/** In which folders to listen, and for which names; `all` where new names matter too. */
export type WatchPlan = ReadonlyMap<string, ReadonlySet<string> | 'all'>;

/** Folders whose sub-folders are machines and groups. */
export const OPEN_FOLDERS = ['/host0/machines', '/host0/groups'] as const;

/**
 * What to listen for so that any change of these files shows: each folder above a file too, for it may be renamed,
 * removed or replaced by a link.
 */
export function watchPlan(files: Iterable<string>): WatchPlan {
  const plan = new Map<string, Set<string> | 'all'>();
  const listen = (path: string): void => {
    const cut = path.lastIndexOf('/');
    const folder = cut === 0 ? '/' : path.slice(0, cut);
    const names = plan.get(folder);
    if (names === 'all') return;
    const known = names?.has(path.slice(cut + 1)) ?? false;
    if (known) return;
    plan.set(folder, (names ?? new Set<string>()).add(path.slice(cut + 1)));
    if (cut > 0) listen(folder);
  };
  for (const folder of OPEN_FOLDERS) {
    listen(folder);
    plan.set(folder, 'all');
  }
  for (const path of files) listen(path);
  return plan;
}

/** Is one of these paths the file itself or a folder above it? */
export function isTouched(path: string, changed: ReadonlySet<string>): boolean {
  return changed.has(path) || ancestorsOf(path).some(folder => changed.has(folder));
}
