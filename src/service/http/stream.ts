import type { ServerResponse } from 'node:http';
import type { ServedFile } from '../../base/served.ts';

/** Big enough that a gigabyte costs a thousand thread-pool reads and not sixteen thousand (baselines part C). */
const CHUNK = 1 << 20;

/** What became of an answer. */
export interface Sent {
  readonly bytes: number;
  /** False when the client went away before the end. */
  readonly complete: boolean;
}

/**
 * Sends the file's bytes [start, end) through two buffers: while one is on the wire the other is filled.
 * A buffer is written again only after the socket has let go of it.
 */
export async function streamFile(
  file: ServedFile,
  range: { start: number; end: number },
  response: ServerResponse,
): Promise<Sent> {
  const size = Math.min(CHUNK, Math.max(1, range.end - range.start));
  const buffers = [Buffer.allocUnsafe(size), Buffer.allocUnsafe(size)] as const;
  let inFlight: Promise<boolean> = Promise.resolve(true);
  let at = range.start;
  for (let turn = 0; at < range.end; turn ^= 1) {
    const buffer = buffers[turn === 0 ? 0 : 1].subarray(0, Math.min(size, range.end - at));
    const read = await file.readInto(buffer, at);
    if (!(await inFlight)) return { bytes: at - range.start, complete: false };
    // Cut off: the file got shorter under us. The length is promised already, so the connection must end.
    if (read < buffer.length) return broken(response, at - range.start);
    inFlight = written(response, buffer);
    at += read;
  }
  const complete = await inFlight;
  return { bytes: at - range.start, complete };
}

/** The parts one after the other, in memory already. */
export async function streamParts(parts: readonly Uint8Array[], response: ServerResponse): Promise<Sent> {
  let bytes = 0;
  for (const part of parts) {
    if (!(await written(response, part))) return { bytes, complete: false };
    bytes += part.length;
  }
  return { bytes, complete: true };
}

/** Resolves when the system has taken the bytes: true, or false when the connection is gone. */
function written(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  return new Promise(resolve => {
    if (response.destroyed) return resolve(false);
    const gone = (): void => resolve(false);
    response.once('close', gone);
    response.write(bytes, error => {
      response.off('close', gone);
      resolve(!error);
    });
  });
}

function broken(response: ServerResponse, bytes: number): Sent {
  response.destroy();
  return { bytes, complete: false };
}
