import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import type { Credentials } from '../../domain/overlay/builtin.ts';
import { generateSshKey, type SshKeyPair } from './openssh.ts';
import { readSecret, writeSecret } from './secret.ts';

const KEY = 'ssh_host_ed25519_key';
const HOST0_KEY = 'id_ed25519';
const TOKEN = 'token';

/** Secret files under /var/pxen/state/keys: `<machine id>/` for each machine with an overlay of its own, `host0/` for the appliance. */
export class KeyFolder {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Made on first use. However many ask at once, also from several processes, all get the same. Rejects with STATE_UNUSABLE. */
  async credentials(id: MachineId): Promise<Credentials> {
    const known = await this.find(id);
    if (known) return known;
    await this.#create(id, machineFiles(id));
    return this.#need(id);
  }

  /** Undefined when nobody has asked for this machine's credentials yet. */
  async find(id: MachineId): Promise<Credentials | undefined> {
    const files = await this.#read(id, [KEY, `${KEY}.pub`, TOKEN]);
    if (!files) return undefined;
    const [hostKeyPrivate = '', hostKeyPublic = '', token = ''] = files;
    return { hostKeyPrivate, hostKeyPublic: hostKeyPublic.trim(), token: token.trim() };
  }

  /** Compares in constant time; false for a machine without credentials. */
  async tokenMatches(id: MachineId, token: string): Promise<boolean> {
    const known = await this.find(id);
    return timingSafeEqual(digest(token), digest(known?.token ?? '')) && known !== undefined;
  }

  /** The key pair with which host0 logs in on nodes; made on first use. Rejects with STATE_UNUSABLE. */
  async host0(): Promise<SshKeyPair> {
    const names = [HOST0_KEY, `${HOST0_KEY}.pub`];
    let files = await this.#read('host0', names);
    if (!files) {
      await this.#create('host0', pairFiles(HOST0_KEY, generateSshKey('pxen@host0')));
      files = await this.#read('host0', names);
    }
    const [privateKey, publicKey] = files ?? [];
    if (!privateKey || !publicKey) throw this.#unusable('host0', 'it vanished while it was being made');
    return { privateKey, publicKey: publicKey.trim() };
  }

  async #need(id: MachineId): Promise<Credentials> {
    const made = await this.find(id);
    if (!made) throw this.#unusable(id, 'it vanished while it was being made');
    return made;
  }

  /** The files of one owner; undefined when there is no such folder. */
  async #read(owner: string, names: readonly string[]): Promise<string[] | undefined> {
    const folder = join(this.#root, owner);
    try {
      await stat(folder);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw this.#unusable(owner, messageOf(error), error);
    }
    try {
      return await Promise.all(names.map(name => readSecret(join(folder, name))));
    } catch (error) {
      throw this.#unusable(owner, messageOf(error), error);
    }
  }

  /** A folder appears whole or not at all: rename refuses to replace one that is not empty, so the first process wins. */
  async #create(owner: string, files: Readonly<Record<string, string>>): Promise<void> {
    const folder = join(this.#root, owner);
    try {
      await mkdir(this.#root, { recursive: true, mode: 0o700 });
      const draft = await mkdtemp(join(this.#root, `.${owner}-`));
      try {
        for (const [name, text] of Object.entries(files)) await writeSecret(join(draft, name), text);
        await syncFolder(draft);
        await rename(draft, folder);
        await syncFolder(this.#root);
      } catch (error) {
        await rm(draft, { recursive: true, force: true });
        if (!['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) throw error;
      }
    } catch (error) {
      throw this.#unusable(owner, messageOf(error), error);
    }
  }

  #unusable(owner: string, problem: string, cause?: unknown): PxenError {
    const folder = join(this.#root, owner);
    return new PxenError('STATE_UNUSABLE', `keys in ${folder}: ${problem}`, {
      cause,
      details: [
        `look at: ls -la ${folder}; to have new keys made, move the folder away: the machine gets them at its next boot`,
      ],
    });
  }
}

function machineFiles(id: MachineId): Record<string, string> {
  const token = randomBytes(32).toString('base64url');
  return { ...pairFiles(KEY, generateSshKey(`pxen@${id}`)), [TOKEN]: `${token}\n` };
}

function pairFiles(name: string, pair: SshKeyPair): Record<string, string> {
  return { [name]: pair.privateKey, [`${name}.pub`]: `${pair.publicKey}\n` };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Digests have one length, so the comparison tells nothing about the length of the token either. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
