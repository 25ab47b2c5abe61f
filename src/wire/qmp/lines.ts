import { concat } from '../../base/bytes.ts';

const NEWLINE = 0x0a;
/** Bytes of a buffer that is kept when a line is over. */
const KEPT = 64 * 1024;

/**
 * Cuts a stream of bytes into lines, wherever the pieces that it comes in begin and end. Bytes and not text, so that a
 * character whose bytes come in two pieces stays whole.
 */
export class LineSplitter {
  #longest: number;
  /** The line under way is the first `#size` bytes of it. */
  #buffer = newBuffer();
  #size = 0;

  /** `longest`: bytes of a line without its newline. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** From now on; the line under way is one of them. */
  allow(longest: number): void {
    this.#longest = longest;
  }

  /** The lines that are whole now, without their newlines; `tooLong` when one passed the limit: all is lost from there on. */
  feed(bytes: Uint8Array): { readonly lines: readonly Uint8Array[]; readonly tooLong: boolean } {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      if (this.#size + end - start > this.#longest) return { lines, tooLong: true };
      lines.push(concat([this.#buffer.subarray(0, this.#size), bytes.subarray(start, end)]));
      this.#size = 0;
      if (this.#buffer.length > KEPT) this.#buffer = newBuffer();
      start = end + 1;
    }
    const rest = bytes.subarray(start);
    if (this.#size + rest.length > this.#longest) return { lines, tooLong: true };
    this.#keep(rest);
    return { lines, tooLong: false };
  }

  #keep(piece: Uint8Array): void {
    const size = this.#size + piece.length;
    if (size > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(size, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = larger;
    }
    this.#buffer.set(piece, this.#size);
    this.#size = size;
  }
}

function newBuffer(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(4096);
}
