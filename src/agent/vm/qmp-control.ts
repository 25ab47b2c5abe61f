import * as z from 'zod';
import { PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import type { ProcessLaunch } from '../../domain/vm/launch.ts';
import type { Swap } from '../../domain/vm/swap.ts';
import type { QmpEvent } from '../../wire/qmp/message.ts';
import { type Life, lifeOf } from '../workload/life.ts';
import type { Connecting, Control, SwapLimits } from './driver.ts';
import { type Ask, swapVolume } from './qmp-swap.ts';

/** A connection to an engine's machine protocol, ready for commands. */
export interface Monitor {
  /** Rejects with WORKLOAD_FAILED and what the engine said, or with TIMEOUT. Milliseconds. */
  execute(command: string, args?: object, timeout?: number): Promise<unknown>;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Greeting and capabilities are done when it resolves. */
export type ConnectMonitor = (
  path: string,
  options: Pick<Connecting, 'timeout' | 'signal'> & {
    /** The engine, as sentences call it. */
    readonly called: string;
    readonly onEvent: (event: QmpEvent) => void;
  },
) => Promise<Monitor>;

/** For figures, milliseconds. An engine answers within one, unless it hangs or the node has too much to do. */
const ANSWER_TIMEOUT = 2000;
/** For what somebody waits for: on a node that starts several guests at once, the engine is busy with itself for seconds. */
const COMMAND_TIMEOUT = 20_000;
/** It opens a file first, and writes out what is not in the old one yet. */
const SWAP_TIMEOUT = 30_000;

const balloonSchema = z.object({ actual: z.number().nonnegative() });

/** What a machine is told in the words of QMP. */
export class QmpControl implements Control {
  readonly #monitor: Monitor;
  readonly #called: string;
  readonly #knows: ProcessLaunch['qmp'];
  readonly #clock: Clock;
  /** Settled when the last command was answered. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(monitor: Monitor, called: string, knows: ProcessLaunch['qmp'], clock: Clock) {
    this.#monitor = monitor;
    this.#called = called;
    this.#knows = knows;
    this.#clock = clock;
  }

  get closed(): Promise<void> {
    return this.#monitor.closed;
  }

  async look(): Promise<Life> {
    return lifeOf(await this.#command('query-status'), this.#called);
  }

  async pause(): Promise<void> {
    await this.#command('stop');
  }

  async resume(): Promise<void> {
    await this.#command('cont');
  }

  async pressPowerButton(): Promise<void> {
    await this.#execute('system_powerdown');
  }

  async quit(): Promise<void> {
    await this.#execute('quit');
  }

  async blockStats(): Promise<unknown> {
    return this.#knows.blockStats ? this.#execute('query-blockstats') : undefined;
  }

  /** What the balloon has taken is not counted. */
  async guestMemory(): Promise<number> {
    const answer = balloonSchema.safeParse(await this.#execute('query-balloon'));
    if (answer.data) return answer.data.actual;
    throw new PxenError('WORKLOAD_FAILED', `${this.#called} did not tell what its balloon has left`);
  }

  async setGuestMemory(bytes: number): Promise<void> {
    await this.#execute('balloon', { value: bytes });
  }

  swap(swap: Swap, limits: SwapLimits): Promise<void> {
    const ask: Ask = (command, args) => this.#execute(command, args, SWAP_TIMEOUT);
    return swapVolume(swap, { ...limits, ask, clock: this.#clock });
  }

  close(): void {
    this.#monitor.close();
  }

  #command(command: string): Promise<unknown> {
    return this.#execute(command, undefined, COMMAND_TIMEOUT);
  }

  #execute(command: string, args?: object, timeout = ANSWER_TIMEOUT): Promise<unknown> {
    const execute = (): Promise<unknown> => this.#monitor.execute(command, args, timeout);
    const answer = this.#knows.pipelining ? execute() : this.#last.then(execute, execute);
    this.#last = answer.catch(() => {});
    return answer;
  }
}
