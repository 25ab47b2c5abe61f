import type { Clock } from '../../base/ports.ts';
import type { DomainSight } from '../../domain/vm/libvirt/look.ts';
import type { GuestStatus, Usage, WorkloadState, WorkloadStatus } from '../../domain/workload/status.ts';
import { type Note, parseNote } from './note.ts';

/** A domain that pxen started, with what it noted then. */
export interface OwnDomain {
  readonly sight: DomainSight;
  readonly note: Note;
}

/** What was seen of a domain the last time. Times in milliseconds. */
interface Before {
  readonly state: WorkloadState;
  readonly since: number;
  readonly cpuSeconds: number | undefined;
  readonly at: number;
  readonly output: string;
}

/** What is only asked where it is wanted. */
export interface Questions {
  /** The last lines of the log of one that has just ended. */
  readonly output: (note: Note) => Promise<string>;
  /** Of a domain that runs: how the agent in its guest is. */
  readonly guest: (domain: string) => Promise<GuestStatus>;
}

/**
 * A domain of ours carries the uuid of its workload, and has the uuid that is made of it: a clone has the first and not
 * the second.
 */
export function ownDomain(sight: DomainSight, rfcUuid: (uuid: string) => string): OwnDomain | undefined {
  const { mark } = sight;
  if (mark?.run === undefined || rfcUuid(mark.workload) !== sight.uuid) return undefined;
  const note = parseNote(mark.run);
  return note?.status.uuid === mark.workload ? { sight, note } : undefined;
}

/** Turns what libvirt says now and what it said before into the statuses that a node would report. */
export class Watched {
  readonly #clock: Clock;
  #before = new Map<string, Before>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What ended in a former boot of the host is no more. */
  async statuses(
    domains: readonly OwnDomain[],
    bootId: string,
    { guest, output }: Questions,
  ): Promise<WorkloadStatus[]> {
    const here = domains.filter(({ note, sight }) => sight.life.state !== 'ended' || note.bootId === bootId);
    const seen = new Map<string, Before>();
    const statuses = await Promise.all(
      here.map(async own => {
        const { sight, note } = own;
        const before = this.#before.get(note.status.uuid);
        const now = await this.#look(own, before, output);
        seen.set(note.status.uuid, now);
        const isAsked = note.status.guest !== undefined && now.state === 'running';
        return { ...this.#status(own, before, now), guest: isAsked ? await guest(sight.uuid) : undefined };
      }),
    );
    this.#before = seen;
    return statuses;
  }

  async #look(
    { note, sight: { life, usage } }: OwnDomain,
    before: Before | undefined,
    output: (note: Note) => Promise<string>,
  ): Promise<Before> {
    const isSame = before?.state === life.state;
    // Of one that was not seen before, nobody knows better than the start.
    const since = isSame ? before.since : before ? this.#clock.now() : note.status.since;
    const text = life.state !== 'ended' ? '' : isSame ? before.output : await output(note);
    return {
      state: life.state,
      since,
      cpuSeconds: usage?.cpuSeconds,
      at: this.#clock.elapsed(),
      output: text,
    };
  }

  #status(
    { note, sight: { guestMemory, life, usage } }: OwnDomain,
    before: Before | undefined,
    now: Before,
  ): WorkloadStatus {
    const { end, problem, state } = life;
    return {
      ...note.status,
      state,
      since: now.since,
      usage: usage && state !== 'ended' ? { ...usage, cpuPercent: shareOf(usage, before, now) } : undefined,
      // Of one with a balloon.
      guestMemory: note.status.guestMemory === undefined || state === 'ended' ? undefined : guestMemory,
      end: end === undefined ? undefined : { reason: end, output: now.output },
      problem: problem ?? note.status.problem,
    };
  }
}

function shareOf(
  { cpuSeconds }: Pick<Usage, 'cpuSeconds'>,
  before: Before | undefined,
  { at }: Before,
): number | undefined {
  if (before?.cpuSeconds === undefined || at <= before.at) return undefined;
  return Math.max(0, ((cpuSeconds - before.cpuSeconds) / (at - before.at)) * 100_000);
}
