import type { Ipv4 } from '../../base/ipv4.ts';
import type { Clock } from '../../base/ports.ts';
import { isRefusal, type Refusal, type ServedFile, type ServedFiles } from '../../base/served.ts';

/** Of one file: boot menus, package indexes, signatures. Bytes. */
const SMALL = 64 * 1024;
/** In all, bytes. */
const MOST = 16 * 1024 * 1024;
/** So long a file that was replaced may still be served as it was. Milliseconds. */
const FRESH = 2000;

interface Entry {
  readonly file: ServedFile & { readonly content: Uint8Array };
  /** When it was last seen to be what is on disk. */
  checkedAt: number;
}

/**
 * Keeps small files in memory: a stat, a realpath, an open, a read and a close are five trips through four threads, which
 * cost five times as much as the answer itself. What is kept never goes out older than two seconds.
 */
export class SmallFiles implements ServedFiles {
  readonly #files: ServedFiles;
  readonly #clock: Clock;
  /** The one used longest ago first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(files: ServedFiles, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
  }

  async open(name: string, peer?: Ipv4): Promise<ServedFile | Refusal> {
    const entry = this.#entries.get(name);
    const now = this.#clock.now();
    if (entry && now - entry.checkedAt < FRESH && now >= entry.checkedAt) return entry.file;
    const file = await this.#files.open(name, peer);
    if (isRefusal(file)) {
      this.#forget(name);
      return file;
    }
    if (file.version === undefined || file.size > SMALL) return file;
    if (file.version !== entry?.file.version) return this.#load(name, file, now);
    await file.close();
    entry.checkedAt = now;
    return entry.file;
  }

  /** A file that changes while it is read is left to whoever sends it: he cuts it off. */
  async #load(name: string, file: ServedFile, now: number): Promise<ServedFile> {
    const content = await contentOf(file).catch(() => undefined);
    if (!content) return file;
    await file.close();
    const kept = inMemory(file, content);
    this.#keep(name, { file: kept, checkedAt: now });
    return kept;
  }

  #keep(name: string, entry: Entry): void {
    this.#forget(name);
    this.#entries.set(name, entry);
    this.#bytes += entry.file.size;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= MOST) return;
      this.#forget(oldest);
    }
  }

  #forget(name: string): void {
    const entry = this.#entries.get(name);
    if (!entry) return;
    this.#entries.delete(name);
    this.#bytes -= entry.file.size;
  }
}

async function contentOf(file: ServedFile): Promise<Uint8Array | undefined> {
  const content = new Uint8Array(file.size);
  const read = await file.readInto(content, 0);
  return read === file.size && (await file.unchanged?.()) ? content : undefined;
}

function inMemory({ size, mtimeMs, version }: ServedFile, content: Uint8Array): Entry['file'] {
  return {
    size,
    mtimeMs,
    version,
    content,
    async readInto(buffer, offset) {
      const part = content.subarray(offset, offset + buffer.length);
      buffer.set(part);
      return part.length;
    },
    async close() {},
  };
}
