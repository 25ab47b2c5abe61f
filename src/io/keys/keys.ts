import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import * as fs from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import type { Credentials } from '../../domain/overlay/builtin.ts';
import { generateRsaKey, generateSshKey, type SshKeyPair } from './openssh.ts';
import { readSecret, syncFolder, writeSecret } from './secret.ts';

// See the note on callbacks in secret.ts.
const stat = promisify(fs.stat);
const mkdtemp = promisify(fs.mkdtemp);
const rename = promisify(fs.rename);

const KEY = 'ssh_host_ed25519_key';
const HOST0_KEY = 'id_ed25519';
const LIBVIRT_KEY = 'id_rsa';
const TOKEN = 'token';

/** Secret files under /var/pxen/state/keys: `<machine id>/` for each machine with an overlay of its own, `host0/` and `libvirt/` for the appliance. */
export class KeyFolder {
  readonly #root: string;
  /** Syncs of the root: what runs, and what those share who came since it began. */
  #syncing: Promise<void> = Promise.resolve();
  #nextSync: Promise<void> | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** Made on first use. However many ask at once, also from several processes, all get the same. Rejects with STATE_UNUSABLE. */
  async credentials(id: MachineId): Promise<Credentials> {
    const known = await this.find(id);
    if (known) return known;
    const files = machineFiles(id);
    return (await this.#create(id, files)) ? credentialsOf(files) : this.#need(id);
  }

  /** Undefined when nobody has asked for this machine's credentials yet. */
  async find(id: MachineId): Promise<Credentials | undefined> {
    const names = [KEY, `${KEY}.pub`, TOKEN];
    const files = await this.#read(id, names);
    return files && credentialsOf(Object.fromEntries(names.map((name, index) => [name, files[index] ?? ''])));
  }

  /** Compares in constant time; false for a machine without credentials. */
  async tokenMatches(id: MachineId, token: string): Promise<boolean> {
    const known = await this.find(id);
    return timingSafeEqual(digest(token), digest(known?.token ?? '')) && known !== undefined;
  }

  /** The key pair with which host0 logs in on nodes; made on first use. Rejects with STATE_UNUSABLE. */
  host0(): Promise<SshKeyPair> {
    return this.#pair('host0', HOST0_KEY, () => generateSshKey('pxen@host0'));
  }

  /** The key pair with which host0 logs in on libvirt hosts (TC-1); made on first use. Rejects with STATE_UNUSABLE. */
  libvirt(): Promise<SshKeyPair> {
    return this.#pair('libvirt', LIBVIRT_KEY, () => generateRsaKey('pxen@host0 for libvirt'));
  }

  /** The public key that the admin puts on libvirt hosts. */
  get libvirtPublicKey(): string {
    return join(this.#root, 'libvirt', `${LIBVIRT_KEY}.pub`);
  }

  async #pair(
    owner: string,
    name: string,
    generate: () => SshKeyPair | Promise<SshKeyPair>,
  ): Promise<SshKeyPair> {
    const names = [name, `${name}.pub`];
    let files = await this.#read(owner, names);
    if (!files) {
      await this.#create(owner, pairFiles(name, await generate()));
      files = await this.#read(owner, names);
    }
    const [privateKey, publicKey] = files ?? [];
    if (!privateKey || !publicKey) throw this.#unusable(owner, 'it vanished while it was being made');
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

  /**
   * A folder appears whole or not at all: rename refuses to replace one that is not empty, so the first process wins.
   * False when that was another one.
   */
  async #create(owner: string, files: Readonly<Record<string, string>>): Promise<boolean> {
    const folder = join(this.#root, owner);
    try {
      const draft = await this.#draft(owner);
      try {
        for (const [name, text] of Object.entries(files)) await writeSecret(join(draft, name), text);
        await syncFolder(draft);
        await rename(draft, folder);
      } catch (error) {
        await rm(draft, { recursive: true, force: true });
        if (!['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) throw error;
        return false;
      }
      await this.#syncRoot();
      return true;
    } catch (error) {
      throw this.#unusable(owner, messageOf(error), error);
    }
  }

  async #draft(owner: string): Promise<string> {
    const prefix = join(this.#root, `.${owner}-`);
    try {
      return await mkdtemp(prefix);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      await mkdir(this.#root, { recursive: true, mode: 0o700 });
      return mkdtemp(prefix);
    }
  }

  /** One for all who ask while another one runs: it begins after whatever they did. */
  #syncRoot(): Promise<void> {
    this.#nextSync ??= this.#syncing
      .catch(() => {})
      .then(() => {
        this.#nextSync = undefined;
        this.#syncing = syncFolder(this.#root);
        return this.#syncing;
      });
    return this.#nextSync;
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

function credentialsOf(files: Readonly<Record<string, string>>): Credentials {
  const { [KEY]: hostKeyPrivate = '', [`${KEY}.pub`]: hostKeyPublic = '', [TOKEN]: token = '' } = files;
  return { hostKeyPrivate, hostKeyPublic: hostKeyPublic.trim(), token: token.trim() };
}

/** Digests have one length, so the comparison tells nothing about the length of the token either. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
