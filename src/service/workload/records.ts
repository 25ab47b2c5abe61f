import { messageOf } from '../../base/error.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import type { WorkloadRecord, WorkloadStore } from '../../domain/workload/record.ts';

/** What shall run where: in memory as it is on disk. */
export class Records {
  readonly #store: WorkloadStore;
  readonly #all = new Map<string, WorkloadRecord>();
  #failure: string | undefined;

  constructor(store: WorkloadStore) {
    this.#store = store;
  }

  load(): void {
    for (const record of this.#store.load()) this.#all.set(record.uuid, record);
  }

  all(): Iterable<WorkloadRecord> {
    return this.#all.values();
  }

  get(uuid: string): WorkloadRecord | undefined {
    return this.#all.get(uuid);
  }

  on(node: MachineId): WorkloadRecord[] {
    return [...this.#all.values()].filter(record => record.node === node);
  }

  /** Durable when it resolves; rejects with STATE_UNUSABLE, and then nothing has changed. */
  async save(record: WorkloadRecord): Promise<void> {
    await this.#written(this.#store.save(record));
    this.#all.set(record.uuid, record);
  }

  async remove(uuid: string): Promise<void> {
    await this.#written(this.#store.remove(uuid));
    this.#all.delete(uuid);
  }

  /** As it was before a change that did not happen. */
  async restore(uuid: string, before: WorkloadRecord | undefined): Promise<void> {
    if (before) await this.save(before);
    else await this.remove(uuid);
  }

  health(): string | undefined {
    return this.#failure;
  }

  async #written(writing: Promise<void>): Promise<void> {
    try {
      await writing;
      this.#failure = undefined;
    } catch (error) {
      this.#failure = `what shall run where is not saved: ${messageOf(error)}`;
      throw error;
    }
  }
}
