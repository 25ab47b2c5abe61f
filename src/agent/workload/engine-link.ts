import { messageOf, PxenError } from '../../base/error.ts';
import type { Connecting, Control, Driver } from '../vm/driver.ts';

export interface LinkPorts {
  readonly driver: Driver;
  /** For sentences: the machine, and its engine. */
  readonly name: string;
  readonly called: string;
  readonly onChange: Connecting['onChange'];
  /** The connection is gone, and nobody here closed it. */
  readonly onLost: () => void;
  /** `trouble` is another one now. */
  readonly onTrouble: () => void;
}

/** The connection with the engine of one machine, which may break off and is made again. */
export class EngineLink {
  readonly #ports: LinkPorts;
  #control: Control | undefined;
  #trouble: string | undefined;

  constructor(ports: LinkPorts) {
    this.#ports = ports;
  }

  get isOpen(): boolean {
    return this.#control !== undefined;
  }

  /** What keeps the agent from knowing or doing what it should. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Throws WORKLOAD_FAILED without a connection. */
  control(): Control {
    if (this.#control) return this.#control;
    throw new PxenError('WORKLOAD_FAILED', `${this.#ports.name}: ${this.#ports.called} does not answer`);
  }

  async open(timeout: number, signal?: AbortSignal): Promise<void> {
    const { driver, onChange } = this.#ports;
    const control = await driver.connect({ timeout, signal, onChange });
    this.#control = control;
    void control.closed.then(() => this.#lost(control));
  }

  /** Lets go of the engine, which goes on. */
  close(): void {
    const control = this.#control;
    this.#control = undefined;
    control?.close();
  }

  /** Does what needs the engine. Undefined when that gives no answer, which is a trouble then. */
  async attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await work();
      this.troubled(undefined);
      return answer;
    } catch (thrown) {
      this.troubled(`${this.#ports.called} does not answer: ${messageOf(thrown)}`);
      return undefined;
    }
  }

  /** What it does not answer when it is just ending is no trouble. */
  async ask<T>(question: (control: Control) => Promise<T>): Promise<T | undefined> {
    const control = this.#control;
    if (!control) return undefined;
    const answer = question(control).catch(thrown => {
      if (this.#control) throw thrown;
      return undefined;
    });
    return this.attempt(() => answer);
  }

  troubled(trouble: string | undefined): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#ports.onTrouble();
  }

  #lost(control: Control): void {
    if (this.#control !== control) return;
    this.#control = undefined;
    this.#ports.onLost();
  }
}
