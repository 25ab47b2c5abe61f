import { asPxenError } from '../../base/error.ts';
import type { Clock, Log, Service } from '../../base/ports.ts';
import type { FolderWatching } from '../../domain/overlay/watching.ts';
import type { BuildChronicle } from './chronicle.ts';
import type { Suspicion } from './inventory.ts';
import type { OverlayService } from './overlay.ts';
import { WatchSet } from './watchset.ts';

export interface OverlayWatchPorts {
  readonly overlays: Pick<OverlayService, 'update' | 'dependencies'>;
  readonly folders: FolderWatching;
  readonly clock: Clock;
  readonly log: Log;
  readonly chronicle: BuildChronicle;
  /** Something else is served now. */
  readonly onBuilt: () => Promise<void>;
}

/** Milliseconds without a change before a build: saving a file is several events, a git checkout hundreds. */
const QUIET = 100;
/** Milliseconds from the first change to the build when there is no quiet. */
const PATIENCE = 1000;
/** Milliseconds after which a file that was read fresh from writing is looked at again. */
const SETTLE = 150;
/** Milliseconds after a build that failed. */
const RETRY = 5000;
/**
 * Milliseconds between two looks at all files: NFS tells nothing of changes by other hosts, and the queue of inotify can
 * overflow. Where the system has no watches left, looking is all there is.
 */
const SWEEP = 10_000;
const SWEEP_WITHOUT_WATCHES = 2000;
/** A look may take one part in so many of the time, however many files there are. */
const SHARE = 50;

const ANYWHERE: Suspicion = () => true;

/** Keeps the overlays what /host0 says: listens for changes and builds what they touch. Starts after the first build. */
export class OverlayWatch implements Service {
  readonly name = 'overlay-watch';
  readonly #p: OverlayWatchPorts;
  readonly #set: WatchSet;
  readonly #stopped = new AbortController();
  #firstChange: number | undefined;
  #callOff: (() => void) | undefined;
  #callOffSweep: (() => void) | undefined;
  #round: Promise<void> | undefined;
  #lookEverywhere = false;
  #trouble: string | undefined;
  #limit: string | undefined;

  constructor(ports: OverlayWatchPorts) {
    this.#p = ports;
    this.#set = new WatchSet(ports.folders, () => this.#changed());
  }

  async start(): Promise<void> {
    this.#lookEverywhere = true;
    await this.#set.follow(this.#p.overlays.dependencies().paths);
    this.#begin();
  }

  /** A build under way ends between two folders. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#callOff?.();
    this.#callOffSweep?.();
    this.#set.close();
    await this.#round;
  }

  health(): string | undefined {
    return this.#trouble;
  }

  #changed(): void {
    const now = this.#p.clock.now();
    this.#firstChange ??= now;
    this.#beginAfter(Math.min(QUIET, Math.max(0, this.#firstChange + PATIENCE - now)));
  }

  #beginAfter(milliseconds: number): void {
    this.#callOff?.();
    this.#callOff = this.#p.clock.after(milliseconds, () => this.#begin());
  }

  /** While one round runs, changes gather for the next. */
  #begin(): void {
    if (this.#stopped.signal.aborted || this.#round) return;
    this.#callOff?.();
    this.#callOffSweep?.();
    this.#firstChange = undefined;
    this.#round = this.#look().then(next => {
      this.#round = undefined;
      if (this.#firstChange !== undefined) this.#changed();
      else if (next !== undefined) this.#beginAfter(next);
    });
  }

  /** One look at what may have changed. Resolves with the milliseconds until the next one is due, if it is. */
  async #look(): Promise<number | undefined> {
    const started = this.#p.clock.now();
    const heard = this.#set.take();
    const suspicion = this.#lookEverywhere ? ANYWHERE : heard;
    this.#lookEverywhere = false;
    try {
      await this.#update(suspicion);
      this.#scheduleSweep(this.#p.clock.now() - started);
      const { paths, unsettled } = this.#p.overlays.dependencies();
      if (await this.#set.follow(paths)) return 0;
      this.#sayLimit();
      return unsettled ? SETTLE : undefined;
    } catch (error) {
      if (this.#stopped.signal.aborted) return undefined;
      this.#lookEverywhere = true;
      this.#complain(asPxenError(error).message);
      return RETRY;
    }
  }

  async #update(suspicion: Suspicion): Promise<void> {
    const { chronicle, onBuilt, overlays } = this.#p;
    chronicle.tell(await overlays.update({ suspicion, signal: this.#stopped.signal }));
    this.#trouble = undefined;
    await onBuilt();
  }

  #scheduleSweep(lookTook: number): void {
    if (this.#stopped.signal.aborted) return;
    const pause = this.#set.limit === undefined ? SWEEP : SWEEP_WITHOUT_WATCHES;
    this.#callOffSweep?.();
    this.#callOffSweep = this.#p.clock.after(Math.max(pause, SHARE * lookTook), () => {
      this.#lookEverywhere = true;
      this.#begin();
    });
  }

  #complain(text: string): void {
    const trouble = `changes under /host0 are not served: ${text}`;
    if (trouble !== this.#trouble) this.#p.log.error('overlay', trouble);
    this.#trouble = trouble;
  }

  #sayLimit(): void {
    const { limit } = this.#set;
    if (limit !== undefined && limit !== this.#limit)
      this.#p.log.warn('overlay', `not every folder can be watched, changes may take some seconds: ${limit}`);
    this.#limit = limit;
  }
}
