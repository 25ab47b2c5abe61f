import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { messageOf } from '../base/error.ts';

export interface ExecOptions {
  /** Milliseconds; then the program gets SIGKILL. */
  readonly timeout: number;
  /** Bytes kept of each output; the rest is read and thrown away. Default 64 KiB. */
  readonly maxOutput?: number;
  /** Aborted: SIGKILL at once. */
  readonly signal?: AbortSignal;
  /** For its standard input. Default: nothing is there to read. */
  readonly input?: string;
}

/** How a program ended. `failure` is set when it never started. */
export interface Execution {
  readonly command: string;
  /** Undefined when a signal ended it or it never started. */
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly failure: Error | undefined;
}

/** Runs a program without a shell and waits for its end. Never rejects: the caller judges the result. */
export type Exec = (file: string, args: readonly string[], options: ExecOptions) => Promise<Execution>;

export const exec: Exec = (file, args, options) =>
  new Promise(resolve => {
    const child = started(file, args, options.input);
    const stdout = collect(child.stdout, options.maxOutput);
    const stderr = collect(child.stderr, options.maxOutput);
    const command = commandLine(file, args);
    let timedOut = false;
    const kill = (): void => {
      child.kill('SIGKILL');
      // Its own children may hold the pipes open and would keep us waiting.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, options.timeout);
    options.signal?.addEventListener('abort', kill, { once: true });
    if (options.signal?.aborted) kill();
    const end = (
      result: Partial<Record<'exitCode', number>> & { signal?: string; failure?: Error },
    ): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', kill);
      const { exitCode, signal, failure } = result;
      resolve({ command, exitCode, signal, failure, stdout: stdout(), stderr: stderr(), timedOut });
    };
    child.on('error', failure => end({ failure }));
    child.on('close', (exitCode, signal) =>
      end({ ...(exitCode === null ? {} : { exitCode }), ...(signal === null ? {} : { signal }) }),
    );
  });

function started(
  file: string,
  args: readonly string[],
  input: string | undefined,
): ChildProcessByStdio<Writable | null, Readable, Readable> {
  if (input === undefined) return spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  // It may end without having read all of it.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return child;
}

function collect(stream: NodeJS.ReadableStream, limit = 64 * 1024): () => string {
  const pieces: Buffer[] = [];
  let room = limit;
  stream.on('data', (piece: Buffer) => {
    if (room > 0) pieces.push(piece.subarray(0, room));
    room -= piece.length;
  });
  return () => Buffer.concat(pieces).toString('utf8');
}

/** One sentence on how a program failed, with the last line it wrote; undefined when it ended with 0. */
export function failureOf(execution: Execution): string | undefined {
  const { exitCode, failure, signal, timedOut } = execution;
  if (exitCode === 0 && !timedOut) return undefined;
  const last = execution.stderr.trim().split('\n').at(-1);
  const words = last ? `: ${last}` : '';
  if (failure) return `cannot be started: ${messageOf(failure)}`;
  if (timedOut) return `took too long and was ended${words}`;
  return exitCode === undefined ? `was ended by ${signal}${words}` : `ended with status ${exitCode}${words}`;
}

/** Quoted for a POSIX shell, so that it can be pasted into one. */
export function commandLine(file: string, args: readonly string[]): string {
  return [file, ...args]
    .map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}
