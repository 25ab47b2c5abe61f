import { lstat, mkdir, readFile, realpath, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { formatBytes } from '../../base/bytes.ts';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { meminfoKib } from '../../domain/node/meminfo.ts';
import type { Found } from '../../domain/volume/decide.ts';
import { volumePath } from '../../domain/workload/values.ts';
import { headOf } from '../../io/files/head.ts';
import { partPaths } from '../../io/files/part.ts';
import type { Limits } from '../../io/files/space.ts';

/** statfs(2): tmpfs, ramfs, and the overlayfs that is the root of a diskless node, with a tmpfs on top. */
const IN_MEMORY = [0x0102_1994, 0x8584_58f6, 0x794c_7630];

/** The agent has its state and its log there, too: so much of a file system is not for volumes, bytes. */
const KEEP_FREE = 32 << 20;

/** Files of this node by their path; all of them hang under one root, `/` on a node and a folder in tests. */
export class Places {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  real(path: string): string {
    return join(this.#root, path);
  }

  /** What a path leads to. */
  async look(path: string): Promise<Pick<Found, 'what' | 'version'> & { readonly bytes?: number }> {
    try {
      const facts = await stat(await this.inside(path), { bigint: true });
      if (facts.isBlockDevice()) return { what: 'device' };
      if (!facts.isFile()) return { what: 'something else' };
      const { blocks, dev, ino, mtimeNs, size } = facts;
      const version = [dev, ino, size, mtimeNs].join(' ');
      return { what: 'file', version, bytes: Number(blocks) * 512 };
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return { what: 'nothing' };
      throw placeTrouble(path, error);
    }
  }

  /** The beginning of a file. */
  async head(path: string): Promise<Uint8Array> {
    try {
      return await headOf(await this.inside(path));
    } catch (error) {
      throw placeTrouble(path, error);
    }
  }

  /** Makes the folders that lead to it; resolves to those that are new, the innermost first. */
  async makeFolders(path: string): Promise<readonly string[]> {
    try {
      const folder = dirname(await this.inside(path));
      const first = await mkdir(folder, { recursive: true });
      return first === undefined ? [] : foldersBetween(folder, first);
    } catch (error) {
      throw placeTrouble(path, error);
    }
  }

  /** Of folders that `makeFolders` made: those that are empty again. */
  async removeFolders(folders: readonly string[]): Promise<void> {
    for (const folder of folders) {
      if (
        !(await rmdir(folder).then(
          () => true,
          () => false,
        ))
      )
        return;
    }
  }

  /** Deletes a file, or the link to one; never a folder or a device. Resolves to whether something is gone. */
  async remove(path: string): Promise<boolean> {
    try {
      const real = await this.inside(path);
      const facts = await lstat(real);
      if (!facts.isFile() && !facts.isSymbolicLink()) return false;
      await rm(real);
      return true;
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return false;
      throw placeTrouble(path, error);
    }
  }

  /**
   * How long a file there may be: what lies in memory must leave room for the virtual machines. The file systems of a
   * diskless node promise more than the memory has. `grown`: where it grows, what is there of it already counts once.
   */
  async limits(path: string, grown: string = partPaths(this.real(path)).part): Promise<Limits> {
    if (await this.outlivesReboot(path)) return { keepFree: KEEP_FREE };
    const meminfo = await readFile(this.real('/proc/meminfo'), 'utf8').catch(() => '');
    const available = meminfoKib(meminfo, 'MemAvailable') * 1024;
    if (available === 0) return { keepFree: KEEP_FREE };
    const part = await lstat(grown).catch(() => undefined);
    return {
      keepFree: KEEP_FREE,
      maxBytes: Math.max(0, available + (part?.blocks ?? 0) * 512 - KEEP_FREE),
      maxReason: `${path} lies in the memory of the node, of which ${formatBytes(available)} are available`,
    };
  }

  /** Whether a file there is still there after the node went down. */
  async outlivesReboot(path: string): Promise<boolean> {
    const { type } = await statfs(dirname(this.real(path)));
    return !IN_MEMORY.includes(type);
  }

  /** Rejects with FORBIDDEN where links on the way lead to a place that the path of a volume may not name. */
  async refuseDetour(path: string): Promise<void> {
    try {
      const folder = await realpath(await lastExisting(dirname(await this.inside(path))));
      const place = join(sep, relative(await realpath(this.#root), folder), basename(path));
      const verdict = volumePath(place);
      if ('value' in verdict) return;
      throw new PxenError('FORBIDDEN', `${path} leads to ${place}, expected ${verdict.expected}`);
    } catch (error) {
      throw placeTrouble(path, error);
    }
  }

  /** The real path, once it is certain that no link on the way leads out of the root. Of `/` nothing leads out. */
  async inside(path: string): Promise<string> {
    const real = this.real(path);
    const root = await realpath(this.#root);
    if (root === sep) return real;
    const existing = await realpath(await lastExisting(dirname(real)));
    if (existing === root || existing.startsWith(root + sep)) return real;
    throw new PxenError('FORBIDDEN', `${path} leads out of ${this.#root}`);
  }
}

async function lastExisting(folder: string): Promise<string> {
  const found = await lstat(folder).catch(() => undefined);
  return found || folder === sep ? folder : lastExisting(dirname(folder));
}

/** From the innermost up to `first`. */
function foldersBetween(innermost: string, first: string): string[] {
  return innermost === first ? [first] : [innermost, ...foldersBetween(dirname(innermost), first)];
}

function placeTrouble(path: string, error: unknown): PxenError {
  if (error instanceof PxenError) return error;
  const code = systemCode(error) ?? '';
  if (['ENOTDIR', 'EEXIST'].includes(code))
    return new PxenError('WORKLOAD_INVALID', `${path}: something on the way is a file and no folder`, {
      cause: error,
    });
  if (['EACCES', 'EPERM', 'EROFS'].includes(code))
    return new PxenError('NO_PERMISSION', `${path}: ${messageOf(error)}`, { cause: error });
  return new PxenError(code === 'ENOSPC' ? 'NO_SPACE' : 'WORKLOAD_FAILED', `${path}: ${messageOf(error)}`, {
    cause: error,
  });
}
