import { type GuestAnswer, MOST_GUEST_BYTES } from '../../../api/guest.ts';
import { formatBytes } from '../../../base/bytes.ts';
import { PxenError } from '../../../base/error.ts';
import type { Context } from '../../context.ts';
import { GuestOutput } from '../../output/guest.ts';
import { printable } from '../../output/table.ts';
import { askGuest, theWorkload } from './guest-ask.ts';
import { called, type Input, readSome } from './input.ts';

export interface GuestExecOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** File, or `-` for standard input. */
  readonly input: string | undefined;
  /** `NAME=VALUE`. */
  readonly env: readonly string[];
  readonly seconds: number;
  /** Escape sequences and all, also on a terminal. */
  readonly raw: boolean;
}

/** `mesh workload guest exec`: exit status of the program, 128 and the signal's number when one ended it. */
export async function workloadGuestExec(
  context: Context,
  word: string,
  options: GuestExecOptions,
  standardInput: Input = process.stdin,
): Promise<number> {
  const { json, terminal } = context;
  const [path = '', ...args] = options.command;
  const workload = await theWorkload(context, [word]);
  const input = options.input === undefined ? undefined : await inputOf(options.input, standardInput);
  const about = { path, args, env: [...options.env], timeoutSeconds: options.seconds };
  const answer = await askGuest(context, workload, { ask: 'exec', ...about, input });
  const { errors, exitCode, output, signal, truncated } = answer;
  if (exitCode === undefined && signal === undefined) throw goesOn(workload, options);
  if (json)
    terminal.json({ workload, exitCode, signal, output: textOf(output), errors: textOf(errors), truncated });
  else print(context, workload, answer, options.raw);
  return exitOf(answer);
}

async function inputOf(file: string, standardInput: Input): Promise<string> {
  const bytes = await readSome(file, standardInput, MOST_GUEST_BYTES);
  if (bytes.length <= MOST_GUEST_BYTES) return Buffer.from(bytes).toString('base64');
  throw new PxenError('USAGE', `${called(file)} has more than ${formatBytes(MOST_GUEST_BYTES)}`, {
    details: ['put it into the guest with mesh workload guest write, and let the program read it there'],
  });
}

function print(context: Context, workload: string, answer: GuestAnswer, raw: boolean): void {
  const { terminal } = context;
  for (const [stream, content = ''] of [
    ['stdout', answer.output],
    ['stderr', answer.errors],
  ] as const) {
    const output = new GuestOutput(terminal, { stream, raw });
    output.take(Buffer.from(content, 'base64'));
    output.end();
  }
  if (answer.truncated)
    terminal.warn(
      printable(
        `mesh: ${workload}: the output is cut; let it go into a file, and fetch that: mesh workload guest read`,
      ),
    );
  if (answer.signal !== undefined)
    terminal.warn(printable(`mesh: ${workload}: the program was ended by signal ${answer.signal}`));
}

function textOf(content = ''): string {
  return Buffer.from(content, 'base64').toString('utf8');
}

/** A guest may say any number, and the system takes what is left of it in 8 bits. */
function exitOf({ exitCode, signal }: GuestAnswer): number {
  const status = signal === undefined ? (exitCode ?? 1) : 128 + signal;
  return status >= 0 && status <= 255 ? status : 255;
}

function goesOn(workload: string, { command, seconds }: GuestExecOptions): PxenError {
  return new PxenError(
    'TIMEOUT',
    `${workload}: ${command[0]} did not end within ${seconds} s; it goes on in the guest`,
    { details: ['give it more time with -t, or start it in the background and look at its files'] },
  );
}
