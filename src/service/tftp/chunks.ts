/** A piece of a file as it goes out: DATA packets one after the other. Shared by all who send it; nobody writes into it. */
export interface Chunk {
  readonly packets: readonly Uint8Array[];
  /** Memory that it takes. */
  readonly bytes: number;
}

/** Bytes that one cache may hold. One kernel and one initramfs for a cluster that boots together fit in. */
const CAPACITY = 64 * 1024 * 1024;

/** Chunks of files, shared by all transfers that want the same; the least recently used go first. */
export class ChunkCache {
  readonly #capacity: number;
  readonly #ready = new Map<string, Chunk>();
  readonly #loading = new Map<string, Promise<Chunk>>();
  #held = 0;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  peek(key: string): Chunk | undefined {
    const chunk = this.#ready.get(key);
    if (chunk === undefined) return undefined;
    this.#ready.delete(key);
    this.#ready.set(key, chunk);
    return chunk;
  }

  /** Two who want one chunk at the same time cause one read. Rejects with what `read` rejects with. */
  load(key: string, read: () => Promise<Chunk>): Promise<Chunk> {
    const known = this.peek(key);
    if (known !== undefined) return Promise.resolve(known);
    const underWay = this.#loading.get(key);
    if (underWay !== undefined) return underWay;
    const loading = this.#read(key, read);
    this.#loading.set(key, loading);
    return loading;
  }

  clear(): void {
    this.#ready.clear();
    this.#held = 0;
  }

  async #read(key: string, read: () => Promise<Chunk>): Promise<Chunk> {
    try {
      const chunk = await read();
      this.#keep(key, chunk);
      return chunk;
    } finally {
      this.#loading.delete(key);
    }
  }

  #keep(key: string, chunk: Chunk): void {
    this.#ready.set(key, chunk);
    this.#held += chunk.bytes;
    for (const [oldest, { bytes }] of this.#ready) {
      if (this.#held <= this.#capacity) return;
      this.#ready.delete(oldest);
      this.#held -= bytes;
    }
  }
}
