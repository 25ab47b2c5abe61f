import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import type { VolumeFormat } from '../../domain/workload/workload.ts';
import { type Exec, failureOf } from '../../io/exec.ts';
import { asWriteError, dropPart, partPaths, syncFolder } from '../../io/files/part.ts';
import type { OnProgress } from '../../io/files/progress.ts';
import { checkLength, checkSpace, type Limits } from '../../io/files/space.ts';

export interface NewDisk {
  /** Where it is to be. Its folder is there. */
  readonly to: string;
  readonly format: VolumeFormat;
  readonly bytes: number;
  /** It takes room when it is written to, and not before. */
  readonly lazy: boolean;
  readonly limits: Limits;
  readonly signal: AbortSignal;
}

/** What becomes a raw disk, and where. */
export interface Conversion {
  /** A qcow2 image that builds on no other file, or a raw disk. */
  readonly from: string;
  readonly format: VolumeFormat;
  /** Where the raw disk is to be. */
  readonly to: string;
  /** Where it grows until it is whole, in the same folder. */
  readonly draft: string;
  /** For people. */
  readonly what: string;
  readonly limits: Limits;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** Milliseconds. A disk that takes its room at once is zeros on some file systems. */
const CREATE_TIMEOUT = 600_000;
const CONVERT_TIMEOUT = 4 * 3_600_000;
const LOOK_EVERY = 250;

/** Makes images of disks, with qemu-img. */
export class Images {
  readonly #exec: Exec;
  readonly #clock: Clock;

  constructor(ports: { readonly exec: Exec; readonly clock: Clock }) {
    this.#exec = ports.exec;
    this.#clock = ports.clock;
  }

  /** An empty disk, whole or not at all. Rejects with NO_SPACE, NO_PERMISSION or WORKLOAD_FAILED. */
  async create({ bytes, format, lazy, limits, signal, to }: NewDisk): Promise<void> {
    const { part } = partPaths(to);
    try {
      await dropPart(to);
      if (!lazy) {
        checkLength(to, bytes, limits);
        await checkSpace(dirname(to), to, bytes, limits.keepFree ?? 0);
      }
      const allocation = lazy ? [] : ['-o', 'preallocation=falloc'];
      await this.#qemuImg(['create', '-q', '-f', format, ...allocation, part, `${bytes}`], {
        timeout: CREATE_TIMEOUT,
        signal,
      });
      await flushed(part);
      await rename(part, to);
      await syncFolder(dirname(to));
    } catch (error) {
      await dropPart(to);
      throw await asWriteError(to, error);
    }
  }

  /**
   * Makes a raw disk, whole or not at all, with holes where the other one has nothing. What it takes on the node is told
   * while it grows; nobody knows before how much that will be.
   */
  async convert({ draft, format, from, limits, onProgress, signal, to, what }: Conversion): Promise<void> {
    const enough = new AbortController();
    const watch = async (): Promise<void> => {
      const { blocks } = await stat(draft);
      checkLength(what, blocks * 512, limits);
      await checkSpace(dirname(to), what, 0, limits.keepFree ?? 0);
      onProgress(blocks * 512, undefined);
    };
    const eye = new Eye(this.#clock, watch, () => enough.abort());
    try {
      await rm(draft, { force: true });
      eye.open();
      await this.#qemuImg(['convert', '-q', '-f', format, '-O', 'raw', from, draft], {
        timeout: CONVERT_TIMEOUT,
        signal: AbortSignal.any([signal, enough.signal]),
      }).finally(() => eye.close());
      await flushed(draft);
      await watch();
      await rename(draft, to);
      await syncFolder(dirname(to));
    } catch (error) {
      await rm(draft, { force: true });
      throw await asWriteError(to, eye.seen ?? error);
    }
  }

  async #qemuImg(
    args: readonly string[],
    options: { readonly timeout: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const run = await this.#exec('qemu-img', args, options);
    if (options.signal.aborted) throw new PxenError('DOWNLOAD_FAILED', 'qemu-img: stopped');
    const failure = failureOf(run);
    if (failure === undefined) return;
    const isFull = /No space left on device|Disk quota exceeded/.test(run.stderr);
    throw new PxenError(isFull ? 'NO_SPACE' : 'WORKLOAD_FAILED', `qemu-img ${args[0]} ${failure}`);
  }
}

/** Looks again and again while something is under way, and calls it off when what it sees is not allowed. */
class Eye {
  readonly #clock: Clock;
  readonly #look: () => Promise<void>;
  readonly #callOff: () => void;
  #cancel: (() => void) | undefined;
  #isOpen = false;
  /** Why it was called off. */
  seen: PxenError | undefined;

  constructor(clock: Clock, look: () => Promise<void>, callOff: () => void) {
    this.#clock = clock;
    this.#look = look;
    this.#callOff = callOff;
  }

  open(): void {
    this.#isOpen = true;
    this.#later();
  }

  close(): void {
    this.#isOpen = false;
    this.#cancel?.();
  }

  #later(): void {
    if (this.#isOpen) this.#cancel = this.#clock.after(LOOK_EVERY, () => void this.#now());
  }

  /** A file that is not there yet is no reason for anything. */
  async #now(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      if (error instanceof PxenError) {
        this.seen = error;
        this.#callOff();
      }
    }
    this.#later();
  }
}

/** On the disk, so that a power cut takes nothing of it. */
async function flushed(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
