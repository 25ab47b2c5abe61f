import { createHash, hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Layer } from '../../domain/overlay/layer.ts';

/** Hashed in one go, bytes; then the event loop gets its turn. About 1 ms. */
const SLICE = 1024 * 1024;

/** SHA-256 of file contents, hex, each content hashed once while anybody holds it. */
export class ContentHashes {
  readonly #known = new WeakMap<Uint8Array, string>();

  of(content: Uint8Array): string {
    const known = this.#known.get(content) ?? sha256(content);
    this.#known.set(content, known);
    return known;
  }

  /** Hashes what is large in slices, so that `of` need not do it in one go. */
  async prepare({ items }: Layer): Promise<void> {
    for (const item of items) {
      if (!('content' in item) || item.content.length <= SLICE || this.#known.has(item.content)) continue;
      const sum = createHash('sha256');
      for (let at = 0; at < item.content.length; at += SLICE) {
        await nextTurn();
        sum.update(item.content.subarray(at, at + SLICE));
      }
      this.#known.set(item.content, sum.digest('hex'));
    }
  }
}

/** Hex. */
export function sha256(content: Uint8Array | string): string {
  return hash('sha256', content, 'hex');
}
