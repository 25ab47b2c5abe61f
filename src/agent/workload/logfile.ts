import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { systemCode } from '../../base/error.ts';

/** A log that is longer is cut in place, so that no chatty guest fills the node's memory. Bytes. */
const LONGEST = 1 << 20;
/** What stays of it. */
const KEPT = LONGEST / 2;

/**
 * A file that an engine appends to (O_APPEND), kept short from here. Places in it count from where it once began, so they hold
 * when its beginning is cut off.
 */
export class LogFile {
  readonly path: string;
  /** Bytes cut off so far. */
  #cut = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** Cuts it when it has become too long. In one go: what is written meanwhile is lost, and that is microseconds. */
  shorten(): void {
    this.#open('r+', file => {
      const { size } = fstatSync(file);
      if (size <= LONGEST) return;
      const tail = read(file, size - KEPT, KEPT);
      writeSync(file, tail, 0, tail.length, 0);
      ftruncateSync(file, tail.length);
      this.#cut += size - tail.length;
    });
  }

  /** Where it ends, and its last lines. */
  tail(lines: number, bytes = LONGEST): { readonly end: number; readonly text: Buffer } {
    const found = this.#open('r', file => {
      const { size } = fstatSync(file);
      const from = Math.max(0, size - bytes);
      const content = read(file, from, size - from);
      return { end: this.#cut + from + content.length, text: lastLines(content, lines) };
    });
    return found ?? { end: this.#cut, text: Buffer.alloc(0) };
  }

  /** What came after this place; undefined when the file is gone. */
  since(place: number, most: number): { readonly end: number; readonly text: Buffer } | undefined {
    return this.#open('r', file => {
      const { size } = fstatSync(file);
      // A start makes the file anew: then it is read from its beginning.
      const from = place - this.#cut > size ? 0 : Math.max(0, place - this.#cut);
      const text = read(file, from, Math.min(most, size - from));
      return { end: this.#cut + from + text.length, text };
    });
  }

  #open<T>(flags: 'r' | 'r+', use: (file: number) => T): T | undefined {
    let file: number;
    try {
      file = openSync(this.path, flags);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return use(file);
    } finally {
      closeSync(file);
    }
  }
}

function read(file: number, from: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const got = readSync(file, buffer, filled, length - filled, from + filled);
    if (got === 0) break;
    filled += got;
  }
  return buffer.subarray(0, filled);
}

/** A line that is not finished yet counts. */
function lastLines(content: Buffer, lines: number): Buffer {
  if (lines <= 0) return Buffer.alloc(0);
  let at = content.at(-1) === 0x0a ? content.length - 1 : content.length;
  for (let left = lines; left > 0; left -= 1) {
    if (at <= 0) return content;
    at = content.lastIndexOf(0x0a, at - 1);
  }
  return content.subarray(at + 1);
}
