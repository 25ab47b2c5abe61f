import * as fs from 'node:fs';
import { join, sep } from 'node:path';
import { promisify } from 'node:util';
import { formatBytes } from '../../base/bytes.ts';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import {
  type FoundFile,
  type SourceFile,
  type SourceFiles,
  type Stamp,
  UNSETTLED,
} from '../../domain/overlay/source.ts';

// A build reads thousands of small files. The promises of node:fs cost several times as much a file as its callbacks.
const open = promisify(fs.open);
const read = promisify(fs.read);
const stat = promisify(fs.stat);
const readdir = promisify(fs.readdir);
const realpath = promisify(fs.realpath.native);

/** Milliseconds. Two writes within one tick of the kernel (10 at most) give a file the same times. */
const TICK = 50;

/** The files below one folder, addressed as if that folder were `/`. */
export class FileTree implements SourceFiles {
  readonly #root: string;
  #actualRoot = '';

  constructor(root: string) {
    this.#root = root;
  }

  async folders(path: string): Promise<readonly string[] | undefined> {
    const folder = join(this.#root, path);
    const entries = await entriesIn(folder);
    if (!entries) return undefined;
    const visible = entries
      .filter(({ name }) => !name.startsWith('.'))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const areFolders = await Promise.all(visible.map(entry => isFolder(folder, entry)));
    return visible.filter((_, index) => areFolders[index]).map(({ name }) => name);
  }

  async read(path: string, limit: number): Promise<SourceFile> {
    const full = join(this.#root, path);
    let stamp: Stamp = UNSETTLED;
    try {
      const found = await stat(full);
      stamp = stampOf(found);
      return { ...(await this.#content(full, found, limit)), stamp };
    } catch (error) {
      return { ...failure(error), stamp: stamp === UNSETTLED ? stampOfFailure(error) : stamp };
    }
  }

  async stamp(path: string): Promise<Stamp> {
    return stat(join(this.#root, path)).then(stampOf, stampOfFailure);
  }

  /** Looked at before it is opened: opening a pipe waits for its writer, opening a device may set something off. */
  async #content(full: string, found: fs.Stats, limit: number): Promise<FoundFile> {
    const actual = this.#root === sep ? full : await realpath(full);
    if (!(await this.#holds(actual))) return unusable(`leads out of ${this.#root}`);
    if (!found.isFile()) return unusable(found.isDirectory() ? 'is a directory' : 'is not a regular file');
    if (found.size > limit) return tooLarge(found.size, limit);
    return readRegular(actual, found.size, limit);
  }

  /** Where the root leads to is looked up again before anything is refused: it may be a link that was moved. */
  async #holds(actual: string): Promise<boolean> {
    if (this.#root === sep) return true;
    if (this.#actualRoot !== '' && actual.startsWith(this.#actualRoot)) return true;
    this.#actualRoot = `${await realpath(this.#root)}${sep}`;
    return actual.startsWith(this.#actualRoot);
  }
}

/** Opens without blocking, in case the file was replaced after it was looked at. */
async function readRegular(path: string, size: number, limit: number): Promise<FoundFile> {
  const file = await open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  try {
    const parts: Uint8Array[] = [];
    // One byte more than there should be: a whole file takes one read that does not fill its buffer.
    for (let total = 0, room = size + 1; ; room = 65_536) {
      const { bytesRead, buffer } = await read(file, Buffer.allocUnsafe(room), 0, room, null);
      total += bytesRead;
      parts.push(buffer.subarray(0, bytesRead));
      if (total > limit) return unusable('grows while it is read');
      if (bytesRead < room)
        return { kind: 'file', content: parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts) };
    }
  } finally {
    // What was only read has nothing to wait for, and a way through the thread pool costs more than this.
    fs.closeSync(file);
  }
}

/** A file that is written or replaced gets another one. */
function stampOf({ ino, size, mtimeMs, ctimeMs }: fs.Stats): Stamp {
  const age = Date.now() - Math.max(mtimeMs, ctimeMs);
  return Math.abs(age) < TICK ? UNSETTLED : `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

function stampOfFailure(error: unknown): Stamp {
  return systemCode(error) ?? messageOf(error);
}

function unusable(reason: string): FoundFile {
  return { kind: 'unusable', reason };
}

function tooLarge(size: number, limit: number): FoundFile {
  return unusable(`has ${formatBytes(size)}, more than the ${formatBytes(limit)} that are allowed`);
}

function failure(error: unknown): FoundFile {
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

async function entriesIn(folder: string): Promise<fs.Dirent[] | undefined> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new PxenError('FILE_MISSING', `${folder}: cannot be listed (${messageOf(error)})`, {
      cause: error,
    });
  }
}

/** Some file systems tell no types. */
async function isFolder(parent: string, entry: fs.Dirent): Promise<boolean> {
  if (entry.isDirectory()) return true;
  if (entry.isFile()) return false;
  const found = await stat(join(parent, entry.name)).catch(() => undefined);
  return found?.isDirectory() ?? false;
}
