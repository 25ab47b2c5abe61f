import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

/** A child process whose output is kept, in memory for questions and in a file for people. */
export class RoomProcess {
  readonly name: string;
  readonly startedAt = performance.now();
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  readonly #listeners = new Set<() => void>();
  #output = '';
  #exit: number | null | undefined;

  /** pdeathsig: whatever happens to this process, none of the room's outlives it. */
  constructor(
    name: string,
    argv: readonly string[],
    logFile: string,
    environment: NodeJS.ProcessEnv = process.env,
  ) {
    this.name = name;
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment,
    });
    const log = createWriteStream(logFile);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        log.write(text);
        this.#notify();
      });
    }
    this.#ended = new Promise(resolve => {
      this.#child.once('error', error => {
        this.#output += `${error.message}\n`;
        resolve(null);
      });
      this.#child.once('close', code => resolve(code));
    });
    void this.#ended.then(code => {
      this.#exit = code;
      log.end();
      this.#notify();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Everything it printed so far. */
  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** The first match in its output, now or later; rejects with the last lines when the time is over or the process ends first. */
  async saw(pattern: RegExp, milliseconds: number): Promise<RegExpMatchArray> {
    const deadline = performance.now() + milliseconds;
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match) return match;
      const left = deadline - performance.now();
      if (!this.running || left <= 0) throw this.#never(pattern, milliseconds);
      await this.#change(left);
    }
  }

  ended(): Promise<number | null> {
    return this.#ended;
  }

  /** Asks it to end, insists after a grace period. Resolves with its exit status. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMilliseconds = 5000): Promise<number | null> {
    if (this.running) this.#child.kill(signal);
    const insist = setTimeout(() => this.#child.kill('SIGKILL'), graceMilliseconds);
    const code = await this.#ended;
    clearTimeout(insist);
    return code;
  }

  #change(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.#listeners.add(done);
    });
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #never(pattern: RegExp, milliseconds: number): Error {
    const why = this.running ? `not within ${milliseconds / 1000} s` : `it ended with ${this.#exit}`;
    const tail = this.#output.trimEnd().split('\n').slice(-25).join('\n');
    return new Error(`${this.name}: ${pattern} never showed (${why}); its last lines:\n${tail}`);
  }
}
