import { setImmediate } from 'node:timers/promises';
import type { AgentDone, AgentStep, Verb } from '../../api/agent.ts';
import { errorBody } from '../../api/error.ts';
import { placementView } from '../../api/placement-view.ts';
import type { WorkloadLine, WorkloadRun } from '../../api/workloads.ts';
import { asPxenError, PxenError } from '../../base/error.ts';
import type { Clock, Log } from '../../base/ports.ts';
import type { Held, Placer } from '../../domain/placement/placer.ts';
import { placementRefused } from '../../domain/placement/refusal.ts';
import { startConflict } from '../../domain/workload/choose.ts';
import { called, type Host, isThere } from '../../domain/workload/host.ts';
import { workloadError } from '../../domain/workload/problem.ts';
import type { StartedFile } from '../../domain/workload/record.ts';
import { isAlive } from '../../domain/workload/view.ts';
import { type Berth, Berths } from './berths.ts';
import { type Entry, isKnown, otherUuids, select } from './entries.ts';
import type { Locks } from './locks.ts';
import type { Returning } from './returning.ts';
import type { Scene } from './scene.ts';
import { Turns } from './turns.ts';
import { INTENT, type Task, type Verbs } from './verbs.ts';

export interface CommandParts {
  readonly placer: Placer;
  readonly scene: Scene;
  readonly verbs: Verbs;
  readonly locks: Locks;
  readonly returning: Returning;
  readonly hosts: () => readonly Host[];
  readonly host: (id: Host['id']) => Host | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Caller {
  readonly onLine: (line: WorkloadLine) => void | Promise<void>;
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal;
}

/** Nodes that one request works on at the same time. */
const NODES_AT_ONCE = 16;

/** Verbs that an agent does by the workload file. */
const BY_FILE: ReadonlySet<Verb> = new Set<Verb>(['download', 'start', 'restart', 'replace']);

/** One request of an admin: a verb for some workloads. */
export class Command {
  readonly #d: CommandParts;
  readonly #request: WorkloadRun;
  readonly #caller: Caller;
  readonly #turns = new Turns(NODES_AT_ONCE);
  readonly #berths: Berths;

  constructor(parts: CommandParts, request: WorkloadRun, caller: Caller) {
    this.#d = parts;
    this.#berths = new Berths(parts);
    this.#request = request;
    this.#caller = caller;
  }

  /** Rejects with NOT_FOUND or BAD_REQUEST before anything is done; later errors are lines. */
  async run(): Promise<void> {
    const { dryRun, verb, workloads } = this.#request;
    if (dryRun && verb !== 'start')
      throw new PxenError('BAD_REQUEST', `there is no dry run of ${verb}, only of start`);
    const entries = await this.#d.scene.entries();
    const chosen = select(entries, workloads, verb === 'start' || verb === 'download');
    const ends: Promise<void>[] = [];
    for (const entry of chosen) {
      const end = this.#one(entry, entries);
      // Whether the caller was told, `all` looks at in the end.
      end.catch(() => {});
      ends.push(end);
      // Among thousands of VMs a decision takes milliseconds: others have their turn in between.
      if (ends.length < chosen.length) await setImmediate();
    }
    await Promise.all(ends);
  }

  /** Rejects only when the caller cannot be told. */
  async #one(entry: Entry, entries: readonly Entry[]): Promise<void> {
    const startedAt = this.#d.clock.elapsed();
    const about: { workload: string; node?: Host['id'] } = { workload: entry.name };
    let last: WorkloadLine;
    let held: Held | undefined;
    try {
      const config = this.#configFor(entry, entries);
      const berth = this.#berths.of(entry, this.#request, config);
      held = berth.held;
      const task = await this.#task(entry, entries, config, berth);
      about.node = task.host.id;
      last = { ...about, done: await this.#turns.take(task.host.id, () => this.#perform(task)) };
      this.#tell(about, startedAt);
    } catch (thrown) {
      const error = asPxenError(thrown);
      last = { ...about, error: errorBody(error).error };
      this.#tell(about, startedAt, error);
    } finally {
      if (held) this.#d.placer.release(entry.uuid ?? '');
    }
    await this.#caller.onLine(last);
  }

  /** Throws what is wrong with its file. */
  #configFor(entry: Entry, entries: readonly Entry[]): StartedFile | undefined {
    const { verb } = this.#request;
    const config = BY_FILE.has(verb) ? configOf(entry, verb) : undefined;
    if (INTENT[verb] === 'start') refuseTwin(entry, entries);
    return config;
  }

  /** Of a dry run, tells where it would go first. Rejects when that is nowhere. */
  async #task(
    { file, name, situation, uuid = '' }: Entry,
    entries: readonly Entry[],
    config: StartedFile | undefined,
    { decision, held, host, workload, would }: Berth,
  ): Promise<Task> {
    const { dryRun, memory, nic, timeoutSeconds, verb, volume } = this.#request;
    if (decision) {
      const placement = placementView(name, decision);
      await this.#caller.onLine({ workload: name, node: decision.node, placement });
    }
    if (!host) throw placementRefused(name, decision ?? { reasons: [] });
    const autostart = file?.workload?.autostart ?? situation.record?.autostart ?? true;
    return {
      ...{ verb, name, uuid, host, config, autostart, timeoutSeconds, dryRun, held, would, workload },
      ...{ memory, nic, volume },
      // Only an unreadable file has no uuid, and such a workload is on no node.
      otherUuids: config ? otherUuids(entries, uuid) : [],
      isLast: file === undefined,
    };
  }

  async #perform(planned: Task): Promise<AgentDone> {
    const { signal } = this.#caller;
    // While it waited its turn, the node may have rebooted.
    const task = { ...planned, host: this.#d.host(planned.host.id) ?? planned.host };
    if (signal.aborted) throw new PxenError('TIMEOUT', 'the caller went away');
    this.#refuseConflict(task);
    const act = async (): Promise<AgentDone> => {
      // Somebody else's start may have come in between, or have ended that was in the way when this asked for a place.
      this.#refuseConflict(task);
      refuseUnplaced(task);
      return this.#d.verbs.perform(task, step => this.#step(task, step), signal);
    };
    const intent = INTENT[task.verb];
    // What changes nothing of what shall be, agents keep in order by themselves.
    if (task.dryRun || intent === undefined) return act();
    // A stop calls off a return that is under way; a start lets it be, but does not wait for the next try.
    if (intent === 'stop' || this.#d.locks.of(task.uuid) === undefined)
      await this.#d.returning.callOff(task.uuid);
    return this.#d.locks.hold(task, task.verb, act);
  }

  #refuseConflict({ host, name, uuid, verb }: Task): void {
    if (INTENT[verb] !== 'start') return;
    const { placer, scene } = this.#d;
    // While it waited its turn, others of this request may have started for minutes.
    if (placer.isDisabled(host.id))
      throw new PxenError('PLACEMENT_REFUSED', `${name}: ${called(host)} cannot take it`, {
        details: ['it was disabled meanwhile'],
      });
    const conflict = startConflict(name, host, scene.situation(uuid), id => placer.isDisabled(id));
    if (conflict) throw conflict;
  }

  #step({ host, name }: Task, step: AgentStep): void | Promise<void> {
    return this.#caller.onLine({ workload: name, node: host.id, ...step });
  }

  #tell(about: { workload: string; node?: string }, startedAt: number, error?: PxenError): void {
    const { dryRun, verb } = this.#request;
    const ms = Math.round(this.#d.clock.elapsed() - startedAt);
    const what = dryRun ? `dry run of ${verb}` : verb;
    if (error) this.#d.log.warn('workloads', `${what}: ${error.message}`, { ...about, ms, code: error.code });
    else this.#d.log.info('workloads', `${what} done`, { ...about, ms });
  }
}

/** What took no place when it was asked for must not start without one: the others there do not know of it. */
function refuseUnplaced({ dryRun, held, name, verb, workload }: Task): void {
  if (dryRun || INTENT[verb] !== 'start' || !workload || held) return;
  throw new PxenError('WORKLOAD_BUSY', `${name}: another start of it was under way`, {
    details: ['it is over now: try again'],
  });
}

/** A restart of a workload whose file is gone goes by the one that it was started with. */
function configOf({ file, name, situation }: Entry, verb: Verb): StartedFile {
  if (file && file.problems.length > 0) throw workloadError(file.file, file.problems);
  if (file) return { file: file.file, text: file.text };
  if (verb === 'restart' && situation.record) return situation.record.config;
  throw new PxenError('FILE_MISSING', `${name} has no workload file any more`, {
    details: ['mesh workload status tells where it was started'],
  });
}

/** Two machines of one name would be one for everybody who uses names. */
function refuseTwin({ name, uuid }: Entry, entries: readonly Entry[]): void {
  for (const other of entries) {
    if (other.name !== name || other.uuid === uuid || !isKnown(other)) continue;
    const there = other.situation.sights.find(({ host, status }) => isThere(host) && isAlive(status));
    if (!there) continue;
    throw new PxenError(
      'WORKLOAD_STATE',
      `a workload called ${name} with another uuid (${other.uuid}) is on ${called(there.host)}`,
      { details: [`stop it first: mesh workload stop -w ${name}`] },
    );
  }
}
