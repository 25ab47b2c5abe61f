import type { AgentRun } from '../../api/agent.ts';
import { MOST_WORKLOADS } from '../../api/workload-status.ts';
import { quote } from '../../base/diagnostic.ts';
import { messageOf, PxenError } from '../../base/error.ts';
import { startingStatus } from '../../domain/vm/status.ts';
import type { WellFormed } from '../../domain/workload/judge.ts';
import { parseWorkload } from '../../domain/workload/parse.ts';
import { workloadError } from '../../domain/workload/problem.ts';
import { partOf, withPart } from '../../domain/workload/replacement.ts';
import type { WorkloadStatus } from '../../domain/workload/status.ts';
import { tellStep } from '../../domain/workload/steps.ts';
import type { Workload } from '../../domain/workload/workload.ts';
import { balloon } from './ballooning.ts';
import { startFailure } from './failure.ts';
import { isUuid } from './finding.ts';
import { StateFolder } from './folder.ts';
import { Jobs } from './jobs.ts';
import { Machines, notHere, wrongState } from './machines.ts';
import { replaceVolume } from './replacing.ts';
import { rewire } from './rewiring.ts';
import { Start, type StartPorts, teller } from './starting.ts';
import { endMachine, endSoftly } from './stopping.ts';
import type { Tell } from './tell.ts';
import type { VirtualMachine } from './virtual-machine.ts';
import { within } from './waiting.ts';

/** Of a command that was carried out. */
export interface Done {
  readonly status?: WorkloadStatus | undefined;
  readonly argv?: string[] | undefined;
}

/** A command under way. */
interface Errand {
  readonly request: AgentRun;
  readonly tell: Tell;
  /** Aborted: it is called off. */
  readonly signal: AbortSignal;
}

type Config = NonNullable<AgentRun['config']>;

/** Milliseconds. While the agent ends, for what has to be taken back. */
const LAST_PATIENCE = 3000;

/** The workloads of this node: carries out commands, and knows how each one is. */
export class Workloads {
  readonly #ports: StartPorts;
  readonly #jobs: Jobs;
  readonly #machines: Machines;
  /** Of starts whose machine does not run yet. */
  readonly #starting = new Map<string, WorkloadStatus>();
  /** Of downloads and starts under way, and of those that were called off: what they fetched is still to be cleared away. */
  readonly #fetching = new Map<string, Workload>();
  /** Context ids of vsocks that starts under way have chosen, by uuid. */
  readonly #claimedIds = new Map<string, number>();
  #stopped = false;
  /** What earlier agents recorded of volumes is known. */
  #ready: Promise<void> = Promise.resolve();

  constructor(ports: StartPorts) {
    this.#ports = ports;
    this.#jobs = new Jobs(ports.clock);
    this.#machines = new Machines(ports);
  }

  /** Finds what an earlier agent started; that is known when it returns. Connections follow. */
  start(): void {
    this.#machines.start();
    this.#ready = this.#ports.volumes
      .start()
      .catch(thrown => this.#ports.say(`what earlier agents fetched is not known: ${messageOf(thrown)}`));
  }

  /** The virtual machines go on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#machines.stop();
    await within(this.#ports.clock, LAST_PATIENCE, this.#jobs.stop());
    this.#machines.release();
  }

  /** Carries out a command. Rejects with the reason why it could not be, and then all is as it was. */
  async run(request: AgentRun, tell: Tell): Promise<Done> {
    const { dryRun, uuid, verb } = request;
    if (!isUuid(uuid))
      throw new PxenError('BAD_REQUEST', `uuid: got ${quote(uuid)}, expected a name without /`);
    if (dryRun && verb !== 'start')
      throw new PxenError('BAD_REQUEST', `${verb} cannot be tried dry, only start can`);
    const errand = (signal: AbortSignal): Errand => ({ request, tell, signal });
    await this.#ready;
    if (this.#stopped) throw new PxenError('SERVER_DOWN', 'the agent of the node is ending');
    if (dryRun) return this.#tryStart(errand(new AbortController().signal));
    return this.#jobs.run(uuid, verb, (signal, calledOff) => this.#carryOut(errand(signal), calledOff));
  }

  statuses(): WorkloadStatus[] {
    const uuids = new Set([
      ...this.#machines.all().map(({ folder }) => folder.uuid),
      ...this.#starting.keys(),
    ]);
    const statuses = [...uuids].map(uuid => this.#starting.get(uuid) ?? this.#machines.get(uuid)?.status());
    return statuses.filter(status => status !== undefined).slice(0, MOST_WORKLOADS);
  }

  /** Figures of all that are not of this moment. */
  async refresh(): Promise<void> {
    await this.#machines.refresh();
  }

  find(uuid: string): VirtualMachine | undefined {
    return this.#machines.get(uuid);
  }

  #carryOut(errand: Errand, calledOff: boolean): Promise<Done> {
    switch (errand.request.verb) {
      case 'download':
        return this.#download(errand);
      case 'start':
        return this.#start(errand);
      case 'stop':
        return this.#stop(errand, calledOff);
      case 'soft-stop':
        return this.#softStop(errand);
      case 'pause':
        return this.#pause(errand);
      case 'resume':
        return this.#resume(errand);
      case 'restart':
        return this.#restart(errand);
      case 'balloon':
        return this.#balloon(errand);
      case 'replace':
        return this.#replace(errand);
    }
  }

  async #download({ request, signal, tell }: Errand): Promise<Done> {
    const { uuid } = request;
    const { workload } = judged(configOf(request), uuid);
    const began = this.#ports.clock.elapsed();
    this.#fetching.set(uuid, workload);
    try {
      const { lazyAllocation } = request;
      await this.#ports.volumes.ensure(workload, { signal, lazyAllocation, progress: teller(tell) });
    } catch (thrown) {
      // Its folder may be there now, for nothing.
      if (!this.#machines.has(uuid)) await this.#folder(uuid).clear({ log: true });
      signal.throwIfAborted();
      throw thrown;
    } finally {
      if (!signal.aborted) this.#fetching.delete(uuid);
    }
    tellStep(tell, 'fetch', 'every volume is there', this.#ports.clock.elapsed() - began);
    return {};
  }

  async #tryStart(errand: Errand): Promise<Done> {
    const { request } = errand;
    this.#machines.refuseRunning(request.uuid);
    return {
      argv: await this.#startOf(errand, judged(configOf(request), request.uuid), configOf(request)).dry(),
    };
  }

  async #start(errand: Errand): Promise<Done> {
    this.#machines.refuseRunning(errand.request.uuid);
    return this.#startWith(errand, configOf(errand.request));
  }

  async #startWith(errand: Errand, config: Config): Promise<Done> {
    const { uuid } = errand.request;
    try {
      this.#refuseTooMany();
      const parsed = judged(config, uuid);
      this.#fetching.set(uuid, parsed.workload);
      this.#starting.set(uuid, startingStatus(parsed.workload, this.#ports.clock.now(), this.#ports.sha256));
      this.#ports.changed();
      const { argv, vm } = await this.#startOf(errand, parsed, config).run();
      this.#machines.set(uuid, vm);
      return { status: vm.status(), argv };
    } catch (thrown) {
      await this.#noteFailure(uuid, thrown);
      throw thrown;
    } finally {
      this.#starting.delete(uuid);
      this.#claimedIds.delete(uuid);
      if (!errand.signal.aborted) this.#fetching.delete(uuid);
      this.#ports.changed();
    }
  }

  #startOf({ request, signal, tell }: Errand, parsed: WellFormed, config: Config): Start {
    const { uuid } = request;
    return new Start(
      {
        request,
        config,
        parsed,
        folder: this.#folder(uuid),
        predecessor: this.#machines.get(uuid),
        forget: () => this.#machines.delete(uuid),
        contextIds: () => this.#contextIds(uuid),
        claimContextId: cid => this.#claimedIds.set(uuid, cid),
        tell,
        signal,
      },
      this.#ports,
    );
  }

  async #stop({ request, tell }: Errand, calledOff: boolean): Promise<Done> {
    const { timeoutSeconds, uuid } = request;
    if (calledOff) await this.#clearFetched(uuid, tell);
    const machine = this.#machines.get(uuid);
    if (!machine && calledOff) return {};
    if (!machine) return this.#abandon(uuid, tell);
    if (!machine.end) await endMachine(machine, timeoutSeconds * 1000, { clock: this.#ports.clock, tell });
    await this.#clearAway(machine, tell);
    return {};
  }

  /** What was called off has taken itself back; the beginning of a file stays for the next time, but a stop wants none. */
  async #clearFetched(uuid: string, tell: Tell): Promise<void> {
    const workload = this.#fetching.get(uuid);
    this.#fetching.delete(uuid);
    if (workload && !this.#machines.has(uuid)) await this.#ports.volumes.release(workload);
    tellStep(tell, 'call-off', 'called off what was under way', 0);
  }

  /** Of a workload that was downloaded and never started. */
  async #abandon(uuid: string, tell: Tell): Promise<Done> {
    const began = this.#ports.clock.elapsed();
    const deleted = await this.#ports.volumes.abandon(uuid);
    if (!deleted) throw notHere(uuid);
    await this.#folder(uuid).clear({ log: true });
    tellStep(tell, 'clear', deletedText(deleted), this.#ports.clock.elapsed() - began);
    return {};
  }

  async #softStop({ request, tell }: Errand): Promise<Done> {
    const machine = this.#machines.living(request.uuid);
    if (machine.state === 'paused')
      throw wrongState(machine, 'is paused, and so cannot shut down; resume it first');
    if (request.timeoutSeconds === 0)
      throw new PxenError('BAD_REQUEST', 'timeoutSeconds: got 0, expected more');
    await endSoftly(machine, request.timeoutSeconds * 1000, { clock: this.#ports.clock, tell });
    await this.#clearAway(machine, tell);
    return {};
  }

  /** Nothing is left but what its volumes need. */
  async #clearAway(machine: VirtualMachine, tell: Tell): Promise<void> {
    const { clock, devices, taps, volumes } = this.#ports;
    const began = clock.elapsed();
    try {
      await taps.remove(machine.folder);
      await devices.giveBack(machine.folder);
      await machine.forget();
      const deleted = await volumes.release(machine.saved.machine.workload);
      await machine.folder.clear({ log: false });
      this.#machines.delete(machine.folder.uuid);
      tellStep(tell, 'clear', deletedText(deleted), clock.elapsed() - began);
    } catch (thrown) {
      machine.staysEnded();
      throw thrown;
    } finally {
      this.#ports.changed();
    }
  }

  async #pause({ request, tell }: Errand): Promise<Done> {
    const machine = this.#machines.living(request.uuid);
    if (machine.state === 'paused') throw wrongState(machine, 'is paused already');
    return this.#switch(machine, 'pause', tell);
  }

  async #resume({ request, tell }: Errand): Promise<Done> {
    const machine = this.#machines.living(request.uuid);
    if (machine.state === 'running') throw wrongState(machine, 'runs already');
    return this.#switch(machine, 'resume', tell);
  }

  async #switch(machine: VirtualMachine, verb: 'pause' | 'resume', tell: Tell): Promise<Done> {
    const began = this.#ports.clock.elapsed();
    await machine.control()[verb]();
    await machine.look();
    tellStep(tell, verb, `it is ${machine.state}`, this.#ports.clock.elapsed() - began);
    return { status: machine.status() };
  }

  /** The file is judged before anything is stopped for it. */
  async #restart(errand: Errand): Promise<Done> {
    const { request } = errand;
    const machine = this.#machines.get(request.uuid);
    const config = request.config ?? machine?.saved.config;
    if (!config) throw notHere(request.uuid);
    judged(config, request.uuid);
    if (machine) await this.#stop(errand, false);
    return this.#startWith(errand, config);
  }

  async #balloon({ request, tell }: Errand): Promise<Done> {
    const machine = this.#machines.living(request.uuid);
    await balloon(machine, request.memory, { clock: this.#ports.clock, tell });
    return { status: machine.status() };
  }

  async #replace({ request, signal, tell }: Errand): Promise<Done> {
    const { uuid } = request;
    const part = partOf(request);
    if (!part)
      throw new PxenError('BAD_REQUEST', 'replace needs the number of a volume (volume) or of a NIC (nic)');
    const machine = this.#machines.living(uuid);
    const config = withPart(machine.saved.config, configOf(request), part);
    const parsed = judged(config, uuid);
    if ('nic' in part) {
      await rewire({ machine, config, parsed, nic: part.nic, tell }, this.#ports);
      return { status: machine.status() };
    }
    this.#fetching.set(uuid, parsed.workload);
    try {
      const exchange = { machine, config, parsed, volume: part.volume, request, tell, signal };
      await replaceVolume(exchange, this.#ports);
      return { status: machine.status() };
    } finally {
      if (!signal.aborted) this.#fetching.delete(uuid);
    }
  }

  /** Those of all workloads but this one. */
  #contextIds(uuid: string): number[] {
    const claims = [...this.#claimedIds].filter(([other]) => other !== uuid);
    return [...this.#machines.contextIdsBut(uuid), ...claims.map(([, cid]) => cid)];
  }

  #folder(uuid: string): StateFolder {
    return new StateFolder(this.#ports.root, uuid);
  }

  /** host0 takes no longer list. */
  #refuseTooMany(): void {
    const count = this.#machines.size + this.#starting.size;
    if (count < MOST_WORKLOADS) return;
    throw new PxenError('WORKLOAD_STATE', `this node has ${count} workloads, and more cannot be told of`);
  }

  /** MH-3: whoever looks for the reason on the node finds it there. */
  async #noteFailure(uuid: string, thrown: unknown): Promise<void> {
    try {
      await this.#folder(uuid).note(startFailure(thrown));
    } catch (trouble) {
      this.#ports.say(
        `${uuid}: why it did not start cannot be written to its output.log: ${messageOf(trouble)}`,
      );
    }
  }
}

function configOf({ config, verb }: AgentRun): Config {
  if (!config) throw new PxenError('BAD_REQUEST', `${verb} needs the workload's file (config)`);
  return config;
}

/** By all rules that need no node. Throws WORKLOAD_INVALID with every problem. */
function judged(config: Config, uuid: string): WellFormed {
  const { lines, problems, texts, workload } = parseWorkload(config.text, config.file);
  if (!workload) throw workloadError(config.file, problems);
  if (workload.uuid !== uuid)
    throw new PxenError(
      'BAD_REQUEST',
      `${config.file} is the file of ${quote(workload.uuid)}, not of ${quote(uuid)}`,
    );
  return { file: config.file, workload, lines, texts };
}

function deletedText(paths: readonly string[]): string {
  return paths.length === 0 ? 'no volume was deleted' : `deleted ${paths.join(', ')}`;
}
