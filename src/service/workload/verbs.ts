import type { AgentRun, Verb } from '../../api/agent.ts';
import { asPxenError, PxenError } from '../../base/error.ts';
import { confirmed, restartFailed, startFailed, startSent, stopSent } from '../../domain/workload/desired.ts';
import type { AccelPolicy } from '../../domain/workload/facts.ts';
import type { Host } from '../../domain/workload/host.ts';
import type { StartedFile, WorkloadRecord } from '../../domain/workload/record.ts';
import type { AgentAnswer, AgentClient, AgentDone, AgentStep } from './agent.ts';
import type { Records } from './records.ts';
import type { Sightings } from './sightings.ts';

/** One verb for one workload on one node. */
export interface Task {
  readonly verb: Verb;
  readonly name: string;
  readonly uuid: string;
  readonly host: Host;
  /** Of download, start and restart. */
  readonly config?: StartedFile | undefined;
  readonly autostart: boolean;
  readonly otherUuids: readonly string[];
  /** Set aside for it on the node. */
  readonly devices?: AgentRun['devices'] | undefined;
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
};

/** Has agents do things, and remembers what shall be before they are told. */
export class Verbs {
  readonly #agents: AgentClient;
  readonly #records: Records;
  readonly #sightings: Sightings;
  readonly #accel: AccelPolicy;

  constructor(ports: { agents: AgentClient; records: Records; sightings: Sightings; accel: AccelPolicy }) {
    this.#agents = ports.agents;
    this.#records = ports.records;
    this.#sightings = ports.sightings;
    this.#accel = ports.accel;
  }

  /** Rejects with what the agent refused, or why nobody knows what became of it. */
  async perform(
    task: Task,
    onStep: (step: AgentStep) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<AgentDone> {
    const { host, uuid } = task;
    if (task.dryRun) return doneIn(await this.#agents.run(host, this.#request(task), onStep, signal));
    const before = this.#records.get(uuid);
    const meant = await this.#remember(task, before);
    const answer = await this.#agents.run(host, this.#request(task), onStep, signal).catch(thrown => {
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
    host: Host,
    otherUuids: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const { autostart, config, name, uuid } = record;
    const task = { verb: 'start', name, uuid, host, config, autostart, otherUuids } as const;
    const request = this.#request({ ...task, timeoutSeconds: 0, dryRun: false, isLast: false });
    const { status } = doneIn(await this.#agents.run(host, request, () => {}, signal));
    await this.#records.save(confirmed(record, host.bootId ?? record.bootId));
    this.#sightings.learned(host.id, uuid, status);
  }

  #request({ verb, uuid, config, otherUuids, devices = [], timeoutSeconds, dryRun }: Task): AgentRun {
    const common = {
      verb,
      uuid,
      accel: this.#accel,
      otherUuids: [...otherUuids],
      devices,
      timeoutSeconds,
      dryRun,
    };
    return config ? { ...common, config } : common;
  }

  /** Undefined when there is nothing to remember. */
  async #remember(task: Task, before: WorkloadRecord | undefined): Promise<WorkloadRecord | undefined> {
    const { autostart, config, host, name, uuid, verb } = task;
    const bootId = host.bootId ?? '';
    // A stop with -n on a node where it should not be says nothing of the one where it should.
    const stopped = INTENT[verb] === 'stop' && before?.node === host.id ? stopSent(before) : undefined;
    const started =
      INTENT[verb] === 'start' && config
        ? startSent({ name, uuid, autostart, node: host.id, bootId, config })
        : undefined;
    const record = started ?? stopped;
    if (record) await this.#records.save(record);
    return record;
  }

  async #settle(
    { host, isLast, uuid, verb }: Task,
    { status }: AgentDone,
    meant: WorkloadRecord | undefined,
  ): Promise<void> {
    if (INTENT[verb] === 'start' && meant) await this.#records.save(confirmed(meant, meant.bootId));
    if (INTENT[verb] === 'stop' && meant && isLast) await this.#records.remove(uuid);
    if (verb !== 'download') this.#sightings.learned(host.id, uuid, status);
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
