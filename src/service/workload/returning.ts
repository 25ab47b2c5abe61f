import { asPxenError } from '../../base/error.ts';
import type { Clock, Log } from '../../base/ports.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import { pauseAfter } from '../../domain/workload/desired.ts';
import { called, type Host } from '../../domain/workload/host.ts';
import type { WorkloadRecord } from '../../domain/workload/record.ts';
import { Turns } from './turns.ts';

export interface ReturnPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** What is remembered of a workload now. */
  readonly record: (uuid: string) => WorkloadRecord | undefined;
  readonly host: (id: MachineId) => Host | undefined;
  /** Starts it on that node. Rejects when that fails. */
  readonly start: (record: WorkloadRecord, host: Host, signal: AbortSignal) => Promise<void>;
}

interface Return {
  /** Ended when somebody else takes care of the workload. */
  readonly abort: AbortController;
  failures: number;
  /** Why the last try failed. */
  problem: string | undefined;
  callOff: () => void;
  trying: Promise<void>;
}

/** Nodes on which workloads are brought back at the same time: a rack that is switched on must not take host0 down. */
const NODES_AT_ONCE = 16;

/** Brings workloads back to nodes that rebooted; what fails is tried again as long as the node is up. */
export class Returning {
  readonly #d: ReturnPorts;
  readonly #turns = new Turns(NODES_AT_ONCE);
  readonly #all = new Map<string, Return>();

  constructor(ports: ReturnPorts) {
    this.#d = ports;
  }

  /** Undefined when the workload is not being brought back. */
  of(uuid: string): { readonly problem: string | undefined } | undefined {
    return this.#all.get(uuid);
  }

  /** Once, however often its node reports without it. */
  begin({ uuid }: WorkloadRecord): void {
    if (this.#all.has(uuid)) return;
    const fresh: Return = {
      abort: new AbortController(),
      failures: 0,
      problem: undefined,
      callOff: () => {},
      trying: Promise.resolve(),
    };
    this.#all.set(uuid, fresh);
    fresh.trying = this.#try(uuid, fresh);
  }

  /** A try that is under way is cut, and over when it resolves. */
  async callOff(uuid: string): Promise<void> {
    const current = this.#all.get(uuid);
    if (!current) return;
    this.#all.delete(uuid);
    current.callOff();
    current.abort.abort();
    await current.trying;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#all.keys()].map(uuid => this.callOff(uuid)));
  }

  /** Never rejects. */
  async #try(uuid: string, current: Return): Promise<void> {
    const { signal } = current.abort;
    const wanted = this.#wanted(uuid);
    if (!wanted) return this.#end(uuid, current);
    const { host, record } = wanted;
    const startedAt = this.#d.clock.elapsed();
    try {
      await this.#turns.take(host.id, async () => {
        if (!signal.aborted) await this.#d.start(record, host, signal);
      });
      if (!signal.aborted) this.#back(record, host, this.#d.clock.elapsed() - startedAt);
      this.#end(uuid, current);
    } catch (thrown) {
      if (!signal.aborted) this.#failed(record, current, host, thrown);
    }
  }

  /** Undefined when nobody wants it back any more, or its node is not there to take it: its next report begins anew. */
  #wanted(uuid: string): { record: WorkloadRecord; host: Host } | undefined {
    const record = this.#d.record(uuid);
    const host = record && this.#d.host(record.node);
    const lost = record?.desired === 'running' && host?.state === 'up' && host.bootId !== record.bootId;
    return lost ? { record, host } : undefined;
  }

  #end(uuid: string, current: Return): void {
    if (this.#all.get(uuid) === current) this.#all.delete(uuid);
  }

  #back({ name }: WorkloadRecord, host: Host, milliseconds: number): void {
    const fields = { workload: name, node: host.id, ms: Math.round(milliseconds) };
    this.#d.log.info('workloads', `${name} is back on ${called(host)} after its reboot`, fields);
  }

  #failed({ name, uuid }: WorkloadRecord, current: Return, host: Host, thrown: unknown): void {
    const { code, details, message } = asPxenError(thrown);
    current.failures++;
    current.problem = [`it did not come back on ${called(host)}: ${message}`, ...details.slice(0, 3)].join(
      '; ',
    );
    const pause = pauseAfter(current.failures);
    const again = `next try in ${pause / 1000} s`;
    this.#d.log.warn('workloads', `${name}: ${current.problem}; ${again}`, {
      workload: name,
      node: host.id,
      code,
    });
    current.callOff = this.#d.clock.after(pause, () => {
      current.trying = this.#try(uuid, current);
    });
  }
}
