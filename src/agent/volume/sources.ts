import { link } from 'node:fs/promises';
import { PxenError, systemCode } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { shown } from '../../domain/download/shown.ts';
import { isUnchanged } from '../../io/files/ask.ts';
import { copyWhole } from '../../io/files/copying.ts';
import type { download } from '../../io/files/download.ts';
import { convertedPath } from '../../io/files/part.ts';
import type { Images } from './images.ts';
import { Intake, inspect } from './intake.ts';
import type { Places } from './place.ts';
import { Underway, unlessGone } from './underway.ts';
import type { Donor, Obtained, Wanted } from './wanted.ts';

export interface SourcePorts {
  readonly places: Places;
  readonly http: typeof download;
  readonly images: Pick<Images, 'convert'>;
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
    const { format, sha256 = '', source } = wanted.volume;
    const key = `${source} ${format === 'raw' ? format : ''} ${sha256}`;
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

  async #fetch({ signal, volume }: Wanted, { tell: progress }: Underway): Promise<Obtained> {
    const { clock, http, places } = this.#d;
    const { path, sha256, source } = volume;
    const limits = await places.limits(path);
    const intake = this.#intake({ volume, progress, signal });
    const { accept } = intake;
    const rest = { to: places.real(path), sha256, signal, clock, onProgress: progress, limits, accept };
    const fetching = source.startsWith('/')
      ? this.#copySource(source, rest)
      : http({ url: new URL(source), ...rest }).catch(error => {
          throw withAdvice(error, volume);
        });
    return { ...(await fetching), converted: intake.converted };
  }

  #intake(wanted: Wanted): Intake {
    const { images, places } = this.#d;
    const { path } = wanted.volume;
    const to = places.real(path);
    return new Intake(wanted, { images, to, limits: () => places.limits(path, convertedPath(to)) });
  }

  async #copySource(source: string, rest: Omit<Parameters<typeof copyWhole>[0], 'from'>): Promise<Obtained> {
    const validator = await this.#versionOf(source);
    const from = await this.#d.places.inside(source);
    return { ...(await copyWhole({ from, ...rest })), validator };
  }

  /** As a hard link where nobody will write into it, else as a copy. */
  async #copy(donor: Donor, wanted: Wanted): Promise<Obtained> {
    const { places } = this.#d;
    const { volume } = wanted;
    const [from, to] = [places.real(donor.path), places.real(volume.path)];
    const { converted, sha256, validator } = donor;
    if (from === to) {
      await inspect(to, volume, converted);
      return { sha256, validator, converted };
    }
    const linkable = !volume.writable && !donor.writable;
    if (linkable && (await this.#linked(from, to, donor, volume))) return { sha256, validator, converted };
    return { sha256, validator, converted: await this.#copyDonor(donor, wanted) };
  }

  /** True: it is a raw disk that was a qcow2 image. The checksum is of what the source gave, not of that disk. */
  async #copyDonor({ converted, path, sha256 }: Donor, wanted: Wanted): Promise<boolean> {
    const { clock, images, places } = this.#d;
    const { progress: onProgress, signal, volume } = wanted;
    const [from, to] = [places.real(path), places.real(volume.path)];
    if (converted) {
      const draft = convertedPath(to);
      const limits = await places.limits(volume.path, draft);
      await images.convert({ from, to, draft, format: 'raw', what: path, limits, signal, onProgress });
      return true;
    }
    const intake = this.#intake(wanted);
    const { accept } = intake;
    const limits = await places.limits(volume.path);
    await copyWhole({ from, to, sha256, signal, onProgress, clock, limits, accept });
    return intake.converted;
  }

  /** False: the file system has no links, or not between these two places, or the volume is to have another format. */
  async #linked(from: string, to: string, donor: Donor, volume: Wanted['volume']): Promise<boolean> {
    try {
      if ((await inspect(from, volume, donor.converted)) === 'convert') return false;
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

function missing(path: string, cause: unknown): PxenError {
  return new PxenError('FILE_MISSING', `${path}: there is no such file`, { cause });
}
