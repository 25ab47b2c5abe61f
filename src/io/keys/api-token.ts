import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { writeAtomic } from '../files/atomic.ts';
import { readSecret, writeSecret } from './secret.ts';

/** The file `api-token` beside the keys: one token a line, all of which open the API on the network. */
export class ApiTokenFile {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get path(): string {
    return join(this.#folder, 'api-token');
  }

  /** Every token that is good now. Rejects with STATE_UNUSABLE or NO_PERMISSION. */
  async all(): Promise<readonly string[]> {
    try {
      const text = await readSecret(this.path);
      return text.split('\n').flatMap(line => (line.trim() === '' ? [] : [line.trim()]));
    } catch (error) {
      throw this.#unusable(error);
    }
  }

  /** The first token; made where there is none. However many processes ask at once, all get the same. */
  async make(): Promise<string> {
    try {
      if (!existsSync(this.path)) await this.#create();
    } catch (error) {
      throw this.#unusable(error);
    }
    const [first] = await this.all();
    if (first === undefined) throw this.#unusable(new Error('it has no token in it'));
    return first;
  }

  /** A new token in the place of all there were. */
  async rotate(): Promise<string> {
    const token = newToken();
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeAtomic(this.path, `${token}\n`, 0o600);
    } catch (error) {
      throw this.#unusable(error);
    }
    return token;
  }

  /** link() fails where rename() would replace: the first one stays. */
  async #create(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const draft = `${this.path}.${randomUUID()}.tmp`;
    try {
      await writeSecret(draft, `${newToken()}\n`);
      await link(draft, this.path);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  #unusable(error: unknown): PxenError {
    if (systemCode(error) === 'EACCES' || systemCode(error) === 'EPERM')
      return new PxenError('NO_PERMISSION', `${this.path}: no permission; run as root`, { cause: error });
    return new PxenError('STATE_UNUSABLE', `API token ${this.path}: ${messageOf(error)}`, {
      cause: error,
      details: ['to have a new one made: mesh system token --rotate'],
    });
  }
}

/** 256 bits. */
function newToken(): string {
  return randomBytes(32).toString('base64url');
}
