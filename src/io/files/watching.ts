import { watch } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { FolderWatching, WatchedFolder } from '../../domain/overlay/watching.ts';

/** inotify, by fs.watch, on folders below one folder that is addressed as `/`. */
export class InotifyFolders implements FolderWatching {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  watch(folder: string, onChange: (name: string | undefined) => void): WatchedFolder {
    const watcher = watch(join(this.#root, folder), { persistent: false }, (_event, name) =>
      onChange(name ?? undefined),
    );
    // Such as a file system that goes away: whatever was there is to be looked at anew.
    watcher.on('error', () => onChange(undefined));
    return watcher;
  }

  async actual(path: string): Promise<string | undefined> {
    try {
      const root = this.#root === sep ? '' : await realpath(this.#root);
      const found = await realpath(join(this.#root, path));
      return found.startsWith(`${root}${sep}`) ? found.slice(root.length) : undefined;
    } catch {
      // Missing, or a loop of links: the folders of the path as it is written tell when that changes.
      return undefined;
    }
  }
}
