import { PxenError } from '../../base/error.ts';
import type { Swap } from '../../domain/vm/swap.ts';
import type { Life } from '../workload/life.ts';
import type { GuestCommands } from './guest-channel.ts';

/** Runs one machine on its engine. Which driver for which launch: drivers.ts. */
export interface Driver {
  /** Starts its process, and knows its pid. Rejects with one sentence on why not, and then there is none. */
  launch(): Promise<Launched>;
  /** Rejects with TIMEOUT, or with WORKLOAD_FAILED and the engine's words. */
  connect(options: Connecting): Promise<Control>;
  /** How a process came to its end that is gone. Waits a moment for what is only just being written. */
  autopsy(): Promise<Autopsy>;
  /** Clears away what the engine itself keeps of a machine that is gone; nothing of it may be there any more. */
  forget(): Promise<void>;
  /** How the agent in the guest is asked, where it is not behind the socket `qga` of the state folder. */
  guest?(): GuestCommands;
}

/** A process that was started and that outlives the agent. */
export interface Launched {
  readonly pid: number;
  /** Resolves when it has ended and how is known to `autopsy`. */
  readonly ended: Promise<void>;
  /** Ends it at once. */
  kill(): void;
}

export interface Connecting {
  /** Milliseconds, for the engine to come up and to answer. */
  readonly timeout: number;
  /** Aborted: it gives up. */
  readonly signal?: AbortSignal | undefined;
  /** What the machine tells unasked: called with what makes the new state of the one before. */
  readonly onChange: (change: (life: Life) => Life) => void;
}

/** A machine that runs can be asked and commanded. Everything rejects with WORKLOAD_FAILED or TIMEOUT. */
export interface Control {
  /** What it does now. */
  look(): Promise<Life>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Asks the guest to shut down, where the launch says that this can be done. */
  pressPowerButton(): Promise<void>;
  /** Ends the machine without asking its guest. What is not in its volumes yet is written. */
  quit(): Promise<void>;
  /** An answer to QMP's `query-blockstats`. Undefined: this engine does not count. */
  blockStats(): Promise<unknown>;
  /** Bytes that the guest has now. For one with a balloon. */
  guestMemory(): Promise<number>;
  /** Asks the guest to do with so many bytes, or lets it have them again; when, is for its balloon driver to say. */
  setGuestMemory(bytes: number): Promise<void>;
  /** What a launcher with `swap` has decided. */
  swap?(swap: Swap, limits: SwapLimits): Promise<void>;
  /** Resolves when there is no connection any more, whoever ended it. Never rejects. */
  readonly closed: Promise<void>;
  /** The machine goes on. */
  close(): void;
}

/** What the machine had is gone, and what it should get did not come. */
export class LeftEmpty extends PxenError {}

export interface SwapLimits {
  /** Milliseconds that the guest has to give up what it holds. */
  readonly patience: number;
  /** Aborted: it is waited for no longer. */
  readonly signal?: AbortSignal | undefined;
}

export interface Autopsy {
  /** Exit status as the shell tells it: 128 and the signal's number when one ended it. */
  readonly status?: number | undefined;
  /** The reason in one sentence, where the engine itself knows it. */
  readonly reason?: string | undefined;
}
