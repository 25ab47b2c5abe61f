import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { systemClock } from '../clock.ts';
import type { Whole } from './part.ts';
import { type OnProgress, Progress } from './progress.ts';

const BLOCK = 1 << 20;

/** SHA-256 and size of a file of any size. Rejects with FILE_MISSING. */
export async function digestOf(path: string, signal: AbortSignal, onProgress: OnProgress): Promise<Whole> {
  const hash = createHash('sha256');
  const progress = new Progress(systemClock, onProgress);
  let bytes = 0;
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = await handle.stat();
      const block = Buffer.allocUnsafe(BLOCK);
      while (true) {
        const { bytesRead } = await handle.read(block, 0, BLOCK, bytes);
        if (bytesRead === 0) break;
        if (signal.aborted) throw new PxenError('DOWNLOAD_FAILED', `${path}: stopped`);
        hash.update(block.subarray(0, bytesRead));
        bytes += bytesRead;
        progress.at(bytes, size);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof PxenError) throw error;
    const why = systemCode(error) === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new PxenError('FILE_MISSING', `${path}: ${why}`, { cause: error });
  }
  progress.end(bytes);
  return { bytes, sha256: hash.digest('hex') };
}
