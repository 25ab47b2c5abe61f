import { constants } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { formatBytes } from '../../base/bytes.ts';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import type { SourceFile, SourceFiles } from '../../domain/overlay/source.ts';

/** The files below one folder, addressed as if that folder were `/`. */
export class FileTree implements SourceFiles {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async folders(path: string): Promise<readonly string[]> {
    const folder = join(this.#root, path);
    const names = await namesIn(folder);
    const visible = names.filter(name => !name.startsWith('.')).sort();
    const areFolders = await Promise.all(visible.map(name => isFolder(join(folder, name))));
    return visible.filter((_, index) => areFolders[index]);
  }

  async read(path: string, limit: number): Promise<SourceFile> {
    try {
      const actual = await realpath(join(this.#root, path));
      if (!(await this.#holds(actual))) return unusable(`leads out of ${this.#root}`);
      const kind = await stat(actual);
      // Looked at before it is opened: opening a pipe waits for its writer, opening a device may set something off.
      if (!kind.isFile()) return unusable(kind.isDirectory() ? 'is a directory' : 'is not a regular file');
      return await readRegular(actual, limit);
    } catch (error) {
      return failure(error);
    }
  }

  async #holds(actual: string): Promise<boolean> {
    const root = await realpath(this.#root);
    return root === sep || actual.startsWith(root + sep);
  }
}

/** Opens without blocking and looks again, in case the file was replaced in between. */
async function readRegular(path: string, limit: number): Promise<SourceFile> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { size } = await handle.stat();
    if (size > limit)
      return unusable(`has ${formatBytes(size)}, more than the ${formatBytes(limit)} that are allowed`);
    const content = await handle.readFile();
    return content.length > limit ? unusable('grows while it is read') : { kind: 'file', content };
  } finally {
    await handle.close();
  }
}

function unusable(reason: string): SourceFile {
  return { kind: 'unusable', reason };
}

function failure(error: unknown): SourceFile {
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return { kind: 'missing', reason: 'does not exist' };
    case 'EACCES':
    case 'EPERM':
      return unusable('cannot be read: permission denied');
    case 'ELOOP':
      return unusable('is a link that leads to itself');
    default:
      return unusable(`cannot be read: ${messageOf(error)}`);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw new PxenError('FILE_MISSING', `${folder}: cannot be listed (${messageOf(error)})`, {
      cause: error,
    });
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}
