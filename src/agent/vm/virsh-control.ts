import { PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import type { DomainSight } from '../../domain/vm/libvirt/look.ts';
import { DOMAIN, memoryIn } from '../../domain/vm/libvirt/virsh.ts';
import type { Life } from '../workload/life.ts';
import type { Connecting, Control } from './driver.ts';
import type { Virsh } from './virsh.ts';

/** Milliseconds between two looks whether the process is there; every so many, at what others did with the domain. */
const LOOK_EVERY = 300;
const ASK_EVERY = 10;

export interface VirshControlPorts {
  readonly virsh: Virsh;
  readonly domain: string;
  readonly clock: Clock;
  /** Whether the process is there. */
  readonly isAlive: () => boolean;
  readonly onChange: Connecting['onChange'];
}

/** A domain that runs, by virsh. It tells nothing unasked, so it is looked at. */
export class VirshControl implements Control {
  readonly closed: Promise<void>;
  readonly #ports: VirshControlPorts;
  readonly #virsh: Virsh;
  readonly #domain: string;
  readonly #end: () => void;
  #isClosed = false;
  #looks = 0;
  #callOff = (): void => {};

  constructor(ports: VirshControlPorts) {
    this.#ports = ports;
    this.#virsh = ports.virsh;
    this.#domain = ports.domain;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#end = resolve;
  }

  /** Begins to look. */
  watch(): void {
    this.#callOff = this.#ports.clock.after(LOOK_EVERY, () => void this.#watch());
  }

  async look(): Promise<Life> {
    return lifeIn(await this.#virsh.look(this.#domain));
  }

  async pause(): Promise<void> {
    await this.#virsh.must(DOMAIN.suspend(this.#domain));
  }

  async resume(): Promise<void> {
    await this.#virsh.must(DOMAIN.resume(this.#domain));
  }

  async pressPowerButton(): Promise<void> {
    await this.#virsh.must(DOMAIN.shutdown(this.#domain, false));
  }

  /** Ends QEMU as SIGTERM does. */
  async quit(): Promise<void> {
    await this.#virsh.must(DOMAIN.destroy(this.#domain, true));
  }

  /** What libvirt counts, in the form of QMP. */
  async blockStats(): Promise<unknown> {
    const { diskReadBytes, diskWrittenBytes } = (await this.#virsh.look(this.#domain))?.usage ?? {};
    if (diskReadBytes === undefined) return undefined;
    return [{ stats: { rd_bytes: diskReadBytes, wr_bytes: diskWrittenBytes } }];
  }

  async guestMemory(): Promise<number> {
    const bytes = memoryIn(await this.#virsh.must(DOMAIN.memory(this.#domain)));
    if (bytes !== undefined) return bytes;
    throw new PxenError('WORKLOAD_FAILED', 'libvirt did not tell what the balloon has left');
  }

  async setGuestMemory(bytes: number): Promise<void> {
    await this.#virsh.must(DOMAIN.setMemory(this.#domain, bytes));
  }

  close(): void {
    this.#isClosed = true;
    this.#callOff();
    this.#end();
  }

  async #watch(): Promise<void> {
    try {
      if (!this.#ports.isAlive()) return this.close();
      this.#looks++;
      const life = this.#looks % ASK_EVERY === 0 ? await this.look() : undefined;
      if (this.#isClosed) return;
      if (life) this.#ports.onChange(() => life);
      this.watch();
    } catch {
      // The agent connects again, and says what is wrong.
      this.close();
    }
  }
}

/** A domain that ends is no longer there a moment later: its process is what counts then. */
function lifeIn(sight: DomainSight | undefined): Life {
  const { problem, state } = sight?.life ?? { state: 'ended' };
  return { state: state === 'paused' ? 'paused' : 'running', problem };
}
