import { link } from 'node:fs/promises';
import { quote } from '../../base/diagnostic.ts';
import { PxenError, systemCode } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { shown } from '../../domain/download/shown.ts';
import { judgeContent } from '../../domain/volume/judge.ts';
import type { Volume } from '../../domain/workload/workload.ts';
import { isUnchanged } from '../../io/files/ask.ts';
import { copyWhole } from '../../io/files/copying.ts';
import type { download } from '../../io/files/download.ts';
import { headOf } from '../../io/files/head.ts';
import type { Accept } from '../../io/files/part.ts';
import type { OnProgress } from '../../io/files/progress.ts';
import type { Places } from './place.ts';

/** A volume with a source that is to come to its path. */
export interface Wanted {
  readonly volume: Volume & { readonly source: string };
  readonly progress: OnProgress;
  readonly signal: AbortSignal;
}

export interface Obtained {
  readonly sha256: string;
  /** By which the source tells whether it is still the same. */
  readonly validator?: string | undefined;
}

/** A file on this node that came from the same source and that nobody has written into. */
export interface Donor extends Obtained {
  readonly path: string;
  /** Somebody may write into it later on. */
  readonly writable: boolean;
}

export interface SourcePorts {
  readonly places: Places;
  readonly http: typeof download;
  readonly clock: Clock;
}

/** Brings files to their places: what several volumes want is fetched once. */
export class Sources {
  readonly #d: SourcePorts;
  readonly #underway = new Map<string, Underway>();

  constructor(ports: SourcePorts) {
    this.#d = ports;
  }

  /** `donors` is asked when it is certain that nobody fetches the same right now. */
  async obtain(wanted: Wanted, donors: () => Promise<readonly Donor[]>): Promise<Obtained> {
    const key = `${wanted.volume.source} ${wanted.volume.sha256 ?? ''}`;
    while (true) {
      const underway = this.#underway.get(key);
      if (!underway) return this.#lead(key, wanted, donors);
      const obtained = await underway.join(wanted, donor => this.#copy(donor, wanted));
      if (obtained) return obtained;
    }
  }

  async #lead(key: string, wanted: Wanted, donors: () => Promise<readonly Donor[]>): Promise<Obtained> {
    const underway = new Underway(wanted);
    this.#underway.set(key, underway);
    try {
      const obtained = (await this.#fromDonor(wanted, donors)) ?? (await this.#fetch(wanted, underway));
      const { path, writable } = wanted.volume;
      underway.succeed({ ...obtained, path, writable });
      return obtained;
    } catch (error) {
      underway.fail(error);
      throw error;
    } finally {
      this.#underway.delete(key);
      // Nobody may write into it before everybody has his copy.
      if (wanted.volume.writable) await underway.followed();
    }
  }

  async #fromDonor(wanted: Wanted, donors: () => Promise<readonly Donor[]>): Promise<Obtained | undefined> {
    for (const donor of await donors()) {
      if (!(await this.#isFresh(donor, wanted))) continue;
      const obtained = await unlessGone(this.#copy(donor, wanted));
      if (obtained) return obtained;
    }
    return undefined;
  }

  /** A server that does not answer has nothing newer to give either. */
  async #isFresh({ validator }: Donor, { signal, volume: { source } }: Wanted): Promise<boolean> {
    if (validator === undefined) return true;
    if (source.startsWith('/')) return (await this.#versionOf(source)) === validator;
    return isUnchanged(new URL(source), validator, this.#d.clock, signal);
  }

  async #fetch({ signal, volume }: Wanted, { tell: onProgress }: Underway): Promise<Obtained> {
    const { clock, http, places } = this.#d;
    const { path, sha256, source } = volume;
    const limits = await places.limits(path);
    const accept = inspected(volume);
    const rest = { to: places.real(path), sha256, signal, clock, onProgress, limits, accept };
    if (source.startsWith('/')) return this.#copySource(source, rest);
    return http({ url: new URL(source), ...rest }).catch(error => {
      throw withAdvice(error, volume);
    });
  }

  async #copySource(source: string, rest: Omit<Parameters<typeof copyWhole>[0], 'from'>): Promise<Obtained> {
    const validator = await this.#versionOf(source);
    const from = await this.#d.places.inside(source);
    return { ...(await copyWhole({ from, ...rest })), validator };
  }

  /** As a hard link where nobody will write into it, else as a copy. */
  async #copy(donor: Donor, { progress, signal, volume }: Wanted): Promise<Obtained> {
    const { clock, places } = this.#d;
    const [from, to] = [places.real(donor.path), places.real(volume.path)];
    const { sha256, validator } = donor;
    if (from === to) {
      await inspect(to, volume);
      return { sha256, validator };
    }
    const linkable = !volume.writable && !donor.writable;
    if (linkable && (await this.#linked(from, to, volume))) return { sha256, validator };
    const accept = inspected(volume);
    const limits = await places.limits(volume.path);
    await copyWhole({ from, to, sha256, signal, onProgress: progress, clock, limits, accept });
    return { sha256, validator };
  }

  /** False: the file system has no links, or not between these two places. */
  async #linked(from: string, to: string, volume: Wanted['volume']): Promise<boolean> {
    try {
      await inspect(from, volume);
      await link(from, to);
      return true;
    } catch (error) {
      if (error instanceof PxenError) throw error;
      if (systemCode(error) === 'ENOENT') throw missing(from, error);
      return false;
    }
  }

  async #versionOf(path: string): Promise<string | undefined> {
    return (await this.#d.places.look(path)).version;
  }
}

/** Nothing of the wrong kind gets the name of a volume. */
function inspected(volume: Volume): Accept {
  return async (file, place) => {
    await inspect(file, volume);
    await place();
  };
}

async function inspect(file: string, volume: Volume): Promise<void> {
  const trouble = judgeContent(volume.type, await headOf(file), volume.format);
  if (trouble === undefined) return;
  const key = `platform.volume.${volume.id}.source`;
  throw new PxenError('WORKLOAD_INVALID', `${key}: ${quote(shownSource(volume.source ?? ''))} ${trouble}`);
}

/** A file that one volume fetches and others wait for. */
class Underway {
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
async function unlessGone(copying: Promise<Obtained>): Promise<Obtained | undefined> {
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

/** The way to the server is missing, or its name. */
const NO_WAY = ['ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH', 'ETIMEDOUT'];

/** A node often has no way to the internet, and host0 has. */
function withAdvice(error: unknown, { id, source }: Wanted['volume']): unknown {
  if (!(error instanceof PxenError) || !NO_WAY.includes(systemCode(error.cause) ?? '')) return error;
  const url = new URL(source);
  if (url.hostname === 'host0') return error;
  const name = url.pathname.split('/').at(-1) || 'NAME';
  const details = [
    ...error.details,
    `this node has no way to ${url.hostname}; let host0 fetch it: mesh iso add ${shown(url)}`,
    `and then say platform.volume.${id}.source=http://host0/isos/${name}`,
  ];
  return new PxenError(error.code, error.message, { cause: error, details });
}

/** Without the password that a URL may hold. */
export function shownSource(source: string): string {
  return source.startsWith('/') ? source : shown(new URL(source));
}

function missing(path: string, cause: unknown): PxenError {
  return new PxenError('FILE_MISSING', `${path}: there is no such file`, { cause });
}
