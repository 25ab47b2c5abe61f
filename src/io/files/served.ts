import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { quote } from '../../base/diagnostic.ts';
import { systemCode } from '../../base/error.ts';
import type { Refusal, ServedFile, ServedFiles } from '../../base/served.ts';

/** Names that begin with `prefix` (`''` or `boot/`) are files under the folder `root`. */
export interface Mount {
  readonly prefix: string;
  readonly root: string;
}

/** Regular files inside the roots, read-only. The mount with the longest prefix that has the file gives it. */
export class MountedFiles implements ServedFiles {
  readonly #mounts: readonly Mount[];

  constructor(mounts: readonly Mount[]) {
    this.#mounts = [...mounts].sort((a, b) => b.prefix.length - a.prefix.length);
  }

  async open(name: string): Promise<ServedFile | Refusal> {
    const relative = relativeName(name);
    if (relative === undefined) return forbidden(name, 'this name is not allowed');
    if (isHidden(relative)) return forbidden(name, 'hidden files are not served');
    for (const { prefix, root } of this.#mounts) {
      if (!relative.startsWith(prefix)) continue;
      try {
        const real = await insideRoot(root, relative.slice(prefix.length));
        if (real === undefined) return forbidden(name, 'it leads out of the served folder');
        return (await openRegular(real)) ?? forbidden(name, 'it is not a regular file');
      } catch (error) {
        const refusal = refusalFor(name, error);
        if (refusal.reason !== 'missing') return refusal;
      }
    }
    return { reason: 'missing', text: `${quote(name)}: no such file` };
  }
}

/**
 * The name below a root, or undefined when it could mean anything else.
 * A leading slash is dropped: DHCP servers and firmware like to write `/undionly.kpxe`.
 */
function relativeName(name: string): string | undefined {
  const relative = name.replace(/^\/+/, '');
  const parts = relative.split('/');
  // 4095: PATH_MAX of Linux without its NUL; a longer name cannot exist.
  if (relative.length > 4095 || relative.includes('\\') || relative.includes('\0')) return undefined;
  return parts.some(part => part === '' || part === '.' || part === '..') ? undefined : relative;
}

/** What begins with a dot is on its way or somebody's notes: unfinished downloads lie beside what they are to become. */
function isHidden(relative: string): boolean {
  return relative.split('/').some(part => part.startsWith('.'));
}

/** The real path of a file once every symlink is followed, or undefined when that leaves the root. */
async function insideRoot(root: string, relative: string): Promise<string | undefined> {
  const [realRoot, real] = await Promise.all([realpath(root), realpath(join(root, relative))]);
  return real.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep) ? real : undefined;
}

/**
 * Looks before it opens: opening a FIFO waits for a writer, and four of those stop libuv's whole thread pool
 * (baselines A6.10). O_NONBLOCK and the second look cover a file exchanged in between.
 */
async function openRegular(path: string): Promise<ServedFile | undefined> {
  if (!(await stat(path)).isFile()) return undefined;
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    const facts = await handle.stat({ bigint: true });
    if (facts.isFile()) {
      return new DiskFile(handle, Number(facts.size), Number(facts.mtimeMs), versionOf(facts));
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

class DiskFile implements ServedFile {
  readonly size: number;
  readonly mtimeMs: number;
  readonly version: string;
  readonly #handle: FileHandle;

  constructor(handle: FileHandle, size: number, mtimeMs: number, version: string) {
    this.#handle = handle;
    this.size = size;
    this.mtimeMs = mtimeMs;
    this.version = version;
  }

  async readInto(buffer: Uint8Array, offset: number): Promise<number> {
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await this.#handle.read(buffer, filled, buffer.length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  async unchanged(): Promise<boolean> {
    return this.#handle.stat({ bigint: true }).then(
      facts => versionOf(facts) === this.version,
      () => false,
    );
  }

  async close(): Promise<void> {
    await this.#handle.close().catch(() => {});
  }
}

/** Changes with the content, but for two writes within one tick of the kernel's clock (4 ms) that leave the size as it was. */
function versionOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino.toString(36)}-${size.toString(36)}-${mtimeNs.toString(36)}`;
}

function forbidden(name: string, why: string): Refusal {
  return { reason: 'forbidden', text: `${quote(name)}: ${why}` };
}

function refusalFor(name: string, error: unknown): Refusal {
  const code = systemCode(error);
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
      return { reason: 'missing', text: `${quote(name)}: no such file` };
    case 'EACCES':
    case 'EPERM':
    case 'ELOOP':
      return forbidden(name, `the system refuses to open it (${code})`);
    default:
      return { reason: 'unreadable', text: `${quote(name)}: cannot be opened (${code ?? 'unknown error'})` };
  }
}
