import { PxenError } from '../../base/error.ts';
import type { OnProgress } from '../../io/files/progress.ts';
import { type Donor, type Obtained, shownSource, type Wanted } from './wanted.ts';

/** A file that one volume fetches and others wait for. */
export class Underway {
  readonly #leader: Wanted;
  readonly #listeners = new Set<OnProgress>();
  readonly #followers: Promise<unknown>[] = [];
  readonly #done = Promise.withResolvers<Donor>();

  constructor(leader: Wanted) {
    this.#leader = leader;
    this.#listeners.add(leader.progress);
    // Nobody may be waiting.
    this.#done.promise.catch(() => {});
  }

  /**
   * Waits for the file and places it. Undefined: somebody else has to fetch it, because the one who did was stopped, has
   * thrown it away, or did not like it for a reason of his own.
   */
  join(wanted: Wanted, place: (donor: Donor) => Promise<Obtained>): Promise<Obtained | undefined> {
    this.#listeners.add(wanted.progress);
    const joined = this.#wait(wanted).then(donor => donor && unlessGone(place(donor)));
    this.#followers.push(joined.catch(() => {}));
    return joined;
  }

  readonly tell: OnProgress = (received, total) => {
    for (const listener of this.#listeners) listener(received, total);
  };

  succeed(donor: Donor): void {
    this.#done.resolve(donor);
  }

  fail(error: unknown): void {
    this.#done.reject(error);
  }

  async followed(): Promise<void> {
    await Promise.all(this.#followers);
  }

  async #wait({ progress, signal, volume }: Wanted): Promise<Donor | undefined> {
    try {
      return await Promise.race([this.#done.promise, stopped(signal, volume.source)]);
    } catch (error) {
      const { format, type } = this.#leader.volume;
      const others = this.#leader.signal.aborted || type !== volume.type || format !== volume.format;
      if (signal.aborted || !others) throw error;
      return undefined;
    } finally {
      this.#listeners.delete(progress);
    }
  }
}

/** Undefined when the file that was to be copied is not there any more. */
export async function unlessGone(copying: Promise<Obtained>): Promise<Obtained | undefined> {
  try {
    return await copying;
  } catch (error) {
    if (error instanceof PxenError && error.code === 'FILE_MISSING') return undefined;
    throw error;
  }
}

/** Rejects when the signal ends the wait. */
function stopped(signal: AbortSignal, source: string): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => reject(new PxenError('DOWNLOAD_FAILED', `${shownSource(source)}: stopped`));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
