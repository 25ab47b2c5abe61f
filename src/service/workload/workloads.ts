import type { Duplex, Readable } from 'node:stream';
import type { OutputWanted } from '../../api/agent.ts';
import type { GuestAnswer, GuestRequest } from '../../api/guest.ts';
import type { PlacementRequest } from '../../api/placement.ts';
import type { WorkloadLine, WorkloadRun, WorkloadView } from '../../api/workloads.ts';
import { messageOf, PxenError } from '../../base/error.ts';
import type { Clock, Log, Service } from '../../base/ports.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import type { Ledger } from '../../domain/placement/ledger.ts';
import type { Berthing, Placer } from '../../domain/placement/placer.ts';
import { judgeReport, nodeForgotten, unregistered, type Verdict } from '../../domain/workload/desired.ts';
import type { AccelPolicy } from '../../domain/workload/facts.ts';
import { holdingsOf } from '../../domain/workload/holding.ts';
import { type Host, isThere } from '../../domain/workload/host.ts';
import { type ParsedWorkload, parseWorkload } from '../../domain/workload/parse.ts';
import { workloadError } from '../../domain/workload/problem.ts';
import type { WorkloadFiles, WorkloadRecord, WorkloadStore } from '../../domain/workload/record.ts';
import type { WorkloadStatus } from '../../domain/workload/status.ts';
import { mainSight } from '../../domain/workload/view.ts';
import { AgentClient, type AgentLinks } from './agent.ts';
import { type Agents, AgentsByHost } from './agents.ts';
import { boundTo } from './berths.ts';
import { Command } from './command.ts';
import { type Entry, NOWHERE, otherUuids, select } from './entries.ts';
import { Locks } from './locks.ts';
import { Records } from './records.ts';
import { Registering } from './registering.ts';
import { Returning } from './returning.ts';
import { Scene } from './scene.ts';
import { Sightings } from './sightings.ts';
import { takesIn } from './takes.ts';
import { Verbs } from './verbs.ts';
import { viewOf } from './views.ts';

export interface WorkloadPorts {
  readonly files: WorkloadFiles;
  readonly store: WorkloadStore;
  /** Every node, with the name of its folder. */
  readonly hosts: () => readonly Host[];
  readonly host: (id: MachineId) => Host | undefined;
  readonly links: AgentLinks;
  /** For the hosts that have a URI. Absent: there are none. */
  readonly libvirt?: Agents | undefined;
  /** Chooses hosts for what is started. */
  readonly placer: Placer;
  readonly accel: AccelPolicy;
  readonly clock: Clock;
  readonly log: Log;
}

/** Knows the workload files, has agents do what admins ask, remembers what shall run where and brings it back. */
export class Workloads implements Service {
  readonly name = 'workloads';
  readonly #d: WorkloadPorts;
  readonly #agents: Agents;
  readonly #records: Records;
  readonly #sightings: Sightings;
  readonly #locks = new Locks();
  readonly #registering: Registering;
  readonly #verbs: Verbs;
  readonly #returning: Returning;
  readonly #scene: Scene;

  constructor(ports: WorkloadPorts) {
    const { accel, clock, files, host, hosts, libvirt, links, log, store } = ports;
    this.#d = ports;
    const agents = new AgentClient({ links, clock });
    this.#agents = libvirt ? new AgentsByHost({ agents, libvirt }) : agents;
    this.#records = new Records(store);
    this.#sightings = new Sightings(clock);
    this.#registering = new Registering({
      ...{ clock, log, records: this.#records },
      guest: record => guestOf(record, host(record.node)),
      end: record => this.#giveUp(record),
    });
    this.#verbs = new Verbs({
      agents: this.#agents,
      records: this.#records,
      sightings: this.#sightings,
      registering: this.#registering,
      ...{ accel, clock },
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
    for (const record of this.#records.all()) this.#registering.watch(record);
  }

  async stop(): Promise<void> {
    this.#registering.stop();
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

  /** What every workload takes of the host that it is on, or may be on, or shall be on. */
  holdings(): Ledger {
    return this.#scene.situations().flatMap(([uuid, situation]) => holdingsOf(uuid, situation, takesIn));
  }

  /**
   * As a placer needs it, by name or from a file that host0 need not have; what goes to its node without a choice asks for
   * it. Rejects with NOT_FOUND or WORKLOAD_INVALID.
   */
  async berthings(subjects: readonly PlacementRequest['subject'][]): Promise<Berthing[]> {
    const entries = await this.#scene.entries();
    const situations = new Map(entries.map(({ situation, uuid }) => [uuid, situation]));
    const names = subjects.flatMap(subject => ('text' in subject ? [] : subject.workload));
    const named = new Map(select(entries, names, true).map(entry => [entry.name, entry]));
    return subjects.map(subject => {
      const file =
        'text' in subject
          ? parseWorkload(subject.text, subject.file)
          : fileOf(subject.workload, named.get(subject.workload));
      if (!file.workload) throw workloadError(file.file, file.problems);
      const { workload } = file;
      const situation = situations.get(workload.uuid) ?? NOWHERE;
      return {
        workload,
        asked: boundTo(workload, situation, this.#d.host)?.id,
        last: situation.record?.node,
      };
    });
  }

  /** The node is gone for good: what should run there is remembered as stopped, and may be started elsewhere. */
  async forget(node: MachineId): Promise<void> {
    for (const record of this.#records.on(node))
      if (record.desired === 'running') await this.#records.save(nodeForgotten(record));
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

  /** What the agent in its guest answers. Rejects as `output` does, and with what that agent refuses. */
  async guest(name: string, request: GuestRequest, signal: AbortSignal): Promise<GuestAnswer> {
    const { host, uuid } = await this.#whereIs(name);
    return this.#agents.guest(host, uuid, request, signal);
  }

  /** A report of this node was taken. */
  heard(node: MachineId): void {
    const host = this.#d.host(node);
    if (host) this.#sightings.reported(host);
    if (host?.bootId === undefined) return;
    for (const record of this.#records.on(node)) {
      if (this.#locks.of(record.uuid)) continue;
      const status = host.workloads.find(({ uuid }) => uuid === record.uuid);
      void this.#registering.heard(record, status);
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
    await this.#locks.hold(record, 'return', async () => {
      const { config, uuid } = record;
      const { workload } = parseWorkload(config.text, config.file);
      const held = workload && this.#d.placer.hold({ workload, asked: host.id });
      try {
        await this.#verbs.bringBack(record, { held, host, otherUuids: others, workload }, signal);
      } finally {
        if (held) this.#d.placer.release(uuid);
      }
    });
  }

  /** Rejects when that is not possible now. */
  async #giveUp(record: WorkloadRecord): Promise<void> {
    const { name, node, registration } = record;
    const host = this.#d.host(node);
    if (!host || !registration) return;
    const why = unregistered(registration);
    await this.#locks.hold(record, 'stop', () => this.#verbs.giveUp(record, host, why));
    this.#d.log.warn('workloads', `${name} was ended: ${why}`, { workload: name, node });
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

/** A workload that its node does not tell of has no guest that could answer. */
function guestOf({ uuid }: WorkloadRecord, host: Host | undefined): 'answers' | 'silent' | undefined {
  if (host?.state !== 'up') return undefined;
  return host.workloads.find(status => status.uuid === uuid)?.guest?.agent ?? 'silent';
}

/** Throws FILE_MISSING for one that is only remembered. */
function fileOf(name: string, entry: Entry | undefined): ParsedWorkload {
  if (entry?.file) return entry.file;
  throw new PxenError('FILE_MISSING', `${name} has no workload file any more`, {
    details: ['mesh workload status tells where it was started'],
  });
}
