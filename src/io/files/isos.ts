import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nearest, quote } from '../../base/diagnostic.ts';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { shown } from '../../domain/download/shown.ts';
import { type Coming, isSame, roomIn, taken } from '../../domain/iso/decide.ts';
import { type Image, type ImageRecord, type ImageRecords, isTouched } from '../../domain/iso/record.ts';
import { kindOf } from '../../domain/volume/content.ts';
import { systemClock } from '../clock.ts';
import { askAbout } from './ask.ts';
import { copyWhole } from './copying.ts';
import { digestOf } from './digest.ts';
import { download } from './download.ts';
import { headOf } from './head.ts';
import { IsoRecords } from './iso-records.ts';
import { withFileLock } from './lock.ts';
import { dropPart, syncFolder, type Unfinished, unfinishedIn, type Whole } from './part.ts';
import type { OnProgress } from './progress.ts';
import { checkLength, freeBytes } from './space.ts';

export interface IsoStoreOptions {
  /** What HTTP serves below /isos/. */
  readonly folder: string;
  /** Folder of the durable state. */
  readonly state: string;
  /** All images together, bytes; 0: no limit. */
  readonly quota: number;
  /** What the file system keeps, bytes. */
  readonly keepFree: number;
  readonly now: () => number;
}

export interface AddOrder {
  /** A URL, or the full path of a file of this computer. */
  readonly source: URL | string;
  readonly name: string;
  readonly sha256?: string | undefined;
  /** Replaces another image of this name. */
  readonly force: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

type Outcome = 'added' | 'replaced' | 'already there';

export interface Added extends Whole {
  readonly outcome: Outcome;
  /** What it looks like: `an ISO 9660 image`. */
  readonly kind?: string | undefined;
}

export interface Verified {
  readonly name: string;
  readonly bytes: number;
  /** As it is now. */
  readonly sha256: string;
  /** `recorded`: nothing was known of it until now. */
  readonly outcome: 'good' | 'recorded' | 'differs';
  /** What is noted of it. */
  readonly record: ImageRecord;
}

/** For everybody to read: HTTP gives them to everybody. */
const FOLDER_MODE = 0o755;
const STATE_MODE = 0o700;

/**
 * The images that nodes fetch from /isos/, and what is known of each. Files that somebody has put there by hand belong
 * to them. Works on the files alone, beside a running pxend and without one.
 */
export class IsoStore {
  readonly #options: IsoStoreOptions;
  readonly #records: IsoRecords;

  constructor(options: IsoStoreOptions) {
    this.#options = options;
    this.#records = new IsoRecords(join(options.state, 'isos.json'), this.#lock('.records'));
  }

  /** By name. */
  async images(): Promise<Image[]> {
    const [records, names] = await Promise.all([this.#records.read(), this.#names()]);
    const images = await Promise.all(names.map(name => this.#image(name, records[name])));
    return images.filter(image => image !== undefined);
  }

  /** What was begun and is not finished. */
  async unfinished(): Promise<Unfinished[]> {
    return unfinishedIn(this.#options.folder).catch(nothingThere<Unfinished>);
  }

  /** Bytes that the file system has left; undefined while there is no folder yet. */
  async free(): Promise<number | undefined> {
    return freeBytes(this.#options.folder).catch(() => undefined);
  }

  /** Rejects with CONFLICT when the name is taken or somebody is at it, with NO_SPACE, or as `download` does. */
  async add(order: AddOrder): Promise<Added> {
    return this.#exclusively(order.name, async () => {
      const image = await this.#find(order.name);
      const there = image && (await this.#alreadyThere(image, order));
      const added: Added = there ? { ...there, outcome: 'already there' } : await this.#fetch(order);
      return { ...added, kind: kindOf(await headOf(this.#path(order.name))) };
    });
  }

  /** Reads these images, or all, to the end and compares; of those that nothing is known of it notes the checksum. */
  async *verify(
    names: readonly string[],
    signal: AbortSignal,
    onProgress: (name: string, received: number, total: number | undefined) => void,
  ): AsyncGenerator<Verified> {
    const images = await this.images();
    for (const image of names.length === 0 ? images : names.map(name => knownAs(name, images))) {
      const tell: OnProgress = (received, total) => onProgress(image.name, received, total);
      yield await this.#exclusively(image.name, () => this.#verify(image, signal, tell));
    }
  }

  /** All of them or, when one is not known, none. Resolves to the names, each once. */
  async remove(names: readonly string[]): Promise<string[]> {
    const there = [...(await this.images()), ...(await this.unfinished())];
    const chosen = [...new Set(names.map(name => knownAs(name, there).name))];
    for (const name of chosen) await this.#exclusively(name, () => this.#remove(name));
    return chosen;
  }

  /** Undefined: only its content could tell, so it has to be fetched. */
  async #alreadyThere(image: Image, order: AddOrder): Promise<Whole | undefined> {
    const { force, onProgress, signal, source } = order;
    if (typeof source === 'string' && (await isSameFile(source, this.#path(image.name))))
      return this.#verify(image, signal, onProgress);
    const same = isSame(image, await comingFrom(order));
    if (same === false && !force) throw taken(image);
    return same && image.record ? { bytes: image.bytes, sha256: image.record.sha256 } : undefined;
  }

  async #fetch(order: AddOrder): Promise<Added> {
    const { name, onProgress, sha256, signal, source } = order;
    const { keepFree } = this.#options;
    const limits = { keepFree, ...(await this.#room(name)) };
    let outcome: Outcome = 'added';
    const accept = async (_file: string, place: () => Promise<void>, whole: Whole): Promise<void> => {
      outcome = await this.#settle(order, place, whole);
    };
    const rest = { to: this.#path(name), sha256, signal, onProgress, limits, accept };
    const whole = await (typeof source === 'string'
      ? copyWhole({ from: source, ...rest })
      : download({ url: source, ...rest }));
    return { ...whole, outcome };
  }

  /** The quota is looked at once more: another image may have come meanwhile. */
  async #settle(order: AddOrder, place: () => Promise<void>, whole: Whole): Promise<Outcome> {
    const { force, name, signal, source } = order;
    if (whole.bytes === 0) throw new PxenError('DOWNLOAD_FAILED', `${nameOf(source)} is empty`);
    const before = await this.#find(name);
    const same = before && (await this.#digest(before, signal)) === whole.sha256;
    if (before && !same && !force) throw taken(before);
    await this.#note(name, async () => {
      const { maxBytes, maxReason } = await this.#room(name);
      checkLength(nameOf(source), whole.bytes, { maxBytes, maxReason });
      if (!same) await place();
      return { ...whole, source: nameOf(source), addedAt: same ? before.record?.addedAt : undefined };
    });
    return same ? 'already there' : before ? 'replaced' : 'added';
  }

  async #verify(image: Image, signal: AbortSignal, tell: OnProgress): Promise<Verified> {
    const { name, record } = image;
    const whole = await digestOf(this.#path(name), signal, tell);
    if (record && record.sha256 !== whole.sha256) return { name, ...whole, outcome: 'differs', record };
    if (record && !isTouched(image)) return { name, ...whole, outcome: 'good', record };
    const noted = await this.#note(name, async () => ({ ...record, ...whole }));
    return { name, ...whole, outcome: record ? 'good' : 'recorded', record: noted };
  }

  async #remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
    await dropPart(this.#path(name));
    await syncFolder(this.#options.folder);
    await this.#change(async ({ [name]: _gone, ...others }) => others);
  }

  async #find(name: string): Promise<Image | undefined> {
    return (await this.images()).find(image => image.name === name);
  }

  async #digest(image: Image, signal: AbortSignal): Promise<string> {
    if (image.record && !isTouched(image)) return image.record.sha256;
    return (await digestOf(this.#path(image.name), signal, () => {})).sha256;
  }

  async #room(name: string): Promise<ReturnType<typeof roomIn>> {
    return roomIn(this.#options.quota, [...(await this.images()), ...(await this.unfinished())], name);
  }

  /** Does the work and notes what it comes back with, in one. */
  async #note(
    name: string,
    work: () => Promise<Whole & { source?: string | undefined; addedAt?: number | undefined }>,
  ): Promise<ImageRecord> {
    let noted: ImageRecord | undefined;
    await this.#change(async records => {
      const { addedAt = this.#options.now(), ...known } = await work();
      const { mtimeMs } = await stat(this.#path(name));
      noted = { ...known, addedAt, mtimeMs };
      return { ...records, [name]: noted };
    });
    if (!noted) throw new Error('nothing was noted');
    return noted;
  }

  /** Files that are gone are forgotten. */
  #change(change: (records: ImageRecords) => Promise<ImageRecords>): Promise<void> {
    return this.#records.change(async before => {
      const [records, names] = [await change(before), await this.#names()];
      return Object.fromEntries(Object.entries(records).filter(([name]) => names.includes(name)));
    });
  }

  /** Hidden files are parts, and nobody else's business. */
  async #names(): Promise<string[]> {
    const names = await readdir(this.#options.folder).catch(nothingThere<string>);
    return names.filter(name => !name.startsWith('.')).sort();
  }

  async #image(name: string, record: ImageRecord | undefined): Promise<Image | undefined> {
    const facts = await stat(this.#path(name)).catch(() => undefined);
    if (!facts?.isFile()) return undefined;
    return { name, bytes: facts.size, mtimeMs: facts.mtimeMs, record };
  }

  /** One command at a time for a name; a second one is told so at once. */
  async #exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
    await this.#makeFolders();
    let begun = false;
    try {
      return await withFileLock(this.#lock(name), 0, () => {
        begun = true;
        return work();
      });
    } catch (error) {
      if (begun || !(error instanceof PxenError)) throw error;
      throw new PxenError('CONFLICT', `${name}: another mesh iso is at work on it; wait for its end`, {
        cause: error,
      });
    }
  }

  async #makeFolders(): Promise<void> {
    const { folder } = this.#options;
    try {
      await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
      await mkdir(this.#lockFolder, { recursive: true, mode: STATE_MODE });
    } catch (error) {
      const code = ['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '')
        ? 'NO_PERMISSION'
        : 'STATE_UNUSABLE';
      throw new PxenError(code, messageOf(error), { cause: error });
    }
  }

  get #lockFolder(): string {
    return join(this.#options.state, 'isos');
  }

  #lock(name: string): string {
    return join(this.#lockFolder, `${name}.lock`);
  }

  #path(name: string): string {
    return join(this.#options.folder, name);
  }
}

/** What can be known of it without fetching it. */
async function comingFrom({ sha256, signal, source }: AddOrder): Promise<Coming> {
  const asked = { source: nameOf(source), sha256 };
  if (typeof source === 'string')
    return { ...asked, bytes: (await stat(source).catch(() => undefined))?.size };
  const answer = await askAbout(source, systemClock, signal);
  return answer?.status === 200 ? { ...asked, bytes: answer.bytes, validator: answer.validator } : asked;
}

function knownAs<T extends { readonly name: string }>(name: string, there: readonly T[]): T {
  const found = there.find(one => one.name === name);
  if (found) return found;
  const near = nearest(
    name,
    there.map(one => one.name),
  );
  const hint = near === undefined ? 'see: mesh iso list' : `did you mean ${near}?`;
  throw new PxenError('NOT_FOUND', `no image ${quote(name)}; ${hint}`);
}

/** For messages and records. */
function nameOf(source: URL | string): string {
  return typeof source === 'string' ? source : shown(source);
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map(path => stat(path).catch(() => undefined)));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

function nothingThere<T>(error: unknown): T[] {
  if (systemCode(error) === 'ENOENT') return [];
  throw error;
}
