import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { systemClock } from '../clock.ts';
import type { DownloadOptions } from './download.ts';
import { PartFile, type Whole } from './part.ts';
import { Progress } from './progress.ts';
import { checkLength, checkSpace } from './space.ts';

export interface CopyOptions extends Omit<DownloadOptions, 'url'> {
  /** A regular file of this computer. */
  readonly from: string;
}

const BLOCK = 1 << 20;

/**
 * The same as `download` for a file of this computer: whole or not at all, with its checksum. Where the file system can,
 * the copy shares its blocks with the source. Rejects with FILE_MISSING, or as `download` does.
 */
export async function copyWhole(options: CopyOptions): Promise<Whole> {
  const { accept, from, limits, onProgress, sha256, signal, to } = options;
  const source = await openSource(from);
  try {
    const before = await source.stat({ bigint: true });
    const size = Number(before.size);
    checkLength(from, size, limits);
    const part = (await PartFile.clone(from, to, signal)) ?? (await PartFile.open(to, from, signal));
    try {
      if (part.bytes < size) await fill(part, source, size, options);
      if (signal.aborted) throw new PxenError('DOWNLOAD_FAILED', `${from}: stopped`);
      if (versionOf(await source.stat({ bigint: true })) !== versionOf(before))
        throw new PxenError('DOWNLOAD_FAILED', `${from} was changed while it was copied; try again`);
      const whole = await part.finish(sha256, accept, from);
      onProgress(whole.bytes, whole.bytes);
      return whole;
    } catch (error) {
      // It costs little to copy it again.
      await part.drop();
      throw error;
    } finally {
      await part.close();
    }
  } finally {
    await source.close();
  }
}

/** Looks before it opens: opening a FIFO would wait for a writer. */
async function openSource(path: string): Promise<FileHandle> {
  try {
    if (!(await stat(path)).isFile()) throw new PxenError('FILE_MISSING', `${path} is no regular file`);
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof PxenError) throw error;
    const why = systemCode(error) === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new PxenError('FILE_MISSING', `${path}: ${why}`, { cause: error });
  }
}

async function fill(
  part: PartFile,
  source: FileHandle,
  size: number,
  { clock = systemClock, from, limits, onProgress, signal, to }: CopyOptions,
): Promise<void> {
  await part.restart({ url: from });
  await checkSpace(dirname(to), from, size, limits?.keepFree ?? 0);
  const progress = new Progress(clock, onProgress);
  const block = Buffer.allocUnsafe(BLOCK);
  while (part.bytes < size && !signal.aborted) {
    const { bytesRead } = await source.read(block, 0, BLOCK, part.bytes);
    if (bytesRead === 0) return;
    await part.append(block.subarray(0, bytesRead));
    progress.at(part.bytes, size);
  }
}

function versionOf({ mtimeNs, size }: BigIntStats): string {
  return `${size} ${mtimeNs}`;
}
