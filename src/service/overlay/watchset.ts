import { messageOf, systemCode } from '../../base/error.ts';
import {
  type FolderWatching,
  isTouched,
  type WatchedFolder,
  type WatchPlan,
  watchPlan,
} from '../../domain/overlay/watching.ts';
import { inTurns, type Suspicion } from './inventory.ts';

interface Watched {
  readonly handle: WatchedFolder;
  names: ReadonlySet<string> | 'all';
}

/** Listens in the folders that a set of files lies in, and keeps what it has heard until it is taken. */
export class WatchSet {
  readonly #folders: FolderWatching;
  readonly #onChange: () => void;
  readonly #watched = new Map<string, Watched>();
  /** Where the links of each file lead; undefined where that is not elsewhere. */
  readonly #actual = new Map<string, string | undefined>();
  #heard = new Set<string>();
  /** Folders that are listened in since the last call of take: what happened there before was not heard. */
  #fresh = new Set<string>();
  #limit: string | undefined;

  constructor(folders: FolderWatching, onChange: () => void) {
    this.#folders = folders;
    this.#onChange = onChange;
  }

  /** Why not all folders can be listened in; undefined when all is well. */
  get limit(): string | undefined {
    return this.#limit;
  }

  /** Where something was heard since the last call. */
  take(): Suspicion {
    const heard = this.#heard;
    this.#heard = new Set();
    // A folder that was renamed or made anew is another one, and so may be all that is below it.
    for (const folder of this.#watched.keys()) if (isTouched(folder, heard)) this.#close(folder);
    const moved = [...this.#actual.keys()].filter(path => this.#isTouched(path, heard));
    for (const path of moved) this.#actual.delete(path);
    const touched = new Set([...heard, ...this.#fresh]);
    this.#fresh = new Set();
    const suspects = new Set(moved);
    for (const [path, actual] of this.#actual)
      if (actual !== undefined && isTouched(actual, touched)) suspects.add(path);
    return path => suspects.has(path) || isTouched(path, touched);
  }

  /** Listens where these files are. True when that is somewhere new, so that another look is due. */
  async follow(files: ReadonlySet<string>): Promise<boolean> {
    for (const path of this.#actual.keys()) if (!files.has(path)) this.#actual.delete(path);
    const fresh = [...files].filter(path => !this.#actual.has(path));
    await inTurns(fresh, async path => {
      const actual = await this.#folders.actual(path);
      this.#actual.set(path, actual === path ? undefined : actual);
    });
    const elsewhere = [...this.#actual.values()].filter(path => path !== undefined);
    return this.#listen(watchPlan([...files, ...elsewhere]));
  }

  close(): void {
    for (const folder of [...this.#watched.keys()]) this.#close(folder);
  }

  #listen(plan: WatchPlan): boolean {
    let added = false;
    this.#limit = undefined;
    for (const folder of [...this.#watched.keys()]) if (!plan.has(folder)) this.#close(folder);
    for (const [folder, names] of plan) {
      const known = this.#watched.get(folder);
      if (known) known.names = names;
      else if (this.#limit === undefined && this.#open(folder, names)) added = true;
    }
    return added;
  }

  #open(folder: string, names: Watched['names']): boolean {
    try {
      const handle = this.#folders.watch(folder, name => this.#hear(folder, name));
      this.#watched.set(folder, { handle, names });
      this.#fresh.add(folder);
      return true;
    } catch (error) {
      this.#limit = limitOf(error);
      return false;
    }
  }

  #hear(folder: string, name: string | undefined): void {
    const watched = this.#watched.get(folder);
    if (!watched || (name !== undefined && watched.names !== 'all' && !watched.names.has(name))) return;
    this.#heard.add(name === undefined ? folder : `${folder === '/' ? '' : folder}/${name}`);
    this.#onChange();
  }

  #isTouched(path: string, heard: ReadonlySet<string>): boolean {
    const actual = this.#actual.get(path);
    return isTouched(path, heard) || (actual !== undefined && isTouched(actual, heard));
  }

  #close(folder: string): void {
    this.#watched.get(folder)?.handle.close();
    this.#watched.delete(folder);
  }
}

/** A folder that is not there, or closed to us, is no limit: the folder above tells when that changes. */
function limitOf(error: unknown): string | undefined {
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EACCES':
    case 'ELOOP':
      return undefined;
    case 'ENOSPC':
      return 'the system has no inotify watch left; raise it: sysctl fs.inotify.max_user_watches=524288';
    case 'EMFILE':
      return 'the system has no inotify instance left; raise it: sysctl fs.inotify.max_user_instances=512';
    default:
      return messageOf(error);
  }
}
