import type { Duplex, Readable } from 'node:stream';
import type { WorkloadLine, WorkloadRun, WorkloadView } from '../../api/workloads.ts';
import { messageOf, PxenError } from '../../base/error.ts';
import type { Clock, Log, Service } from '../../base/ports.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import { judgeReport, type Verdict } from '../../domain/workload/desired.ts';
import type { AccelPolicy } from '../../domain/workload/facts.ts';
import { type Host, isThere } from '../../domain/workload/host.ts';
import type { WorkloadFiles, WorkloadRecord, WorkloadStore } from '../../domain/workload/record.ts';
import type { WorkloadStatus } from '../../domain/workload/status.ts';
import { mainSight } from '../../domain/workload/view.ts';
import { AgentClient, type AgentLinks, type OutputWanted } from './agent.ts';
import { Command } from './command.ts';
import { NOWHERE, otherUuids, select } from './entries.ts';
import { Locks } from './locks.ts';
import { Records } from './records.ts';
import { Returning } from './returning.ts';
import { Scene } from './scene.ts';
import { Sightings } from './sightings.ts';
import { Verbs } from './verbs.ts';
import { viewOf } from './views.ts';

export interface WorkloadPorts {
  readonly files: WorkloadFiles;
  readonly store: WorkloadStore;
  /** Every node, with the name of its folder. */
  readonly hosts: () => readonly Host[];
  readonly host: (id: MachineId) => Host | undefined;
  readonly links: AgentLinks;
  readonly accel: AccelPolicy;
  readonly clock: Clock;
  readonly log: Log;
}

/** Knows the workload files, has agents do what admins ask, remembers what shall run where and brings it back. */
export class Workloads implements Service {
  readonly name = 'workloads';
  readonly #d: WorkloadPorts;
  readonly #agents: AgentClient;
  readonly #records: Records;
  readonly #sightings: Sightings;
  readonly #locks = new Locks();
  readonly #verbs: Verbs;
  readonly #returning: Returning;
  readonly #scene: Scene;

  constructor(ports: WorkloadPorts) {
    const { accel, clock, files, host, hosts, links, log, store } = ports;
    this.#d = ports;
    this.#agents = new AgentClient({ links, clock });
    this.#records = new Records(store);
    this.#sightings = new Sightings(clock);
    this.#verbs = new Verbs({
      agents: this.#agents,
      records: this.#records,
      sightings: this.#sightings,
      accel,
    });
    this.#returning = new Returning({
      ...{ clock, log, host },
      record: uuid => this.#records.get(uuid),
      start: (record, on, signal) => this.#bringBack(record, on, signal),
    });
    this.#scene = new Scene({
      ...{ files, hosts, host },
      records: this.#records,
      sightings: this.#sightings,
      locks: this.#locks,
      returning: this.#returning,
    });
  }

  async start(): Promise<void> {
    this.#records.load();
  }

  async stop(): Promise<void> {
    this.#agents.close();
    await this.#returning.stop();
  }

  health(): string | undefined {
    return this.#records.health() ?? this.#scene.health();
  }

  /** Sorted by name. Answered from files, records and reports: no node is asked. */
  async list(): Promise<WorkloadView[]> {
    const entries = await this.#scene.entries();
    return entries.map(entry => viewOf(entry, this.#d.host));
  }

  /** What nodes that report tell of their workloads. */
  statuses(): { node: MachineId; status: WorkloadStatus }[] {
    return this.#d
      .hosts()
      .filter(isThere)
      .flatMap(host => this.#sightings.on(host))
      .map(({ host, status }) => ({ node: host.id, status }));
  }

  /**
   * Does a verb for some workloads; resolves when each has had its last line, `done` or `error`. Rejects with NOT_FOUND
   * or BAD_REQUEST before anything was done.
   */
  async run(
    request: WorkloadRun,
    onLine: (line: WorkloadLine) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const command = new Command(
      {
        ...this.#d,
        ...{ scene: this.#scene, verbs: this.#verbs, locks: this.#locks, returning: this.#returning },
      },
      request,
      { onLine, signal },
    );
    await command.run();
  }

  /** Text as it comes. Rejects with NOT_FOUND, WORKLOAD_STATE or what is wrong with the node. */
  async output(name: string, wanted: OutputWanted, signal: AbortSignal): Promise<Readable> {
    const { host, uuid } = await this.#whereIs(name);
    return this.#agents.output(host, uuid, wanted, signal);
  }

  /** The bytes of the serial console, both ways. Rejects as `output` does. */
  async console(name: string, signal: AbortSignal): Promise<Duplex> {
    const { host, uuid } = await this.#whereIs(name);
    return this.#agents.console(host, uuid, signal);
  }

  /** A report of this node was taken. */
  heard(node: MachineId): void {
    const host = this.#d.host(node);
    if (host) this.#sightings.reported(host);
    if (host?.bootId === undefined) return;
    for (const record of this.#records.on(node)) {
      if (this.#locks.of(record.uuid)) continue;
      const status = host.workloads.find(({ uuid }) => uuid === record.uuid);
      // It is there, whoever started it.
      if (status) void this.#returning.callOff(record.uuid);
      this.#follow(record, judgeReport(record, { bootId: host.bootId, status }));
    }
  }

  #follow(record: WorkloadRecord, verdict: Verdict): void {
    if (verdict.kind === 'return') this.#returning.begin(record);
    if (verdict.kind === 'save') void this.#correct(verdict.record);
  }

  /** Never rejects: the next report brings it up again. */
  async #correct(record: WorkloadRecord): Promise<void> {
    const { desired, name, node, problem } = record;
    try {
      await this.#records.save(record);
      this.#d.log.info('workloads', `${name}: ${problem ?? `is remembered as ${desired}`}`, {
        workload: name,
        node,
      });
    } catch (error) {
      this.#d.log.error('workloads', `${name}: ${messageOf(error)}`, { workload: name, node });
    }
  }

  async #bringBack(record: WorkloadRecord, host: Host, signal: AbortSignal): Promise<void> {
    // What shall run does not hang on a folder that cannot be read right now.
    const entries = await this.#scene.entries().catch(() => []);
    const others = otherUuids(entries, record.uuid);
    await this.#locks.hold(record, 'return', () => this.#verbs.bringBack(record, host, others, signal));
  }

  async #whereIs(name: string): Promise<{ host: Host; uuid: string }> {
    const [entry] = select(await this.#scene.entries(), [name], false);
    const situation = entry?.situation ?? NOWHERE;
    // The log of a start that failed is there too.
    const place = mainSight(situation)?.host ?? situation.host;
    if (entry?.uuid !== undefined && place) return { host: place, uuid: entry.uuid };
    throw new PxenError('WORKLOAD_STATE', `${name} is on no node, and was never started on one`);
  }
}
