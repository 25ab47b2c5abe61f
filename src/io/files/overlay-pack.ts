import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PxenError, systemCode } from '../../base/error.ts';
import type { OverlayRecord, OverlayWriter } from '../../domain/overlay/store.ts';
import { writeAtomic } from './atomic.ts';
import { unusable, unwritable } from './overlay-errors.ts';

// For each of a thousand machines a build writes two parts of a few kilobytes: as files of their own they would take
// longer than all the rest. See the note on callbacks in tree.ts.
const write = promisify(fs.write);
const read = promisify(fs.read);

/** Where a part is: file in `packs/`, offset, length in bytes. */
export type Place = readonly [pack: string, offset: number, length: number];

export interface OverlayIndex {
  readonly records: readonly OverlayRecord[];
  readonly parts: Readonly<Record<string, Place>>;
}

export const EMPTY_INDEX: OverlayIndex = { records: [], parts: {} };

/** Bytes. */
const WRITTEN_AT_ONCE = 1024 * 1024;

const FORMAT = 2;
const PRIVATE_FILE = 0o600;

/** Of another format: as if nothing had been built. */
export function parseIndex(text: string): OverlayIndex {
  const { format, ...index }: OverlayIndex & { format: number } = JSON.parse(text);
  return format === FORMAT ? index : EMPTY_INDEX;
}

/** Rejects with FILE_MISSING when a build has replaced the pack. */
export async function readPlace(folder: string, [pack, offset, length]: Place): Promise<Uint8Array> {
  const path = join(folder, 'packs', pack);
  try {
    const file = await open(path, 'r');
    try {
      const content = new Uint8Array(length);
      const { bytesRead } = await read(file.fd, content, 0, length, offset);
      if (bytesRead === length) return content;
      throw new Error(`the file ends after ${bytesRead} of ${length} bytes`);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw unusable(path, 'cannot be read', error);
    throw new PxenError('FILE_MISSING', `${path}: cannot be read`, { cause: error });
  }
}

/** One build: its new parts go into one new file, which is flushed once, before the index names it. */
export class OverlayPack implements OverlayWriter {
  readonly #folder: string;
  readonly #name = `${randomUUID()}.pack`;
  /** Parts that the index of before names, and new ones: what nobody vouches for may be torn by a power cut. */
  readonly #places: Map<string, Place>;
  readonly #writing = new Map<string, Promise<number>>();
  #file: Promise<fs.promises.FileHandle> | undefined;
  #end = 0;
  /** Parts that have their places but are not in the file yet, and how many bytes of it come before them. */
  #waiting: Uint8Array[] = [];
  #written = 0;
  #writes: Promise<void> = Promise.resolve();

  constructor(folder: string, before: OverlayIndex) {
    this.#folder = folder;
    this.#places = new Map(Object.entries(before.parts));
  }

  async keep(name: string, make: () => Promise<Uint8Array>): Promise<number> {
    const place = this.#places.get(name);
    if (place) return place[2];
    const writing = this.#writing.get(name) ?? make().then(content => this.#add(name, content));
    this.#writing.set(name, writing);
    return writing;
  }

  async commit(records: readonly OverlayRecord[]): Promise<void> {
    const used = new Set(records.flatMap(partsOf));
    try {
      await this.#rescue(used);
      await this.#flush();
      await (await this.#file)?.sync();
      const parts = Object.fromEntries([...this.#places].filter(([name]) => used.has(name)));
      const index = JSON.stringify({ format: FORMAT, records, parts });
      await writeAtomic(join(this.#folder, 'index.json'), `${index}\n`, PRIVATE_FILE);
      await this.#sweep(new Set(Object.values(parts).map(([pack]) => pack)));
    } catch (error) {
      throw unwritable(this.#folder, error);
    }
  }

  /** What a failed build has written, the next good one sweeps away. */
  async close(): Promise<void> {
    await this.#writes.catch(() => {});
    await (await this.#file?.catch(() => undefined))?.close();
  }

  /** Nobody reads a pack before the index names it, so small parts wait for each other. */
  async #add(name: string, content: Uint8Array): Promise<number> {
    this.#places.set(name, [this.#name, this.#end, content.length]);
    this.#end += content.length;
    this.#waiting.push(content);
    if (this.#end - this.#written >= WRITTEN_AT_ONCE) await this.#flush();
    return content.length;
  }

  /** Writes what waits, after whatever is being written. */
  #flush(): Promise<void> {
    const parts = this.#waiting;
    const offset = this.#written;
    this.#waiting = [];
    this.#written = this.#end;
    if (parts.length > 0) this.#writes = this.#writes.then(() => this.#write(Buffer.concat(parts), offset));
    return this.#writes;
  }

  async #write(content: Uint8Array, offset: number): Promise<void> {
    try {
      this.#file ??= open(this.#path(this.#name), 'wx', PRIVATE_FILE);
      const { fd } = await this.#file;
      for (let done = 0; done < content.length; ) {
        const { bytesWritten } = await write(fd, content, done, content.length - done, offset + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw unwritable(this.#folder, error);
    }
  }

  /** A pack that is more than half waste gives its last good parts to the new one, so waste never outweighs what is used. */
  async #rescue(used: ReadonlySet<string>): Promise<void> {
    const live = Map.groupBy(
      [...this.#places].filter(([name, [pack]]) => used.has(name) && pack !== this.#name),
      ([, [pack]]) => pack,
    );
    const isScattered = live.size > MANY_PACKS;
    for (const [pack, parts] of live) {
      const needed = parts.reduce((sum, [, [, , length]]) => sum + length, 0);
      const { size } = await stat(this.#path(pack));
      if (needed * 2 >= size && !(isScattered && size < SMALL_PACK)) continue;
      for (const [name, place] of parts) await this.#add(name, await readPlace(this.#folder, place));
    }
  }

  async #sweep(used: ReadonlySet<string>): Promise<void> {
    const packs = await readdir(join(this.#folder, 'packs'));
    const unused = packs.filter(name => !used.has(name));
    await Promise.all(unused.map(name => rm(this.#path(name), { force: true, recursive: true })));
  }

  #path(pack: string): string {
    return join(this.#folder, 'packs', pack);
  }
}

/** Every change of a file makes a small pack; so many of them are put together, bytes each. */
const MANY_PACKS = 64;
const SMALL_PACK = 1024 * 1024;

function partsOf({ members, listing, earlier }: OverlayRecord): string[] {
  return [...members, listing, ...earlier.map(overlay => overlay.listing)];
}
