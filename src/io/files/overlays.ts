import { constants } from 'node:fs';
import { access, mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PxenError, systemCode } from '../../base/error.ts';
import type { OverlayRecord, OverlayStore, OverlayWriter } from '../../domain/overlay/store.ts';
import { withFileLock } from './lock.ts';
import { unusable } from './overlay-errors.ts';
import {
  EMPTY_INDEX,
  type OverlayIndex,
  OverlayPack,
  type Place,
  parseIndex,
  readPlace,
} from './overlay-pack.ts';

/** Overlays hold host keys and tokens: for root alone. */
const PRIVATE_FOLDER = 0o700;

/** How long a build waits for another one, milliseconds; a thousand machines take some ten seconds. */
const LOCK_PATIENCE = 120_000;

/**
 * Built overlays in a folder: `index.json` says what is served, and where in `packs/` each member and listing is. They
 * go by the hash of what is in them, so a part never changes and many machines share one.
 */
export class OverlayFolder implements OverlayStore {
  readonly #folder: string;
  #stamped = '';
  #index: OverlayIndex = EMPTY_INDEX;
  readonly #loading = new Map<string, Promise<Uint8Array>>();
  /** Parts that are being sent: a storm of boots shares one copy of each, and none stays when it is over. */
  readonly #held = new Map<string, WeakRef<Uint8Array>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async records(): Promise<readonly OverlayRecord[]> {
    const stamp = await this.#stamp();
    if (stamp !== this.#stamped) {
      this.#index = stamp === '' ? EMPTY_INDEX : await this.#readIndex();
      this.#stamped = stamp;
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
      const pack = new OverlayPack(this.#folder, await this.#readIndex());
      try {
        return await build(pack);
      } finally {
        await pack.close();
      }
    });
  }

  async #makeFolders(): Promise<void> {
    try {
      await mkdir(this.#path('packs'), { recursive: true, mode: PRIVATE_FOLDER });
      await access(this.#folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw unusable(this.#folder, 'cannot be written', error);
    }
  }

  async #load(name: string): Promise<Uint8Array> {
    const place = this.#index.parts[name] ?? (await this.#placeOf(name));
    return readPlace(this.#folder, place);
  }

  /** Whoever asks may have learned the name from another index than this one. */
  async #placeOf(name: string): Promise<Place> {
    await this.records();
    const place = this.#index.parts[name];
    if (place) return place;
    throw new PxenError('FILE_MISSING', `${this.#folder}: no part ${name}; another build has replaced it`);
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

  async #readIndex(): Promise<OverlayIndex> {
    try {
      return parseIndex(await readFile(this.#path('index.json'), 'utf8'));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return EMPTY_INDEX;
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
