import type { Duplex, Readable } from 'node:stream';
import type { AgentAnswer, AgentRun, AgentStep, OutputWanted } from '../../api/agent.ts';
import type { GuestAnswer } from '../../api/guest.ts';
import { messageOf, PxenError } from '../../base/error.ts';
import type { Service } from '../../base/ports.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import type { HostShell } from '../../domain/node/shell.ts';
import type { HostState } from '../../domain/placement/host.ts';
import type { LibvirtHostFacts } from '../../domain/vm/libvirt/host-look.ts';
import { called, type Host } from '../../domain/workload/host.ts';
import { type HostNews, LibvirtHost, type LibvirtParts } from './host.ts';

/** A host of the admin's table that libvirt controls. */
export interface LibvirtRecord {
  readonly id: MachineId;
  readonly name: string;
  /** See parseLibvirtUri. */
  readonly uri: string;
  readonly state: HostState;
  /** `poll-frequency` of its realm, milliseconds. */
  readonly pollFrequency: number;
}

export interface LibvirtPorts extends LibvirtParts {
  /** As the table is now. */
  readonly records: () => readonly LibvirtRecord[];
  /** Of a URI; connects when it is used. Never throws. */
  readonly shell: (uri: string) => HostShell & { close(): void };
  /** A host was looked at. */
  readonly heard: (id: MachineId) => void;
}

/** How a host is, for lists. */
export interface Condition {
  readonly liveness: 'connected' | 'unreachable' | 'not asked';
  readonly problem?: string | undefined;
  readonly facts?: LibvirtHostFacts | undefined;
}

interface Polled {
  readonly uri: string;
  readonly shell: HostShell & { close(): void };
  readonly host: LibvirtHost;
  news: HostNews | undefined;
  /** Milliseconds since the epoch, of `news`. */
  at: number | undefined;
  problem: string | undefined;
  /** By the clock's `elapsed`. */
  dueAt: number;
  looking: boolean;
}

/** Milliseconds. Between two looks at which host is due; no host is looked at more often. */
const TICK = 1000;

/** The hosts that libvirt controls: looked at every now and then, and told what to do, as agents are. */
export class LibvirtHosts implements Service {
  readonly name = 'libvirt';
  readonly #d: LibvirtPorts;
  readonly #polled = new Map<MachineId, Polled>();
  #callOff = (): void => {};
  #stopped = false;

  constructor(ports: LibvirtPorts) {
    this.#d = ports;
  }

  async start(): Promise<void> {
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#callOff();
    this.close();
  }

  /** A host that is out of reach is no fault of pxend: it shows in the list of hosts. */
  health(): undefined {
    return undefined;
  }

  /** As the workloads see them. */
  hosts(): Host[] {
    return this.#d.records().map(record => this.#host(record));
  }

  host(id: MachineId): Host | undefined {
    const record = this.#d.records().find(each => each.id === id);
    return record && this.#host(record);
  }

  condition(id: MachineId): Condition {
    const record = this.#d.records().find(each => each.id === id);
    const polled = this.#polled.get(id);
    const facts = polled?.news?.facts;
    if (!record || record.state === 'disabled' || !polled || (!polled.news && polled.problem === undefined))
      return { liveness: 'not asked', facts };
    const { problem } = polled;
    return { liveness: problem === undefined ? 'connected' : 'unreachable', problem, facts };
  }

  async run(
    { id }: Host,
    run: AgentRun,
    onStep: (step: AgentStep) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<AgentAnswer> {
    const polled = this.#reach(id);
    if (polled instanceof PxenError) return { unsent: polled };
    const answer = await polled.host.run(run, onStep, signal);
    // What has changed shows at once.
    polled.dueAt = 0;
    return answer;
  }

  async output({ id }: Host, uuid: string, wanted: OutputWanted, signal: AbortSignal): Promise<Readable> {
    return this.#reached(id).host.output(uuid, wanted, signal);
  }

  async console({ id }: Host, uuid: string, signal: AbortSignal): Promise<Duplex> {
    return this.#reached(id).host.console(uuid, signal);
  }

  /** Rejects: only an agent does that. */
  async guest({ id }: Host, uuid: string): Promise<GuestAnswer> {
    return this.#reached(id).host.guest(uuid);
  }

  /** Cuts every connection; the next look makes new ones. */
  close(): void {
    for (const { shell } of this.#polled.values()) shell.close();
    this.#polled.clear();
  }

  #host({ id, name, state, uri }: LibvirtRecord): Host {
    const polled = this.#polled.get(id);
    const { at, news, problem } = polled ?? {};
    const isAsked = state !== 'disabled' && (news !== undefined || problem !== undefined);
    return {
      ...{ id, name, uri, address: undefined, hostKey: undefined },
      state: !isAsked ? 'unknown' : problem === undefined ? 'up' : 'silent',
      problem,
      room: news && roomOf(news.facts),
      bootId: news?.facts.bootId,
      reportedAt: at,
      workloads: news?.workloads ?? [],
    };
  }

  #tick(): void {
    if (this.#stopped) return;
    const records = this.#d.records();
    this.#forgetOthers(records);
    const now = this.#d.clock.elapsed();
    for (const record of records) {
      if (record.state === 'disabled') continue;
      const polled = this.#of(record);
      if (polled && !polled.looking && polled.dueAt <= now) void this.#look(record, polled);
    }
    this.#callOff = this.#d.clock.after(TICK, () => this.#tick());
  }

  /** Never rejects. */
  async #look({ id, name, pollFrequency }: LibvirtRecord, polled: Polled): Promise<void> {
    polled.looking = true;
    polled.dueAt = this.#d.clock.elapsed() + pollFrequency;
    try {
      polled.news = await polled.host.look();
      polled.at = this.#d.clock.now();
      this.#say(polled, undefined, name, id);
      if (this.#polled.get(id) === polled) this.#d.heard(id);
    } catch (thrown) {
      this.#say(polled, messageOf(thrown), name, id);
    } finally {
      polled.looking = false;
    }
  }

  /** When it changes. */
  #say(polled: Polled, problem: string | undefined, name: string, node: MachineId): void {
    if (this.#stopped || polled.problem === problem) return;
    if (problem === undefined) this.#d.log.info('libvirt', `${name} answers again`, { node });
    else this.#d.log.warn('libvirt', problem, { node });
    polled.problem = problem;
  }

  /** Those that were taken off the table, disabled, or have another URI now. */
  #forgetOthers(records: readonly LibvirtRecord[]): void {
    const uris = new Map(records.filter(({ state }) => state !== 'disabled').map(({ id, uri }) => [id, uri]));
    for (const [id, { shell, uri }] of this.#polled) {
      if (uris.get(id) === uri) continue;
      shell.close();
      this.#polled.delete(id);
    }
  }

  #of(record: LibvirtRecord): Polled {
    const known = this.#polled.get(record.id);
    if (known) return known;
    const shell = this.#d.shell(record.uri);
    const host = new LibvirtHost(record, shell, this.#d);
    const since = { news: undefined, at: undefined, problem: undefined };
    const fresh: Polled = { uri: record.uri, shell, host, ...since, dueAt: 0, looking: false };
    this.#polled.set(record.id, fresh);
    return fresh;
  }

  /** Or why not. */
  #reach(id: MachineId): Polled | PxenError {
    const record = this.#d.records().find(each => each.id === id);
    if (!record)
      return new PxenError('NOT_FOUND', `no libvirt host has the id ${id}`, {
        details: ['see: mesh host list'],
      });
    if (record.state !== 'disabled') return this.#of(record);
    return new PxenError('NODE_UNREACHABLE', `${called(record)} is disabled: nothing is asked of it`, {
      details: [`mesh host set-state ${record.name} enabled`],
    });
  }

  #reached(id: MachineId): Polled {
    const polled = this.#reach(id);
    if (polled instanceof PxenError) throw polled;
    return polled;
  }
}

/** For placements: what nodes report. */
function roomOf({ arch, bridges, memAvailableKiB, threads }: LibvirtHostFacts): NonNullable<Host['room']> {
  return { arch, bridges, threads, memAvailable: memAvailableKiB * 1024 };
}
