import type { ProcessLaunch } from '../../domain/vm/launch.ts';
import type { QmpEvent } from '../../wire/qmp/message.ts';
import { type Life, lifeOf } from '../workload/life.ts';
import type { Connecting, Control } from './driver.ts';

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

/** Milliseconds. An engine answers within one, unless it hangs or the node has too much to do. */
const ANSWER_TIMEOUT = 2000;

/** What a machine is told in the words of QMP. */
export class QmpControl implements Control {
  readonly #monitor: Monitor;
  readonly #called: string;
  readonly #knows: ProcessLaunch['qmp'];
  /** Settled when the last command was answered. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(monitor: Monitor, called: string, knows: ProcessLaunch['qmp']) {
    this.#monitor = monitor;
    this.#called = called;
    this.#knows = knows;
  }

  get closed(): Promise<void> {
    return this.#monitor.closed;
  }

  async look(): Promise<Life> {
    return lifeOf(await this.#execute('query-status'), this.#called);
  }

  async pause(): Promise<void> {
    await this.#execute('stop');
  }

  async resume(): Promise<void> {
    await this.#execute('cont');
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

  close(): void {
    this.#monitor.close();
  }

  #execute(command: string): Promise<unknown> {
    const execute = (): Promise<unknown> => this.#monitor.execute(command, undefined, ANSWER_TIMEOUT);
    const answer = this.#knows.pipelining ? execute() : this.#last.then(execute, execute);
    this.#last = answer.catch(() => {});
    return answer;
  }
}
