import type { Writable } from 'node:stream';

/** Resolves when whoever is at the other end has taken it, or has gone. */
export function written(stream: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise(resolve => {
    if (stream.destroyed || bytes.length === 0) return resolve();
    const done = (): void => {
      stream.off('close', done);
      resolve();
    };
    stream.once('close', done);
    stream.write(bytes, done);
  });
}
