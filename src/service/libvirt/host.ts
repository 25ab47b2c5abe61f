import type { Duplex, Readable } from 'node:stream';
import type { AgentAnswer, AgentDone, AgentRun, AgentStep, OutputWanted } from '../../api/agent.ts';
import { asPxenError, PxenError } from '../../base/error.ts';
import type { Clock, Log } from '../../base/ports.ts';
import type { MachineId, Sha256 } from '../../domain/machine/genid.ts';
import type { HostShell } from '../../domain/node/shell.ts';
import type { LibvirtHostFacts } from '../../domain/vm/libvirt/host-look.ts';
import { DOMAIN, SYSTEM_URI } from '../../domain/vm/libvirt/virsh.ts';
import { balloonFault } from '../../domain/workload/balloon.ts';
import type { WellFormed } from '../../domain/workload/judge.ts';
import { parseWorkload } from '../../domain/workload/parse.ts';
import { workloadError } from '../../domain/workload/problem.ts';
import { rfcUuid } from '../../domain/workload/rfcuuid.ts';
import type { WorkloadStatus } from '../../domain/workload/status.ts';
import { type TellStep, tellStep } from '../../domain/workload/steps.ts';
import { HostCommands } from './commands.ts';
import { clearAway, type EndParts, endDomain, endSoftly } from './ending.ts';
import type { Note } from './note.ts';
import { DomainStart, foreign, pathsOf } from './starting.ts';
import { DomainStreams, logOf } from './streams.ts';
import { type OwnDomain, ownDomain, Watched } from './watched.ts';

export interface LibvirtParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly sha256: Sha256;
  readonly sha1: (bytes: Uint8Array) => Uint8Array;
}

/** What one look at a host told. */
export interface HostNews {
  readonly facts: LibvirtHostFacts;
  readonly workloads: readonly WorkloadStatus[];
}

/** Lines of its log that are kept with a workload that ended, and bytes. */
const LAST_LINES = 20;
const MOST_OUTPUT = 4096;

/** One libvirt host. What it does for a workload it does one after the other; starts one at a time, for they share its ports. */
export class LibvirtHost {
  readonly #name: string;
  readonly #commands: HostCommands;
  readonly #parts: LibvirtParts;
  readonly #watched: Watched;
  readonly #streams: DomainStreams;
  /** By workload; `` for what one start at a time may do. */
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(
    host: { readonly name: string; readonly id: MachineId },
    shell: HostShell,
    parts: LibvirtParts,
  ) {
    this.#name = host.name;
    this.#commands = new HostCommands(host.name, shell);
    this.#parts = parts;
    this.#watched = new Watched(parts.clock);
    this.#streams = new DomainStreams(host.name, shell, uuid => this.#own(uuid));
  }

  /** Rejects with what is wrong with the host. */
  async look(): Promise<HostNews> {
    const facts = await this.#commands.facts();
    const sights = await this.#commands.domains(facts.domains);
    const own = sights.flatMap(sight => ownDomain(sight, this.#rfcUuid) ?? []);
    const workloads = await this.#watched.statuses(own, facts.bootId, {
      output: note => this.#lastWords(note),
      guest: domain => this.#commands.guest(domain),
    });
    this.#streams.endOthers(workloads);
    return { facts, workloads };
  }

  /** Rejects when nobody knows what became of it. */
  async run(
    run: AgentRun,
    onStep: (step: AgentStep) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<AgentAnswer> {
    // A caller who does not listen any more changes nothing.
    const tell: TellStep = line => void Promise.resolve(onStep(line)).catch(() => {});
    try {
      await this.#commands.facts();
    } catch (thrown) {
      return { unsent: asPxenError(thrown) };
    }
    try {
      return { done: await this.#inTurn(run.uuid, () => this.#do(run, tell, signal)) };
    } catch (thrown) {
      const error = asPxenError(thrown);
      if (error.code === 'NODE_UNREACHABLE' || error.code === 'INTERNAL') throw error;
      return { refused: error };
    }
  }

  output(uuid: string, wanted: OutputWanted, signal: AbortSignal): Promise<Readable> {
    return this.#streams.output(uuid, wanted, signal);
  }

  console(uuid: string, signal: AbortSignal): Promise<Duplex> {
    return this.#streams.console(uuid, signal);
  }

  /** Rejects: only an agent does that. */
  async guest(uuid: string): Promise<never> {
    const { note, sight } = await this.#own(uuid);
    const ping = DOMAIN.askAgent(sight.uuid, `'{"execute":"guest-ping"}'`, 5);
    throw new PxenError(
      'WORKLOAD_STATE',
      `${note.status.name}: ${this.#name} has no pxen-agent that would ask its guest`,
      { details: [`on the host: ${ping.slice(ping.indexOf('virsh')).join(' ')}`] },
    );
  }

  get #rfcUuid(): (uuid: string) => string {
    return uuid => rfcUuid(uuid, this.#parts.sha1);
  }

  async #do(run: AgentRun, tell: TellStep, signal: AbortSignal): Promise<AgentDone> {
    switch (run.verb) {
      case 'download':
        return this.#download(run);
      case 'start':
        return run.dryRun ? this.#dry(run, tell, signal) : this.#start(run, tell, signal);
      case 'stop':
        return this.#stop(run, tell);
      case 'soft-stop':
        return this.#softStop(run, tell);
      case 'pause':
        return this.#turn(run, 'suspend');
      case 'resume':
        return this.#turn(run, 'resume');
      case 'restart':
        return this.#restart(run, tell, signal);
      case 'balloon':
        return this.#balloon(run, tell);
      case 'replace':
        return this.#byHand(run);
    }
  }

  /** What needs an agent beside libvirt. */
  async #byHand({ uuid, verb }: AgentRun): Promise<never> {
    const { note } = await this.#own(uuid);
    throw new PxenError(
      'WORKLOAD_STATE',
      `${note.status.name}: ${verb} needs a pxen-agent, and ${this.#name} has none`,
      { details: ['a restart takes over what its file says'] },
    );
  }

  /** Everything has to be on the file system that hosts share (TC-1), or is made at the start. */
  async #download(run: AgentRun): Promise<AgentDone> {
    const { workload, file } = judged(run);
    const { existingPaths } = await this.#commands.facts(pathsOf(workload));
    const missing = workload.volumes.filter(
      ({ path, size }) => size === undefined && !existingPaths.includes(path),
    );
    if (missing.length === 0) return {};
    throw new PxenError(
      'WORKLOAD_FAILED',
      `${file}: ${this.#name} is a libvirt host, and nothing is fetched there`,
      {
        details: missing.map(
          ({ id, path }) =>
            `platform.volume.${id}.path: ${path} is not there: put it on the file system that the hosts share`,
        ),
      },
    );
  }

  async #dry(run: AgentRun, tell: TellStep, signal: AbortSignal): Promise<AgentDone> {
    const xml = await this.#newStart(run, tell, signal).dry();
    const script = `printf %s "$0" | virsh --connect ${SYSTEM_URI} create --validate /dev/stdin`;
    return { argv: ['sh', '-c', script, xml] };
  }

  async #start(run: AgentRun, tell: TellStep, signal: AbortSignal): Promise<AgentDone> {
    await this.#inTurn('', () => this.#newStart(run, tell, signal).run());
    return { status: await this.#statusNow(run.uuid), argv: DOMAIN.start(this.#rfcUuid(run.uuid), false) };
  }

  #newStart(run: AgentRun, tell: TellStep, signal: AbortSignal): DomainStart {
    const { clock, log, sha1, sha256 } = this.#parts;
    const say = (line: string): void => log.warn('libvirt', `${this.#name}: ${line}`);
    const parts = { host: this.#commands, clock, sha1, sha256, rfcUuid: this.#rfcUuid, say };
    return new DomainStart({ parsed: judged(run), request: run, tell, signal }, parts);
  }

  async #stop({ timeoutSeconds, uuid }: AgentRun, tell: TellStep): Promise<AgentDone> {
    const own = await this.#own(uuid);
    await endDomain(own, timeoutSeconds * 1000, this.#ending(tell));
    await clearAway(own, this.#ending(tell));
    return {};
  }

  async #softStop({ timeoutSeconds, uuid }: AgentRun, tell: TellStep): Promise<AgentDone> {
    const own = await this.#living(uuid);
    if (timeoutSeconds === 0) throw new PxenError('BAD_REQUEST', 'timeoutSeconds: got 0, expected more');
    await endSoftly(own, timeoutSeconds * 1000, this.#ending(tell));
    await clearAway(own, this.#ending(tell));
    return {};
  }

  async #restart(run: AgentRun, tell: TellStep, signal: AbortSignal): Promise<AgentDone> {
    // Before anything is stopped: is the file good?
    judged(run);
    await this.#stop(run, tell);
    return this.#start(run, tell, signal);
  }

  async #turn({ uuid }: AgentRun, how: 'suspend' | 'resume'): Promise<AgentDone> {
    const { note, sight } = await this.#living(uuid);
    const wanted = how === 'suspend' ? 'paused' : 'running';
    const { name } = note.status;
    if (sight.life.state === wanted) throw new PxenError('WORKLOAD_STATE', `${name}: is ${wanted} already`);
    await this.#commands.must(
      DOMAIN[how](sight.uuid),
      `${name}: cannot be ${how === 'suspend' ? 'paused' : 'resumed'}`,
    );
    return { status: await this.#statusNow(uuid) };
  }

  /** What the guest does with it shows in its status. */
  async #balloon({ memory, uuid }: AgentRun, tell: TellStep): Promise<AgentDone> {
    const { note, sight } = await this.#living(uuid);
    const { guestMemory, name, takes } = note.status;
    if (guestMemory === undefined)
      throw new PxenError(
        'WORKLOAD_STATE',
        `${name}: has no balloon: it was started without platform.balloon`,
      );
    if (memory === undefined) return { status: await this.#statusNow(uuid) };
    const fault = balloonFault(memory, { memory: { bytes: takes?.memory ?? guestMemory } });
    if (fault !== undefined)
      throw new PxenError('BAD_REQUEST', `${name}: balloon: got ${memory} bytes, ${fault}`);
    const began = this.#parts.clock.elapsed();
    await this.#commands.must(DOMAIN.setMemory(sight.uuid, memory), `${name}: its balloon does not move`);
    tellStep(tell, 'balloon', 'the guest was asked', this.#parts.clock.elapsed() - began);
    return { status: await this.#statusNow(uuid) };
  }

  #ending(tell: TellStep): EndParts {
    return { host: this.#commands, clock: this.#parts.clock, tell };
  }

  async #statusNow(uuid: string): Promise<AgentDone['status']> {
    const status = (await this.look()).workloads.find(each => each.uuid === uuid);
    // A copy: the types of JSON are mutable.
    return structuredClone(status) as AgentDone['status'];
  }

  async #living(uuid: string): Promise<OwnDomain> {
    const own = await this.#own(uuid);
    if (own.sight.life.state !== 'ended') return own;
    throw new PxenError('WORKLOAD_STATE', `${own.note.status.name}: does not run: ${own.sight.life.end}`);
  }

  /** Rejects with WORKLOAD_STATE, or CONFLICT when it is somebody else's. */
  async #own(uuid: string): Promise<OwnDomain> {
    const sight = await this.#commands.domain(this.#rfcUuid(uuid));
    if (!sight) throw new PxenError('WORKLOAD_STATE', `workload ${uuid} is not on ${this.#name}`);
    const own = ownDomain(sight, this.#rfcUuid);
    if (!own) throw foreign(uuid, sight.uuid);
    return own;
  }

  async #lastWords(note: Note): Promise<string> {
    const { stdout } = await this.#commands.run(['tail', '-n', `${LAST_LINES}`, '--', logOf(note)]);
    return stdout.slice(-MOST_OUTPUT);
  }

  /** One thing at a time for each of them. */
  async #inTurn<T>(queue: string, act: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(queue) ?? Promise.resolve();
    const work = before.then(act);
    const settled = work.catch(() => {});
    this.#queues.set(queue, settled);
    try {
      return await work;
    } finally {
      if (this.#queues.get(queue) === settled) this.#queues.delete(queue);
    }
  }
}

/** Throws WORKLOAD_INVALID. */
function judged({ config, uuid }: AgentRun): WellFormed & { readonly file: string } {
  if (!config) throw new PxenError('BAD_REQUEST', 'config: got nothing, expected the workload file');
  const parsed = parseWorkload(config.text, config.file);
  const { workload } = parsed;
  if (!workload) throw workloadError(config.file, parsed.problems);
  if (workload.uuid !== uuid)
    throw new PxenError('BAD_REQUEST', `uuid: got ${uuid}, expected ${workload.uuid}, as in the file`);
  return { ...parsed, workload };
}
