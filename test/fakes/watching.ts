import type { FolderWatching, WatchedFolder } from '../../src/domain/overlay/watching.ts';

/** Folders that are listened in; `change` says what happened where. */
export class FakeFolders implements FolderWatching {
  readonly listening = new Map<string, Set<(name: string | undefined) => void>>();
  /** Where links lead. */
  readonly links = new Map<string, string>();
  /** How many watches there may be. */
  limit = Infinity;
  /** Folders that do not exist. */
  readonly missing = new Set<string>();
  opened = 0;

  watch(folder: string, onChange: (name: string | undefined) => void): WatchedFolder {
    if (this.missing.has(folder)) throw Object.assign(new Error('no such folder'), { code: 'ENOENT' });
    if (this.listening.size >= this.limit)
      throw Object.assign(new Error('no watch left'), { code: 'ENOSPC' });
    this.opened++;
    const listeners = this.listening.get(folder) ?? new Set();
    this.listening.set(folder, listeners.add(onChange));
    return {
      close: () => {
        listeners.delete(onChange);
        if (listeners.size === 0) this.listening.delete(folder);
      },
    };
  }

  async actual(path: string): Promise<string | undefined> {
    return this.links.get(path) ?? path;
  }

  /** Something happened to this path; whoever listens in its folder hears of it. */
  change(path: string): void {
    const cut = path.lastIndexOf('/');
    for (const tell of [...(this.listening.get(path.slice(0, cut) || '/') ?? [])]) tell(path.slice(cut + 1));
  }
}
