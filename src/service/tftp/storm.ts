import type { Ipv4 } from '../../base/ipv4.ts';
import { isRefusal, type Refusal, type ServedFile, type ServedFiles } from '../../base/served.ts';

type Answer = ServedFile | Refusal;

/**
 * A rack that is switched on asks for one file hundreds of times within milliseconds. Requests that come while the
 * file is being opened share what the first one gets; a later request looks at the disk again.
 */
export class StormFiles implements ServedFiles {
  readonly #files: ServedFiles;
  readonly #opening = new Map<string, Promise<Answer>>();

  constructor(files: ServedFiles) {
    this.#files = files;
  }

  /** Never rejects. What has no version was made for one client and is never shared. */
  async open(name: string, peer?: Ipv4): Promise<Answer> {
    const underWay = this.#opening.get(name);
    if (underWay === undefined) return this.#openFirst(name, peer);
    const answer = await underWay;
    return answer instanceof SharedFile ? answer.share() : this.#files.open(name, peer);
  }

  async #openFirst(name: string, peer?: Ipv4): Promise<Answer> {
    const opening = this.#files
      .open(name, peer)
      .then(answer => (isRefusal(answer) || answer.version === undefined ? answer : new SharedFile(answer)));
    this.#opening.set(name, opening);
    try {
      return await opening;
    } finally {
      this.#opening.delete(name);
    }
  }
}

/** A file with several owners; the last one to close it closes it. */
class SharedFile implements ServedFile {
  readonly size: number;
  readonly mtimeMs: number;
  readonly version: string | undefined;
  readonly #file: ServedFile;
  #owners = 1;

  constructor(file: ServedFile) {
    this.size = file.size;
    this.mtimeMs = file.mtimeMs;
    this.version = file.version;
    this.#file = file;
  }

  share(): this {
    this.#owners++;
    return this;
  }

  readInto(buffer: Uint8Array, offset: number): Promise<number> {
    return this.#file.readInto(buffer, offset);
  }

  async unchanged(): Promise<boolean> {
    return (await this.#file.unchanged?.()) ?? true;
  }

  async close(): Promise<void> {
    if (--this.#owners === 0) await this.#file.close();
  }
}
