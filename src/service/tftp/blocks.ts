import type { ServedFile } from '../../base/served.ts';
import { DATA_HEADER, writeDataHeader } from '../../wire/tftp/packet.ts';
import type { Chunk, ChunkCache } from './chunks.ts';

/** Payload of a chunk, bytes. One read through the thread pool then serves hundreds of packets (baselines A2). */
const CHUNK = 256 * 1024;
/** A window must not reach over more than two chunks, however large its blocks are. */
const FEWEST_BLOCKS = 64;
/** Memory that a packet takes besides its bytes; hence tiny blocks get small chunks. */
const PER_PACKET = 128;
const MOST_BLOCKS = 512;

/**
 * The ready DATA packets of one file at one block size, block 1 first.
 * A chunk lies in memory as it goes out, so that all transfers of the file send the same bytes and make none.
 */
export class FileBlocks {
  readonly #file: ServedFile;
  readonly #blksize: number;
  readonly #perChunk: number;
  readonly #lastBlock: number;
  readonly #cache: ChunkCache;
  /** The chunks around the current window: one back, this one, one ahead. */
  readonly #near = new Map<number, Chunk>();
  readonly #fetching = new Set<number>();

  constructor(file: ServedFile, blksize: number, cache: ChunkCache) {
    this.#file = file;
    this.#blksize = blksize;
    this.#perChunk = Math.min(MOST_BLOCKS, Math.max(FEWEST_BLOCKS, Math.floor(CHUNK / blksize)));
    this.#lastBlock = Math.floor(file.size / blksize) + 1;
    this.#cache = cache;
  }

  /**
   * The packets from `first` on, up to `last` or the end of their chunk; none when the chunk must be loaded first.
   * Has the next chunk read in good time.
   */
  packets(first: number, last: number): readonly Uint8Array[] {
    const index = this.#chunkOf(first);
    const chunk = this.#near.get(index);
    if (chunk === undefined) return [];
    const from = (first - 1) % this.#perChunk;
    const to = from + last - first;
    const middle = this.#perChunk >> 1;
    if (from <= middle && to >= middle) this.#readAhead(index + 1);
    return chunk.packets.slice(from, to + 1);
  }

  /** Rejects when the file cannot be read, or has become shorter. */
  async load(block: number): Promise<void> {
    const index = this.#chunkOf(block);
    const { version } = this.#file;
    const read = (): Promise<Chunk> => this.#readChunk(index);
    const chunk =
      version === undefined
        ? await read()
        : await this.#cache.load(`${version} ${this.#blksize} ${index}`, read);
    for (const other of this.#near.keys()) if (Math.abs(other - index) > 2) this.#near.delete(other);
    this.#near.set(index, chunk);
  }

  #chunkOf(block: number): number {
    return Math.floor((block - 1) / this.#perChunk);
  }

  /** A failure here is no news: whoever needs the block loads it again and hears of it. */
  #readAhead(index: number): void {
    const first = index * this.#perChunk + 1;
    if (first > this.#lastBlock || this.#near.has(index) || this.#fetching.has(index)) return;
    this.#fetching.add(index);
    this.load(first)
      .catch(() => {})
      .finally(() => this.#fetching.delete(index));
  }

  async #readChunk(index: number): Promise<Chunk> {
    const first = index * this.#perChunk + 1;
    const count = Math.min(this.#perChunk, this.#lastBlock - first + 1);
    const offset = (first - 1) * this.#blksize;
    const payload = Math.min(count * this.#blksize, this.#file.size - offset);
    const bytes = new Uint8Array(count * DATA_HEADER + payload);
    // Read to the end of the chunk, then move each block down to its place: it never lands on one not yet moved.
    const body = bytes.subarray(count * DATA_HEADER);
    const filled = await this.#file.readInto(body, offset);
    if (filled < payload) throw new Error(`the file ended at ${offset + filled} of ${this.#file.size} bytes`);
    // Written over in place, it would go out as a mixture of old and new.
    if ((await this.#file.unchanged?.()) === false) throw new Error('the file was changed while it was read');
    const packets: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const at = i * (DATA_HEADER + this.#blksize);
      const from = count * DATA_HEADER + i * this.#blksize;
      bytes.copyWithin(at + DATA_HEADER, from, from + this.#blksize);
      writeDataHeader(bytes, at, first + i);
      packets.push(bytes.subarray(at, at + DATA_HEADER + this.#blksize));
    }
    return { packets, bytes: bytes.length + count * PER_PACKET };
  }
}
