import type { Verb } from '../../api/agent.ts';
import { PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';

interface Job {
  readonly verb: Verb;
  /** By `Clock.elapsed`. */
  readonly since: number;
  readonly abort: AbortController;
  /** Resolves when it is over, however it ended. */
  readonly over: Promise<void>;
}

/** What a stop may call off: it fetches files for hours where the network is slow. */
const CAN_BE_CALLED_OFF: readonly Verb[] = ['download', 'start', 'restart', 'replace'];

/**
 * Sees to it that one command at a time changes a workload. Two exceptions: downloads of one workload go side by side
 * (they share the transfer), and a stop calls off a download or a start that is under way.
 */
export class Jobs {
  readonly #clock: Clock;
  readonly #running = new Map<string, Set<Job>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Does the work, or rejects with WORKLOAD_BUSY. `calledOff` is true when another job had to make way first. */
  async run<T>(
    uuid: string,
    verb: Verb,
    work: (signal: AbortSignal, calledOff: boolean) => Promise<T>,
  ): Promise<T> {
    const others = [...(this.#running.get(uuid) ?? [])];
    this.#refuseBusy(uuid, verb, others);
    const { promise: over, resolve: finish } = Promise.withResolvers<void>();
    const job: Job = { verb, since: this.#clock.elapsed(), abort: new AbortController(), over };
    this.#enter(uuid, job);
    try {
      if (verb === 'stop') await callOff(others);
      return await work(job.abort.signal, verb === 'stop' && others.length > 0);
    } finally {
      this.#leave(uuid, job);
      finish();
    }
  }

  /** Calls off everything that can be, and waits until it has cleaned up behind itself. */
  async stop(): Promise<void> {
    const all = [...this.#running.values()].flatMap(jobs => [...jobs]);
    const reason = new PxenError('SERVER_DOWN', 'the agent of the node is ending; try again when it is back');
    await callOff(
      all.filter(job => CAN_BE_CALLED_OFF.includes(job.verb)),
      reason,
    );
  }

  #refuseBusy(uuid: string, verb: Verb, others: readonly Job[]): void {
    const inTheWay = others.find(other => !goTogether(verb, other.verb));
    if (!inTheWay) return;
    const seconds = Math.round((this.#clock.elapsed() - inTheWay.since) / 1000);
    throw new PxenError(
      'WORKLOAD_BUSY',
      `${uuid}: cannot ${verb}: another command is at work on it (${inTheWay.verb}, for ${seconds} s now)`,
      { details: ['wait until that one has ended, then try again'] },
    );
  }

  #enter(uuid: string, job: Job): void {
    const jobs = this.#running.get(uuid) ?? new Set();
    this.#running.set(uuid, jobs.add(job));
  }

  #leave(uuid: string, job: Job): void {
    const jobs = this.#running.get(uuid);
    jobs?.delete(job);
    if (jobs?.size === 0) this.#running.delete(uuid);
  }
}

function goTogether(verb: Verb, other: Verb): boolean {
  if (verb === 'download') return other === 'download';
  return verb === 'stop' && CAN_BE_CALLED_OFF.includes(other);
}

async function callOff(
  jobs: readonly Job[],
  reason = new PxenError('WORKLOAD_STATE', 'called off: the workload was stopped meanwhile'),
): Promise<void> {
  for (const job of jobs) job.abort.abort(reason);
  await Promise.all(jobs.map(job => job.over));
}
