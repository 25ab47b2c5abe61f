import { constants } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PxenError, systemCode } from '../../base/error.ts';
import type { OverlayRecord, OverlayStore, OverlayWriter } from '../../domain/overlay/store.ts';
import { writeAtomic } from './atomic.ts';
import { withFileLock } from './lock.ts';

/** Overlays hold host keys and tokens: for root alone. */
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

/** How long a build waits for another one, milliseconds; a thousand machines take some ten seconds. */
const LOCK_PATIENCE = 120_000;

const FORMAT = 1;

/**
 * Built overlays in a folder: `index.json` says what is served; `parts/` holds members and listings under the hash of
 * what is in them, so a part never changes and many machines share one.
 */
export class OverlayFolder implements OverlayStore {
  readonly #folder: string;
  #index: { readonly stamp: string; readonly records: readonly OverlayRecord[] } = { stamp: '', records: [] };
  readonly #loading = new Map<string, Promise<Uint8Array>>();
  /** Parts that are being sent: a storm of boots shares one copy of each, and none stays when it is over. */
  readonly #held = new Map<string, WeakRef<Uint8Array>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async records(): Promise<readonly OverlayRecord[]> {
    const stamp = await this.#stamp();
    if (stamp !== this.#index.stamp) {
      this.#index = { stamp, records: stamp === '' ? [] : await this.#readIndex() };
      this.#held.clear();
    }
    return this.#index.records;
  }

  async read(name: string): Promise<Uint8Array> {
    const held = this.#held.get(name)?.deref();
    if (held) return held;
    const loading = this.#loading.get(name) ?? this.#load(name).finally(() => this.#loading.delete(name));
    this.#loading.set(name, loading);
    const content = await loading;
    this.#held.set(name, new WeakRef(content));
    return content;
  }

  async exclusive<T>(build: (writer: OverlayWriter) => Promise<T>): Promise<T> {
    await this.#makeFolders();
    return withFileLock(this.#path('build.lock'), LOCK_PATIENCE, async () => {
      const records = await this.#readIndex();
      return build(new FolderWriter(this.#folder, records));
    });
  }

  async #makeFolders(): Promise<void> {
    try {
      await mkdir(this.#path('parts'), { recursive: true, mode: PRIVATE_FOLDER });
      await access(this.#folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw unusable(this.#folder, 'cannot be written', error);
    }
  }

  async #load(name: string): Promise<Uint8Array> {
    try {
      return await readFile(partPath(this.#folder, name));
    } catch (error) {
      const path = partPath(this.#folder, name);
      if (systemCode(error) !== 'ENOENT') throw unusable(path, 'cannot be read', error);
      throw new PxenError('FILE_MISSING', `${path}: cannot be read`, { cause: error });
    }
  }

  /** A new index is a new file, so its inode tells even when two builds fall into one tick of the clock. */
  async #stamp(): Promise<string> {
    const path = this.#path('index.json');
    try {
      const { ino, mtimeNs, size } = await stat(path, { bigint: true });
      return `${ino} ${mtimeNs} ${size}`;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return '';
      throw unusable(path, 'cannot be read', error);
    }
  }

  async #readIndex(): Promise<readonly OverlayRecord[]> {
    try {
      const index: { format: number; records: readonly OverlayRecord[] } = JSON.parse(
        await readFile(this.#path('index.json'), 'utf8'),
      );
      return index.format === FORMAT ? index.records : [];
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw unusable(
        this.#path('index.json'),
        'cannot be read; delete it and run: mesh system configure',
        error,
      );
    }
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

function unusable(path: string, problem: string, cause: unknown): PxenError {
  if (['EACCES', 'EPERM'].includes(systemCode(cause) ?? '')) {
    return new PxenError(
      'NO_PERMISSION',
      `${path}: only root may have overlays, they hold keys; run this as root`,
      { cause },
    );
  }
  return new PxenError('STATE_UNUSABLE', `${path}: ${problem}`, { cause });
}

/** Part names are hashes with a suffix; nothing else becomes a path. */
function partPath(folder: string, name: string): string {
  if (!/^[0-9a-f]{64}\.[a-z]+$/.test(name)) {
    throw new PxenError('INTERNAL', `an overlay part cannot have the name ${JSON.stringify(name)}`);
  }
  return join(folder, 'parts', name);
}

class FolderWriter implements OverlayWriter {
  readonly #folder: string;
  /** Parts known to be whole on disk: what the index names. Others may be left from a build that a power cut ended. */
  readonly #whole: Set<string>;
  readonly #written = new Set<string>();

  constructor(folder: string, records: readonly OverlayRecord[]) {
    this.#folder = folder;
    this.#whole = new Set(records.flatMap(partsOf));
  }

  async keep(name: string, make: () => Promise<Uint8Array>): Promise<number> {
    const path = partPath(this.#folder, name);
    const present = this.#whole.has(name) ? await stat(path).catch(() => undefined) : undefined;
    if (present) return present.size;
    const content = await make();
    await writeFile(`${path}.tmp`, content, { mode: PRIVATE_FILE });
    await rename(`${path}.tmp`, path);
    this.#whole.add(name);
    this.#written.add(path);
    return content.length;
  }

  async commit(records: readonly OverlayRecord[]): Promise<void> {
    await Promise.all([...this.#written].map(flush));
    const index = `${JSON.stringify({ format: FORMAT, records }, null, 1)}\n`;
    await writeAtomic(join(this.#folder, 'index.json'), index, PRIVATE_FILE);
    await this.#sweep(new Set(records.flatMap(partsOf)));
  }

  async #sweep(used: ReadonlySet<string>): Promise<void> {
    const parts = join(this.#folder, 'parts');
    const unused = (await readdir(parts)).filter(name => !used.has(name));
    await Promise.all(unused.map(name => rm(join(parts, name), { force: true })));
  }
}

function partsOf(record: OverlayRecord): string[] {
  return [...record.members, record.listing];
}

/** All parts of a build reach the disk together, just before the index names them: one wait, not one for each. */
async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
