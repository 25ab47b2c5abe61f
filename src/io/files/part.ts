import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, type FileHandle, lstat, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { shown } from '../../domain/download/shown.ts';
import { writeAtomic } from './atomic.ts';
import { isFull, noSpace } from './space.ts';

/** What is known of the file that a part is to become. */
export interface Origin {
  readonly url: string;
  /** Strong (RFC 9110 8.8.1): an entity tag with its quotes, or a date. Without one a part cannot be gone on with. */
  readonly validator?: string | undefined;
  /** Bytes, where the server told. */
  readonly total?: number | undefined;
}

export interface Whole {
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Entity tag or date that proves later that the server still has the same file. */
  readonly validator?: string | undefined;
}

/**
 * Looks at a file that is whole and calls `place`, which gives it its name. Throws when it is not what it should be; where
 * it does neither, the file is not wanted.
 */
export type Accept = (file: string, place: () => Promise<void>, whole: Whole) => Promise<void>;

const recordSchema = z.object({
  url: z.string(),
  validator: z.string(),
  total: z.number().int().nonnegative().optional(),
  /** Of the kernel that wrote the bytes. */
  boot: z.string(),
  /** So many bytes are on the disk and survive a power cut. */
  flushed: z.number().int().nonnegative(),
});

type PartRecord = z.infer<typeof recordSchema>;

const BLOCK = 1 << 20;
/** Longest file name of Linux is 255 bytes; the names made here, and before them by `writeAtomic`, are 57 longer. */
const LONGEST_NAME = 198;

/** Where a file grows until it is whole, and what is known of it: hidden, so no server gives it out. */
export function partPaths(to: string): { part: string; record: string } {
  const name = basename(to);
  const short =
    Buffer.byteLength(name) <= LONGEST_NAME ? name : createHash('sha256').update(name).digest('hex');
  const part = join(dirname(to), `.${short}.pxen-part`);
  return { part, record: `${part}.json` };
}

/** Where what came for a file becomes another format. */
export function convertedPath(to: string): string {
  return `${partPaths(to).part}.raw`;
}

/** A file on its way: it grows beside its target and takes that name in one step, whole and on the disk. */
export class PartFile {
  readonly #to: string;
  readonly #handle: FileHandle;
  #hash: Hash = createHash('sha256');
  #bytes = 0;
  #origin: Origin | undefined;
  #placed = false;

  private constructor(to: string, handle: FileHandle) {
    this.#to = to;
    this.#handle = handle;
  }

  /** With what an earlier try for the same URL has left, where that can be gone on with. */
  static async open(to: string, url: string, signal: AbortSignal): Promise<PartFile> {
    try {
      if ((await lstat(to).catch(() => undefined))?.isDirectory() === true)
        throw new PxenError('DOWNLOAD_FAILED', `${to} is a folder, expected the name of a file`);
      const record = await readRecord(partPaths(to).record);
      return await PartFile.#begin(to, part =>
        part.#takeUp(record?.url === url ? record : undefined, signal),
      );
    } catch (error) {
      throw await asWriteError(to, error);
    }
  }

  /** With the whole content of a file, whose blocks it shares: no space and no time. Undefined where the file system cannot. */
  static async clone(from: string, to: string, signal: AbortSignal): Promise<PartFile | undefined> {
    const { part: path } = partPaths(to);
    await dropPart(to);
    try {
      await copyFile(from, path, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
      return await PartFile.#begin(to, part => part.#hashTo(Number.POSITIVE_INFINITY, signal));
    } catch {
      await dropPart(to);
      return undefined;
    }
  }

  static async #begin(to: string, work: (part: PartFile) => Promise<void>): Promise<PartFile> {
    const part = new PartFile(to, await openSafely(partPaths(to).part));
    try {
      await work(part);
      return part;
    } catch (error) {
      await part.close();
      throw error;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Of what is in it, if anything. */
  get origin(): Origin | undefined {
    return this.#origin;
  }

  /** Throws everything away. */
  async restart(origin: Origin): Promise<void> {
    await this.#writing(async () => {
      await this.#handle.truncate(0);
      this.#bytes = 0;
      this.#hash = createHash('sha256');
      this.#origin = origin;
      await this.#record(0);
    });
  }

  /** Hashes while the system writes. */
  async append(chunk: Uint8Array): Promise<void> {
    const writing = this.#writing(() => this.#write(chunk, this.#bytes));
    this.#hash.update(chunk);
    await writing;
    this.#bytes += chunk.length;
  }

  /** What is there so far stays, power cut or not. */
  async flush(): Promise<void> {
    await this.#writing(async () => {
      await this.#handle.datasync();
      await this.#record(this.#bytes);
    });
  }

  /** On disk and under its name when it resolves. Rejects with CHECKSUM_MISMATCH or with what `accept` threw; the part is gone then. */
  async finish(sha256: string | undefined, accept: Accept | undefined, what: string): Promise<Whole> {
    const digest = this.#hash.digest('hex');
    const expected = sha256?.toLowerCase() ?? digest;
    if (digest !== expected)
      throw new PxenError('CHECKSUM_MISMATCH', `${what}: its SHA-256 is ${digest}, expected ${expected}`, {
        details: [
          'nothing of it was kept; either the checksum is of another file, or the one at its source is bad',
        ],
      });
    await this.#writing(async () => {
      await this.#handle.chmod(0o666 & ~process.umask());
      await this.#handle.sync();
    });
    const whole = { bytes: this.#bytes, sha256: digest, validator: this.#origin?.validator };
    if (accept) await accept(partPaths(this.#to).part, () => this.#place(), whole);
    else await this.#place();
    if (!this.#placed) await this.drop();
    return whole;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Leaves nothing behind. */
  async drop(): Promise<void> {
    await dropPart(this.#to);
  }

  async #write(chunk: Uint8Array, at: number): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.#handle.write(chunk, done, chunk.length - done, at + done);
      done += bytesWritten;
    }
  }

  async #place(): Promise<void> {
    await this.#writing(async () => {
      await rename(partPaths(this.#to).part, this.#to);
      await rm(partPaths(this.#to).record, { force: true });
      await syncFolder(dirname(this.#to));
      this.#placed = true;
    });
  }

  /** Bytes that another kernel wrote are believed only as far as they had been flushed: a power cut leaves zeros or holes. */
  async #takeUp(record: PartRecord | undefined, signal: AbortSignal): Promise<void> {
    if (record) {
      const { size } = await this.#handle.stat();
      const sound = record.boot === (await bootId()) ? size : Math.min(size, record.flushed);
      // The last byte is fetched again: only a server that sends it says that the file is still the same.
      const wanted = record.total === undefined ? sound : Math.min(sound, Math.max(0, record.total - 1));
      await this.#hashTo(wanted, signal);
      if (signal.aborted) throw new PxenError('DOWNLOAD_FAILED', `${this.#to}: stopped`);
      if (this.#bytes > 0) this.#origin = record;
    }
    await this.#handle.truncate(this.#bytes);
  }

  async #hashTo(end: number, signal: AbortSignal): Promise<void> {
    const block = Buffer.allocUnsafe(BLOCK);
    while (this.#bytes < end && !signal.aborted) {
      const { bytesRead } = await this.#handle.read(
        block,
        0,
        Math.min(BLOCK, end - this.#bytes),
        this.#bytes,
      );
      if (bytesRead === 0) return;
      this.#hash.update(block.subarray(0, bytesRead));
      this.#bytes += bytesRead;
    }
  }

  async #record(flushed: number): Promise<void> {
    const { record } = partPaths(this.#to);
    if (this.#origin?.validator === undefined) return rm(record, { force: true });
    const content = { ...this.#origin, boot: await bootId(), flushed };
    await writeAtomic(record, JSON.stringify(content), 0o600);
  }

  async #writing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw await asWriteError(this.#to, error);
    }
  }
}

/** A file on its way, as it lies in its folder. */
export interface Unfinished {
  readonly name: string;
  /** Of the part that is there. */
  readonly bytes: number;
  readonly total?: number | undefined;
  readonly url?: string | undefined;
}

/** Those in a folder, by name. */
export async function unfinishedIn(folder: string): Promise<Unfinished[]> {
  const names = (await readdir(folder)).flatMap(file => /^\.(.+)\.pxen-part$/.exec(file)?.[1] ?? []);
  const found = names.sort().map(async (name): Promise<Unfinished> => {
    const { part, record } = partPaths(join(folder, name));
    const [facts, known] = await Promise.all([lstat(part), readRecord(record)]);
    const url = known && URL.canParse(known.url) ? shown(new URL(known.url)) : undefined;
    return { name, bytes: facts.size, total: known?.total, url };
  });
  return Promise.all(found);
}

/** Takes away what an unfinished try has left. */
export async function dropPart(to: string): Promise<void> {
  const { part, record } = partPaths(to);
  for (const file of [record, part, convertedPath(to)]) await rm(file, { force: true });
}

/** A name in a folder is on the disk only when the folder is. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Never through a link, and never into a file that somebody else has put there: /tmp is for everybody. */
async function openSafely(path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    const handle = await open(path, flags);
    const facts = await handle.stat();
    if (facts.isFile() && facts.nlink === 1 && facts.uid === process.geteuid?.()) return handle;
    await handle.close();
  } catch (error) {
    if (!['ENOENT', 'ELOOP', 'ENXIO'].includes(systemCode(error) ?? '')) throw error;
  }
  await rm(path, { force: true });
  return open(path, flags | constants.O_CREAT | constants.O_EXCL, 0o600);
}

async function readRecord(path: string): Promise<PartRecord | undefined> {
  try {
    const flag = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const parsed = recordSchema.safeParse(JSON.parse(await readFile(path, { encoding: 'utf8', flag })));
    return parsed.success ? parsed.data : undefined;
  } catch {
    // Without a record there is only one thing to do: start over.
    return undefined;
  }
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'unknown')).trim();
}

/** Whatever the system says while a file is written, with its path. */
export async function asWriteError(to: string, error: unknown): Promise<PxenError> {
  if (error instanceof PxenError) return error;
  if (isFull(error)) return noSpace(dirname(to), to, 'the file system is full', error);
  const refused = ['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '');
  const code = refused ? 'NO_PERMISSION' : 'DOWNLOAD_FAILED';
  return new PxenError(code, `${to} cannot be written: ${messageOf(error)}`, { cause: error });
}
