import type { Context } from '../context.ts';
import { type Download, progressLine, seen } from './progress.ts';

/** ECMA-48 EL: from the cursor to the end of the line. */
const CLEAR = '\u001b[K';

/** How far one file is, in a line that is written over and over; on a terminal only, and not with --json. */
export class TransferLine {
  readonly #context: Context;
  #download: Download | undefined;
  #shown = false;

  constructor(context: Context) {
    this.#context = context;
  }

  at(path: string, received: number, total: number | undefined): void {
    const { json, now, terminal } = this.#context;
    if (json || terminal.columns === undefined) return;
    const before = this.#download?.path === path ? this.#download : undefined;
    this.#download = seen(before, { path, received, total }, now());
    // A terminal whose size nobody set says 0; a line of full width would wrap.
    const text = progressLine([this.#download], now(), (terminal.columns || 80) - 1);
    if (text === undefined) return;
    terminal.write('stdout', `\r${text}${CLEAR}`);
    this.#shown = true;
  }

  /** Makes room for a line that stays. */
  clear(): void {
    if (this.#shown) this.#context.terminal.write('stdout', `\r${CLEAR}`);
    this.#shown = false;
  }
}
