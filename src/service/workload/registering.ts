import { messageOf } from '../../base/error.ts';
import type { Clock, Log } from '../../base/ports.ts';
import { registered } from '../../domain/workload/desired.ts';
import type { WorkloadRecord } from '../../domain/workload/record.ts';
import type { WorkloadStatus } from '../../domain/workload/status.ts';
import type { Records } from './records.ts';

export interface RegisteringPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly records: Records;
  /** The guest agent by the last report of its node; undefined: nobody knows now, such as of a node that is silent. */
  readonly guest: (record: WorkloadRecord) => 'answers' | 'silent' | undefined;
  /** Ends it as failed. Rejects when its node could not be told, or somebody else is changing it. */
  readonly end: (record: WorkloadRecord) => Promise<void>;
}

/** Milliseconds until another try to end what could not be ended, or a look at what nobody knows. */
const AGAIN = 30_000;

/** Sees to it that workloads of a realm register in time, and ends those that do not (checklist TC-6). */
export class Registering {
  readonly #d: RegisteringPorts;
  readonly #timers = new Map<string, () => void>();

  constructor(ports: RegisteringPorts) {
    this.#d = ports;
  }

  /** Of a workload that was started, or, after a restart of host0, is remembered as started. */
  watch({ registration, uuid }: WorkloadRecord): void {
    if (registration) this.#arm(uuid, Math.max(0, registration.by - this.#d.clock.now()));
  }

  /** Its node tells of it. Never rejects: the next report brings it up again. */
  async heard(record: WorkloadRecord, status: WorkloadStatus | undefined): Promise<void> {
    if (record.registration && status?.guest?.agent === 'answers') await this.#registered(record);
  }

  stop(): void {
    for (const uuid of [...this.#timers.keys()]) this.#callOff(uuid);
  }

  /** Never rejects. */
  async #registered(record: WorkloadRecord): Promise<void> {
    this.#callOff(record.uuid);
    const { name, node } = record;
    try {
      await this.#d.records.save(registered(record));
      this.#d.log.info('workloads', `${name}: its guest agent answers`, { workload: name, node });
    } catch (error) {
      this.#d.log.error('workloads', `${name}: ${messageOf(error)}`, { workload: name, node });
    }
  }

  #arm(uuid: string, milliseconds: number): void {
    this.#callOff(uuid);
    this.#timers.set(
      uuid,
      this.#d.clock.after(milliseconds, () => void this.#due(uuid)),
    );
  }

  #callOff(uuid: string): void {
    this.#timers.get(uuid)?.();
    this.#timers.delete(uuid);
  }

  /** Never rejects. A start since then has a time of its own. */
  async #due(uuid: string): Promise<void> {
    this.#timers.delete(uuid);
    const record = this.#d.records.get(uuid);
    if (record?.desired !== 'running' || !record.registration) return;
    if (record.registration.by > this.#d.clock.now()) return this.watch(record);
    // host0 itself may have been away when the agent first answered: nothing is ended before its node was heard.
    const guest = this.#d.guest(record);
    if (guest === undefined) return this.#arm(uuid, AGAIN);
    if (guest === 'answers') return this.#registered(record);
    try {
      await this.#d.end(record);
    } catch (error) {
      const { name, node } = record;
      this.#d.log.warn(
        'workloads',
        `${name} did not register in time, and cannot be ended: ${messageOf(error)}`,
        {
          workload: name,
          node,
        },
      );
      this.#arm(uuid, AGAIN);
    }
  }
}
