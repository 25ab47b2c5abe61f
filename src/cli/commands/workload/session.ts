import { spawnSync } from 'node:child_process';
import type { Duplex, Readable, Writable } from 'node:stream';

/** Where somebody types and reads: a terminal, or pipes of a script. */
export interface Around {
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean };
  /** Every key goes through as it is and everything is shown as it comes, or all is as it was before. */
  raw(on: boolean): void;
  /** Signals, and `exit`. */
  readonly process: Pick<NodeJS.EventEmitter, 'on' | 'off'>;
}

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

/** Who ended it. */
export interface Parting {
  readonly by: 'user' | 'time' | 'connection' | (typeof SIGNALS)[number];
  /** What the system said of a connection. */
  readonly cause?: string | undefined;
}

/** SGR 0 and DECTCEM: colours off, cursor on. A guest may have left them otherwise. */
const PLAIN = '\u001b[0m\u001b[?25h';

/** The process that runs this. */
export function thisProcess(): Around {
  const { stdin: input, stdout: output } = process;
  const raw = (on: boolean): void => {
    input.setRawMode(on);
    // Node leaves ONLCR on: each LF of a full-screen program, which means a line down, would also go to the first column.
    if (on) spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
  };
  return { input, output, raw, process };
}

/**
 * Carries bytes both ways between a console and a terminal, which is raw meanwhile and as before after it, whatever the
 * way out. The end of input that is no terminal ends nothing: the console is read on.
 */
export class ConsoleSession {
  readonly #connection: Duplex;
  readonly #around: Around;
  readonly #escape: number | undefined;
  readonly #seconds: number | undefined;
  readonly #undo: (() => void)[] = [];

  constructor(
    connection: Duplex,
    around: Around,
    options: { escape: number | undefined; seconds: number | undefined },
  ) {
    this.#connection = connection;
    this.#around = around;
    this.#escape = options.escape;
    this.#seconds = options.seconds;
  }

  async run(): Promise<Parting> {
    try {
      return await new Promise<Parting>(resolve => {
        this.#makeRaw();
        this.#watchConnection(resolve);
        this.#watchSignals(resolve);
        this.#watchInput(resolve);
        if (this.#seconds !== undefined) this.#watchTime(this.#seconds, resolve);
      });
    } finally {
      for (const step of this.#undo.reverse()) step();
    }
  }

  #makeRaw(): void {
    const { input, output, process, raw } = this.#around;
    if (input.isTTY !== true) return;
    const restore = (): void => {
      raw(false);
      if (output.isTTY === true) output.write(PLAIN);
    };
    // Also when something throws or calls exit().
    process.on('exit', restore);
    this.#undo.push(() => process.off('exit', restore), restore);
    raw(true);
  }

  #watchConnection(part: (parting: Parting) => void): void {
    const { output } = this.#around;
    const connection = this.#connection;
    let cause: string | undefined;
    connection.on('error', error => {
      cause = error.message;
    });
    connection.on('end', () => part({ by: 'connection' }));
    connection.on('close', () => part({ by: 'connection', cause }));
    connection.pipe(output, { end: false });
    this.#undo.push(() => {
      connection.unpipe(output);
      connection.destroy();
    });
  }

  #watchSignals(part: (parting: Parting) => void): void {
    for (const signal of SIGNALS) {
      const heard = (): void => part({ by: signal });
      this.#around.process.on(signal, heard);
      this.#undo.push(() => this.#around.process.off(signal, heard));
    }
  }

  #watchInput(part: (parting: Parting) => void): void {
    const { input } = this.#around;
    const typed = (bytes: Buffer): void => {
      const at = this.#escape === undefined ? -1 : bytes.indexOf(this.#escape);
      this.#send(at < 0 ? bytes : bytes.subarray(0, at));
      if (at >= 0) part({ by: 'user' });
    };
    // A terminal has no end unless somebody closed its window.
    const gone = (): void => {
      if (input.isTTY === true) part({ by: 'SIGHUP' });
    };
    input.on('data', typed).on('end', gone).on('error', gone);
    this.#undo.push(() => {
      input.off('data', typed).off('end', gone).pause();
    });
  }

  /** A full connection holds back a file, but never a terminal: the escape key must work when the guest does not listen. */
  #send(bytes: Uint8Array): void {
    const { input } = this.#around;
    if (this.#connection.write(bytes) || input.isTTY === true) return;
    input.pause();
    this.#connection.once('drain', () => input.resume());
  }

  #watchTime(seconds: number, part: (parting: Parting) => void): void {
    const timer = setTimeout(() => part({ by: 'time' }), seconds * 1000);
    this.#undo.push(() => clearTimeout(timer));
  }
}
