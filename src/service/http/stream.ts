import type { ServerResponse } from 'node:http';
import type { ServedFile } from '../../base/served.ts';

/** Big enough that a gigabyte costs a thousand thread-pool reads and not sixteen thousand (baselines part C). */
const CHUNK = 1 << 20;

/** What became of an answer. */
export interface Sent {
  /** What the system has taken over; what the client has read may be less. */
  readonly bytes: number;
  /** Why it ended early; absent when everything was sent. */
  readonly trouble?: string;
}

/** The bytes [start, end). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const GONE = 'the client went away';

/**
 * Sends this part of the file through two buffers: while one is on the wire the other is filled. A buffer is written
 * again only after the socket has let go of it. The last one goes out only if the file still is what it was at the start:
 * a client must not take a mixture of two files for one.
 */
export async function streamFile(
  file: ServedFile,
  range: ByteRange,
  response: ServerResponse,
): Promise<Sent> {
  const size = Math.min(CHUNK, Math.max(1, range.end - range.start));
  const buffers = [Buffer.allocUnsafe(size), Buffer.allocUnsafe(size)] as const;
  let onTheWire: Promise<number | undefined> = Promise.resolve(0);
  let sent = 0;
  for (let at = range.start, turn = 0; at < range.end; turn ^= 1) {
    const buffer = buffers[turn === 0 ? 0 : 1].subarray(0, Math.min(size, range.end - at));
    const read = await file.readInto(buffer, at);
    const taken = await onTheWire;
    if (taken === undefined) return { bytes: sent, trouble: GONE };
    sent += taken;
    // The length is promised already, so the connection must end.
    if (read < buffer.length) return broken(response, sent, 'the file became shorter while it was sent');
    at += read;
    if (at >= range.end && (await file.unchanged?.()) === false)
      return broken(response, sent, 'the file was changed while it was sent');
    onTheWire = written(response, buffer);
  }
  const taken = await onTheWire;
  return taken === undefined ? { bytes: sent, trouble: GONE } : { bytes: sent + taken };
}

/** This part of what the members make up together, in memory already. */
export async function streamParts(
  members: readonly Uint8Array[],
  range: ByteRange,
  response: ServerResponse,
): Promise<Sent> {
  let bytes = 0;
  let at = 0;
  for (const member of members) {
    const part = member.subarray(Math.max(0, range.start - at), Math.max(0, range.end - at));
    at += member.length;
    if (part.length === 0) continue;
    const taken = await written(response, part);
    if (taken === undefined) return { bytes, trouble: GONE };
    bytes += taken;
  }
  return { bytes };
}

/**
 * Resolves to the number of bytes when the system has taken them, or to undefined when the connection is gone.
 * Both are listened for: a write that waits in a connection that dies may never be called back.
 */
function written(response: ServerResponse, bytes: Uint8Array): Promise<number | undefined> {
  return new Promise(resolve => {
    if (response.destroyed) return resolve(undefined);
    const gone = (): void => resolve(undefined);
    response.once('close', gone);
    response.write(bytes, error => {
      response.off('close', gone);
      resolve(error ? undefined : bytes.length);
    });
  });
}

function broken(response: ServerResponse, bytes: number, trouble: string): Sent {
  response.destroy();
  return { bytes, trouble };
}
