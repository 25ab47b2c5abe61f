import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { HEAD_BYTES } from '../../domain/volume/content.ts';

/** The beginning of a file, enough to tell what it holds. Does not wait for the writer of a FIFO. */
export async function headOf(file: string): Promise<Uint8Array> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const head = new Uint8Array(HEAD_BYTES);
    const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
