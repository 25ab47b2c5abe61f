import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatBytes } from '../../base/bytes.ts';
import { PxenError, systemCode } from '../../base/error.ts';

export interface Limits {
  /** The file may be no longer, bytes. */
  readonly maxBytes?: number | undefined;
  /** Why not, as the end of a sentence. */
  readonly maxReason?: string | undefined;
  /** Bytes that the file system must still have when the file is whole. */
  readonly keepFree?: number | undefined;
}

/** Bytes that may still be written below this folder. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Throws NO_SPACE when a file of so many bytes may not come. */
export function checkLength(what: string, bytes: number, limits: Limits | undefined): void {
  const { maxBytes = Number.POSITIVE_INFINITY, maxReason } = limits ?? {};
  if (bytes <= maxBytes) return;
  const most = formatBytes(Math.max(0, maxBytes));
  const why = maxReason === undefined ? '' : `: ${maxReason}`;
  throw new PxenError(
    'NO_SPACE',
    `${what}: it has ${formatBytes(bytes)} or more, but at most ${most} may come${why}`,
  );
}

/** Throws NO_SPACE unless `needed` bytes fit into the folder's file system and leave `keepFree` there. */
export async function checkSpace(
  folder: string,
  what: string,
  needed: number,
  keepFree: number,
): Promise<void> {
  const free = await freeBytes(folder);
  if (free - needed >= keepFree) return;
  const spared = keepFree > 0 ? `, and ${formatBytes(keepFree)} have to stay free` : '';
  throw await noSpace(folder, what, `${formatBytes(needed)} needed${spared}`);
}

/** NO_SPACE naming the file system. */
export async function noSpace(
  folder: string,
  what: string,
  why: string,
  cause?: unknown,
): Promise<PxenError> {
  const [place, free] = await Promise.all([mountPoint(folder), freeBytes(folder)]);
  return new PxenError('NO_SPACE', `${what}: no space: ${why}; ${place} has ${formatBytes(free)} free`, {
    cause,
    details: [`make room below ${place} and try again; what was fetched so far is deleted`],
  });
}

/** The system says that a disk, a quota or the largest size of a file is reached. */
export function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(error) ?? '');
}

/** The folder on which the file system is mounted. */
async function mountPoint(folder: string): Promise<string> {
  const { dev } = await stat(folder);
  let top = folder;
  while (top !== '/' && (await stat(dirname(top))).dev === dev) top = dirname(top);
  return top;
}
