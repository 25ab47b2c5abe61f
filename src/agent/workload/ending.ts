import { constants } from 'node:os';
import * as z from 'zod';
import type { Ending } from '../../domain/workload/status.ts';

/** What was seen of the end of a virtual machine. */
export interface Seen {
  /** The engine, as sentences call it. */
  readonly called: string;
  /** It never came to life: the agent ended in the middle of its start. */
  readonly cutOff?: boolean | undefined;
  /** `reason` of the SHUTDOWN event, a ShutdownCause of QEMU's qapi/run-state.json. */
  readonly shutdown?: string | undefined;
  /** Exit status as the shell tells it: 128 and the signal's number when one ended it. */
  readonly status?: number | undefined;
  /** The reason in one sentence, where the engine itself tells it. */
  readonly reason?: string | undefined;
  /** The last lines of output.log. */
  readonly output: string;
}

const SHUTDOWNS: Readonly<Record<string, (called: string) => string>> = {
  'guest-shutdown': () => 'the guest shut down',
  'guest-reset': () => 'the guest reset, which ends it',
  'guest-panic': () => 'the guest panicked',
  'host-signal': called => `somebody on the node told ${called} to end, by a signal`,
  'host-qmp-quit': called => `somebody on the node told ${called} to end, over its monitor`,
  'host-ui': called => `somebody closed the display of ${called}`,
  'host-error': called => `${called} gave up because of an error on the node`,
  'subsystem-reset': called => `${called} reset it, which ends it`,
};

/** Of the contract, see api/workload-status.ts. */
const MAX_REASON = 512;
const MAX_OUTPUT = 4096;

/** Why a virtual machine is gone, in one sentence, and what its engine said last. */
export function decideEnding(seen: Seen): Ending {
  const signal = seen.status === undefined ? undefined : signalOf(seen.status);
  const exitCode = signal === undefined ? seen.status : undefined;
  return {
    reason: reasonOf(seen, signal).slice(0, MAX_REASON),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
    output: seen.output.slice(-MAX_OUTPUT),
  };
}

function reasonOf(seen: Seen, signal: string | undefined): string {
  const { called, cutOff, output, reason, shutdown, status } = seen;
  if (cutOff) return 'the agent of the node ended in the middle of its start';
  if (signal !== undefined) return `${called} was ended by signal ${signal}`;
  if (shutdown !== undefined) return SHUTDOWNS[shutdown]?.(called) ?? `${called} ended it: ${shutdown}`;
  if (reason !== undefined) return reason;
  if (status !== undefined && status !== 0) {
    const words = output.trimEnd().split('\n').at(-1);
    return `${called} ended with status ${status}${words ? `: ${words}` : ''}`;
  }
  if (status === 0)
    return `${called} ended while no agent watched: its guest shut down, or somebody told it to`;
  return `${called} is gone, and nobody saw how it ended`;
}

function signalOf(status: number): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => 128 + number === status)?.[0];
}

const endingSchema = z.object({
  reason: z.string(),
  exitCode: z.number().optional(),
  signal: z.string().optional(),
  output: z.string(),
});

/** For the file `exit`, instead of the bare number that the shell left there. */
export function formatEnding(ending: Ending): string {
  return `${JSON.stringify(ending)}\n`;
}

/** Content of the file `exit`: a status of the shell, or the ending that an agent made of it. */
export function readExit(text: string | undefined): { readonly status?: number; readonly ending?: Ending } {
  if (text === undefined) return {};
  if (/^\d{1,3}$/.test(text)) return { status: Number(text) };
  try {
    return { ending: endingSchema.parse(JSON.parse(text)) };
  } catch {
    return {};
  }
}
