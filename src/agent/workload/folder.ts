import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { appendFile, chmod, lstat, mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { STATE_FILES, WORKLOADS_FOLDER } from '../../domain/vm/statefiles.ts';

/** `sun_path` of unix(7) has 108 bytes, the last one a NUL. */
const LONGEST_SOCKET = 107;

/** The state folder of one workload, `/tmp/pxen/<uuid>` on the node (MH-30). */
export class StateFolder {
  readonly uuid: string;
  readonly path: string;

  /** The uuid has been judged: it is one harmless name (MH-5). */
  constructor(root: string, uuid: string) {
    this.uuid = uuid;
    this.path = join(root, WORKLOADS_FOLDER, uuid);
  }

  at(file: keyof typeof STATE_FILES): string {
    return join(this.path, STATE_FILES[file]);
  }

  /** Makes it where it is not there yet; the folder around it too. */
  async make(): Promise<void> {
    this.#refuseLongSockets();
    const around = join(this.path, '..');
    try {
      await mkdir(join(around, '..'), { recursive: true });
      for (const path of [around, this.path]) await ownFolder(path);
    } catch (error) {
      throw folderTrouble(error, this.path);
    }
  }

  #refuseLongSockets(): void {
    const longest = this.at('monitor');
    const bytes = Buffer.byteLength(longest);
    if (bytes <= LONGEST_SOCKET) return;
    throw new PxenError(
      'STATE_UNUSABLE',
      `${longest}: the path of a unix socket may have ${LONGEST_SOCKET} bytes at most, this one has ${bytes}`,
      { details: ['give the workload a shorter uuid, or the agent a shorter --root'] },
    );
  }

  async write(file: keyof typeof STATE_FILES, text: string): Promise<void> {
    const draft = `${this.at(file)}.new`;
    try {
      await writeFile(draft, text, { mode: 0o600 });
      await rename(draft, this.at(file));
    } catch (error) {
      throw folderTrouble(error, this.at(file));
    }
  }

  /** Trimmed; undefined when it is not there. */
  read(file: keyof typeof STATE_FILES): string | undefined {
    try {
      return readFileSync(this.at(file), 'utf8').trim();
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw folderTrouble(error, this.at(file));
    }
  }

  /** Begins output.log anew: what it holds belongs to an earlier start. */
  async beginLog(): Promise<void> {
    await writeFile(this.at('log'), '', { mode: 0o600 }).catch(error => {
      throw folderTrouble(error, this.at('log'));
    });
  }

  /** For whoever looks into output.log afterwards (MH-3). */
  async note(text: string): Promise<void> {
    await this.make();
    await appendFile(this.at('log'), text, { mode: 0o600 });
  }

  /** Removes what a virtual machine leaves; what its volumes need stays, and output.log when it is to be kept. */
  async clear(keep: { readonly log: boolean }): Promise<void> {
    const kept: string[] = [STATE_FILES.volumes, ...(keep.log ? [STATE_FILES.log] : [])];
    const names = await readdir(this.path).catch(absent);
    for (const name of names ?? []) {
      if (!kept.includes(name)) await rm(join(this.path, name), { recursive: true, force: true });
    }
    await rmdir(this.path).catch(error => {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(systemCode(error) ?? '')) throw error;
    });
  }
}

/** The workloads of which something is on the node, by uuid; names that are none are handed to `strange`. */
export function stateFolders(
  root: string,
  isUuid: (name: string) => boolean,
  strange: (path: string) => void,
): StateFolder[] {
  const around = join(root, WORKLOADS_FOLDER);
  try {
    if (!lstatSync(around).isDirectory()) return [];
    return readdirSync(around, { withFileTypes: true }).flatMap(entry => {
      if (entry.isDirectory() && isUuid(entry.name)) return new StateFolder(root, entry.name);
      strange(join(around, entry.name));
      return [];
    });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw folderTrouble(error, around);
  }
}

/** In /tmp anybody could have laid a link or a folder of his own before us. */
async function ownFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch(error => {
    if (systemCode(error) !== 'EEXIST') throw error;
  });
  const found = await lstat(path);
  if (!found.isDirectory()) throw new PxenError('STATE_UNUSABLE', `${path}: is no folder; remove it`);
  if (found.uid !== process.getuid?.()) {
    throw new PxenError(
      'STATE_UNUSABLE',
      `${path}: belongs to user ${found.uid} and not to the agent; remove it`,
    );
  }
  if ((found.mode & 0o777) !== 0o700) await chmod(path, 0o700);
}

function absent(error: unknown): undefined {
  if (systemCode(error) === 'ENOENT') return undefined;
  throw error;
}

function folderTrouble(error: unknown, path: string): PxenError {
  if (error instanceof PxenError) return error;
  const full = ['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '');
  const text = full ? 'the file system is full' : messageOf(error);
  return new PxenError(full ? 'NO_SPACE' : 'STATE_UNUSABLE', `${path}: ${text}`, { cause: error });
}
