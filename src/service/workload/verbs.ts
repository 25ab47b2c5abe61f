import type { AgentAnswer, AgentDone, AgentRun, AgentStep, Verb } from '../../api/agent.ts';
import { asPxenError, PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import type { Held } from '../../domain/placement/placer.ts';
import type { Realm } from '../../domain/placement/realm.ts';
import { confirmed, restartFailed, startFailed, startSent, stopSent } from '../../domain/workload/desired.ts';
import type { AccelPolicy } from '../../domain/workload/facts.ts';
import { called, type Host } from '../../domain/workload/host.ts';
import { withRealmTerms } from '../../domain/workload/realm-terms.ts';
import type { StartedFile, WorkloadRecord } from '../../domain/workload/record.ts';
import { partOf, withPart } from '../../domain/workload/replacement.ts';
import type { Workload } from '../../domain/workload/workload.ts';
import type { Agents } from './agents.ts';
import type { Records } from './records.ts';
import type { Registering } from './registering.ts';
import type { Sightings } from './sightings.ts';
import { Silence } from './silence.ts';

/** One verb for one workload on one node. */
export interface Task {
  readonly verb: Verb;
  readonly name: string;
  readonly uuid: string;
  readonly host: Host;
  /** Of download, start, restart and replace. */
  readonly config?: StartedFile | undefined;
  readonly autostart: boolean;
  readonly otherUuids: readonly string[];
  /** Of start and restart: the place that is held for it. */
  readonly held?: Held | undefined;
  /** Of a dry run, a download and a replacement: the place that would be held. */
  readonly would?: Held | undefined;
  /** What `config` says. */
  readonly workload?: Workload | undefined;
  /** Of balloon and of replace, see agentRunSchema. */
  readonly memory?: number | undefined;
  readonly volume?: number | undefined;
  readonly nic?: number | undefined;
  readonly timeoutSeconds: number;
  readonly dryRun: boolean;
  /** Its file is gone: after a stop there is nothing to remember. */
  readonly isLast: boolean;
}

/** What a verb changes of what shall be. */
export const INTENT: Record<Verb, 'start' | 'stop' | undefined> = {
  download: undefined,
  start: 'start',
  stop: 'stop',
  'soft-stop': 'stop',
  pause: undefined,
  resume: undefined,
  restart: 'start',
  balloon: undefined,
  replace: undefined,
};

export interface VerbPorts {
  readonly agents: Agents;
  readonly records: Records;
  readonly sightings: Sightings;
  readonly registering: Pick<Registering, 'watch'>;
  readonly clock: Clock;
  readonly accel: AccelPolicy;
}

/** Milliseconds that an agent that was too late already has to call a start off. */
const CALLING_OFF = 20_000;
/** Nobody calls it off. */
const NEVER = new AbortController().signal;

/** Has agents do things, and remembers what shall be before they are told. */
export class Verbs {
  readonly #agents: Agents;
  readonly #records: Records;
  readonly #sightings: Sightings;
  readonly #registering: Pick<Registering, 'watch'>;
  readonly #clock: Clock;
  readonly #accel: AccelPolicy;

  constructor(ports: VerbPorts) {
    this.#agents = ports.agents;
    this.#records = ports.records;
    this.#sightings = ports.sightings;
    this.#registering = ports.registering;
    this.#clock = ports.clock;
    this.#accel = ports.accel;
  }

  /** Rejects with what the agent refused, or why nobody knows what became of it. */
  async perform(
    task: Task,
    onStep: (step: AgentStep) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<AgentDone> {
    const { host, uuid } = task;
    if (task.dryRun) return doneIn(await this.#run(task, onStep, signal));
    const before = this.#records.get(uuid);
    const meant = await this.#remember(task, before);
    const answer = await this.#run(task, onStep, signal).catch(thrown => {
      throw withHint(asPxenError(thrown), IF_UNKNOWN[INTENT[task.verb] ?? 'none']);
    });
    // A stop may have overtaken a start: then its word counts.
    const isLatest = this.#records.get(uuid) === meant;
    if (!('done' in answer)) this.#sightings.doubt(host.id, uuid);
    if ('done' in answer) await this.#settle(task, answer.done, isLatest ? meant : undefined);
    else if (meant && isLatest) await this.#undo(task, { before, meant, answer });
    if ('unsent' in answer && task.verb === 'stop') throw withHint(answer.unsent, IF_UNKNOWN.stop);
    return doneIn(answer);
  }

  /** Starts a workload again as it was started before, on the node that has lost it. */
  async bringBack(
    record: WorkloadRecord,
    { held, host, otherUuids, workload }: Pick<Task, 'held' | 'host' | 'otherUuids' | 'workload'>,
    signal: AbortSignal,
  ): Promise<void> {
    const { autostart, config, name, uuid } = record;
    const task = { verb: 'start', name, uuid, host, config, autostart, otherUuids, held, workload } as const;
    const request = { ...task, timeoutSeconds: 0, dryRun: false, isLast: false };
    const { status } = doneIn(await this.#run(request, () => {}, signal));
    const back = { ...record, ...this.#heldBy(request) };
    await this.#records.save(confirmed(back, host.bootId ?? record.bootId));
    this.#registering.watch(back);
    this.#sightings.learned(host.id, uuid, status);
  }

  /** Ends what did not register in time, at once. Rejects when nobody knows whether it has ended. */
  async giveUp(record: WorkloadRecord, host: Host, why: string): Promise<void> {
    const { autostart, name, uuid } = record;
    const task = { verb: 'stop', name, uuid, host, autostart, otherUuids: [] } as const;
    const request = { ...task, timeoutSeconds: 0, dryRun: false, isLast: false };
    const answer = await this.#agents.run(host, this.#request(request), () => {}, NEVER);
    // Refused: it is not there, so it has ended already.
    if ('unsent' in answer) throw answer.unsent;
    await this.#records.save(startFailed(record, why));
    this.#sightings.learned(host.id, uuid, undefined);
  }

  /** A start in a realm may be silent no longer than its registration-timeout. */
  async #run(
    task: Task,
    onStep: (step: AgentStep) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<AgentAnswer> {
    const realm = INTENT[task.verb] === 'start' && !task.dryRun ? task.held?.realm : undefined;
    if (!realm) return this.#agents.run(task.host, this.#request(task), onStep, signal);
    const quiet = new Silence(this.#clock, realm.registrationTimeout, '', signal);
    try {
      return await this.#agents.run(
        task.host,
        this.#request(task),
        async step => {
          quiet.over();
          await onStep(step);
          quiet.begin();
        },
        quiet.signal,
      );
    } catch (thrown) {
      if (!quiet.isBroken) throw thrown;
      return { refused: await this.#tooLate(task, realm) };
    } finally {
      quiet.over();
    }
  }

  /** The agent may have begun: a stop calls that off. */
  async #tooLate({ host, ...task }: Task, { id, registrationTimeout }: Realm): Promise<PxenError> {
    const stop = this.#request({ ...task, host, verb: 'stop', config: undefined, timeoutSeconds: 0 });
    const limit = new Silence(this.#clock, CALLING_OFF, '', NEVER);
    const answer = await this.#agents
      .run(host, stop, () => {}, limit.signal)
      .catch(() => undefined)
      .finally(() => limit.over());
    const isOff = answer !== undefined && !('unsent' in answer);
    return new PxenError(
      'TIMEOUT',
      `${task.name}: ${called(host)} did not confirm its start within ${registrationTimeout / 1000} s, which is the registration-timeout of realm ${id}`,
      {
        details: [
          isOff
            ? 'it was called off'
            : `it could not be called off; should it come up all the same: mesh workload stop -w ${task.name}`,
        ],
      },
    );
  }

  #request({
    verb,
    uuid,
    config,
    held,
    would,
    otherUuids,
    timeoutSeconds,
    dryRun,
    workload,
    memory,
    volume,
    nic,
  }: Task): AgentRun {
    const { devices = [], realm } = held ?? would ?? {};
    const common = {
      verb,
      uuid,
      accel: this.#accel,
      otherUuids: [...otherUuids],
      devices: devices.map(device => ({ ...device })),
      timeoutSeconds,
      dryRun,
      memory,
      volume,
      nic,
      ...(realm && { lazyAllocation: realm.drives.lazyAllocation }),
    };
    if (!config) return common;
    return { ...common, config: workload ? withRealmTerms(config, workload, realm) : config };
  }

  /** What a start adds to its record. */
  #heldBy({ held, workload }: Task): Pick<WorkloadRecord, 'devices' | 'registration'> {
    const devices = held && held.devices.length > 0 ? held.devices : undefined;
    const realm = workload?.qga === true ? held?.realm : undefined;
    const within = realm?.registrationTimeout ?? 0;
    const registration = realm && { realm: realm.id, within, by: this.#clock.now() + within };
    return { devices, registration };
  }

  /** Undefined when there is nothing to remember. */
  async #remember(task: Task, before: WorkloadRecord | undefined): Promise<WorkloadRecord | undefined> {
    const { autostart, config, host, name, uuid, verb } = task;
    const bootId = host.bootId ?? '';
    // A stop with -n on a node where it should not be says nothing of the one where it should.
    const stopped = INTENT[verb] === 'stop' && before?.node === host.id ? stopSent(before) : undefined;
    const started =
      INTENT[verb] === 'start' && config
        ? startSent({
            ...{ name, uuid, autostart, node: host.id, bootId, config },
            // Until this start has gone well, they are where they were.
            disksOn: before?.disksOn,
            ...this.#heldBy(task),
          })
        : undefined;
    const record = started ?? stopped;
    if (record) await this.#records.save(record);
    return record;
  }

  async #settle(task: Task, { status }: AgentDone, meant: WorkloadRecord | undefined): Promise<void> {
    const { host, isLast, uuid, verb } = task;
    if (INTENT[verb] === 'start' && meant) {
      const up = { ...confirmed(meant, meant.bootId), ...this.#heldBy(task), disksOn: disksOf(task) };
      await this.#records.save(up);
      this.#registering.watch(up);
    }
    if (verb === 'replace') await this.#notePart(task);
    if (INTENT[verb] === 'stop' && meant && isLast) await this.#records.remove(uuid);
    if (verb !== 'download') this.#sightings.learned(host.id, uuid, status);
  }

  /** When its node reboots, it comes back with what it has now. */
  async #notePart(task: Task): Promise<void> {
    const { config, host, uuid } = task;
    const part = partOf(task);
    const record = this.#records.get(uuid);
    if (!config || !part || record?.node !== host.id) return;
    const disksOn = disksOf(task) ?? record.disksOn;
    await this.#records.save({ ...record, config: withPart(record.config, config, part), disksOn });
  }

  /** It did not happen. That an admin wants something stopped is remembered all the same. */
  async #undo({ uuid, verb }: Task, { before, meant, answer }: Undone): Promise<void> {
    const refused = 'refused' in answer ? answer.refused : undefined;
    const isHeld = refused?.code === 'WORKLOAD_BUSY' || refused?.code === 'WORKLOAD_STATE';
    if (verb === 'stop' && refused?.code !== 'WORKLOAD_BUSY') return;
    if (verb === 'restart' && before && refused && !isHeld)
      return this.#records.save(restartFailed(before, refused.message));
    // The node has the log of a start that failed, so it is worth knowing which one that was.
    if (verb === 'start' && refused && !isHeld && before?.desired !== 'running')
      return this.#records.save(startFailed(meant, refused.message));
    await this.#records.restore(uuid, before);
  }
}

interface Undone {
  readonly before: WorkloadRecord | undefined;
  readonly meant: WorkloadRecord;
  readonly answer: Exclude<AgentAnswer, { done: unknown }>;
}

function doneIn(answer: AgentAnswer): AgentDone {
  if ('done' in answer) return answer.done;
  throw 'refused' in answer ? answer.refused : answer.unsent;
}

/** Hosts of libvirt share their disks (checklist TC-1). */
function disksOf({ host, workload }: Task): MachineId | undefined {
  const keepsDisks = workload?.volumes.some(({ ephemeral }) => !ephemeral) ?? false;
  return keepsDisks && host.uri === undefined ? host.id : undefined;
}

/** What to know when nobody knows what became of it. */
const IF_UNKNOWN = {
  start: 'whether it runs shows as soon as its node reports: mesh workload status',
  stop: 'it is remembered as stopped: it does not come back when its node reboots',
  none: undefined,
};

function withHint(error: PxenError, hint: string | undefined): PxenError {
  if (hint === undefined) return error;
  return new PxenError(error.code, error.message, { cause: error, details: [...error.details, hint] });
}
