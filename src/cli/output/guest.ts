import { printable } from './table.ts';
import type { Terminal } from './terminal.ts';

/** What a terminal takes for commands: colours and cursor (CSI), titles and clipboard (OSC, DCS and the like), two-character ones. */
const ESCAPES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;

/** A line of a guest for a terminal: it may not steer it, and its colours go without a trace. */
export function guestLine(line: string): string {
  return line.replace(ESCAPES, '').split('\t').map(printable).join('\t');
}

/** Cuts what a guest writes, piece by piece, into lines. Serial lines end with one or more CR and an LF; a CR alone overwrites, so it ends a line too. */
export class GuestLines {
  readonly #decoder = new TextDecoder();
  readonly #show: (line: string) => void;
  #rest = '';

  constructor(show: (line: string) => void) {
    this.#show = show;
  }

  take(bytes: Uint8Array): void {
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true });
    const end = text.lastIndexOf('\n') + 1;
    this.#rest = text.slice(end);
    if (end > 0) this.#lines(text.slice(0, end - 1));
    if (this.#rest.length > LONGEST) this.end();
  }

  /** What is left has no line break. */
  end(): void {
    if (this.#rest !== '') this.#lines(this.#rest);
    this.#rest = '';
  }

  #lines(text: string): void {
    for (const line of text.split('\n')) {
      const parts = line.split('\r').filter(part => part !== '');
      for (const part of parts.length === 0 ? [''] : parts) this.#show(part);
    }
  }
}

/**
 * What a guest writes, on its way out: byte by byte into files and pipes, line by line onto a terminal, which it may not
 * steer. Nobody knows whether standard error is one, so that always goes line by line.
 */
export class GuestOutput {
  readonly #take: (bytes: Uint8Array) => void;
  readonly #lines: GuestLines;

  constructor(terminal: Terminal, { raw, stream }: { raw: boolean; stream: 'stdout' | 'stderr' }) {
    const asItIs = raw || (stream === 'stdout' && terminal.columns === undefined);
    this.#lines = new GuestLines(line => terminal.write(stream, `${guestLine(line)}\n`));
    this.#take = bytes => (asItIs ? terminal.write(stream, bytes) : this.#lines.take(bytes));
  }

  take(bytes: Uint8Array): void {
    this.#take(bytes);
  }

  end(): void {
    this.#lines.end();
  }
}

/** A guest need not ever end a line. Characters. */
const LONGEST = 64 * 1024;
