import { messageOf } from '../../base/error.ts';
import type { Clock, Log } from '../../base/ports.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import type { NodeRecord, NodeStore } from '../../domain/node/record.ts';

/** Milliseconds that changes are gathered before they are written together. */
const GATHER = 100;
/** Milliseconds until another try after the store refused. */
const RETRY = 5000;

/** Brings changed nodes to the store in batches, behind the back of whoever changes them. */
export class NodeWriter {
  readonly #store: NodeStore;
  readonly #nodes: ReadonlyMap<MachineId, NodeRecord>;
  readonly #clock: Clock;
  readonly #log: Log;
  #changed = new Set<MachineId>();
  #removed = new Set<MachineId>();
  #callOff: (() => void) | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: string | undefined;

  constructor(store: NodeStore, nodes: ReadonlyMap<MachineId, NodeRecord>, clock: Clock, log: Log) {
    this.#store = store;
    this.#nodes = nodes;
    this.#clock = clock;
    this.#log = log;
  }

  changed(id: MachineId): void {
    this.#changed.add(id);
    this.#schedule(GATHER);
  }

  removed(id: MachineId): void {
    this.#removed.add(id);
    this.#schedule(GATHER);
  }

  /** Writes what is left; `all` names nodes whose heartbeats were never worth a write of their own. */
  async stop(all: Iterable<MachineId>): Promise<void> {
    this.#unschedule();
    await this.#writing;
    for (const id of all) this.#changed.add(id);
    await this.#write();
    this.#unschedule();
  }

  health(): string | undefined {
    return this.#failure;
  }

  #schedule(milliseconds: number): void {
    this.#callOff ??= this.#clock.after(milliseconds, () => {
      this.#callOff = undefined;
      this.#writing = this.#writing.then(() => this.#write());
    });
  }

  #unschedule(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  /** Never rejects: what could not be written stays marked and is tried again. */
  async #write(): Promise<void> {
    const changed = this.#changed;
    const removed = this.#removed;
    this.#changed = new Set();
    this.#removed = new Set();
    try {
      if (removed.size > 0) await this.#store.remove([...removed]);
      const nodes = [...changed].flatMap(id => this.#nodes.get(id) ?? []);
      if (nodes.length > 0) await this.#store.save(nodes);
      this.#failure = undefined;
    } catch (error) {
      for (const id of changed) this.#changed.add(id);
      for (const id of removed) if (!this.#nodes.has(id)) this.#removed.add(id);
      if (this.#failure === undefined)
        this.#log.error('registry', `nodes are not saved: ${messageOf(error)}`);
      this.#failure = `nodes and boot events are kept in memory only: ${messageOf(error)}`;
      this.#schedule(RETRY);
    }
  }
}
