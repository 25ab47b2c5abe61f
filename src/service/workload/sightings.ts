import type { Clock } from '../../base/ports.ts';
import type { Host } from '../../domain/workload/host.ts';
import type { WorkloadStatus } from '../../domain/workload/status.ts';
import type { Sight } from '../../domain/workload/view.ts';

interface News {
  /** Undefined: it is there no more. */
  readonly status: WorkloadStatus | undefined;
  readonly at: number;
  readonly isDoubtful?: true;
}

/** Agents report a change at once, at most twice a second. Milliseconds. */
const UNDER_WAY = 2000;

/** What nodes tell of workloads: in their reports and, until the next one, in answers to commands. */
export class Sightings {
  readonly #clock: Clock;
  /** By node and by uuid. */
  readonly #news = new Map<Host['id'], Map<string, News>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An agent answered. */
  learned(node: Host['id'], uuid: string, status: WorkloadStatus | undefined): void {
    const news = this.#news.get(node) ?? new Map<string, News>();
    this.#news.set(node, news.set(uuid, { status, at: this.#clock.now() }));
  }

  /** Something was begun since the last answer, and failed half-way: the next report counts, whatever it says. */
  doubt(node: Host['id'], uuid: string): void {
    const news = this.#news.get(node);
    const answer = news?.get(uuid);
    if (answer) news?.set(uuid, { ...answer, isDoubtful: true });
  }

  /** By uuid. */
  in(hosts: readonly Host[]): Map<string, Sight[]> {
    return Map.groupBy(
      hosts.flatMap(host => this.on(host)),
      ({ status }) => status.uuid,
    );
  }

  /** A report of this node came: it knows better than answers before it, unless it was under way when they came. */
  reported({ id, workloads }: Host): void {
    const news = this.#news.get(id) ?? new Map<string, News>();
    for (const [uuid, answer] of news) {
      const reported = workloads.find(status => status.uuid === uuid);
      if (!this.#isOlder(reported, answer)) news.delete(uuid);
    }
  }

  #isOlder(reported: WorkloadStatus | undefined, { status, at, isDoubtful }: News): boolean {
    if (isDoubtful || this.#clock.now() - at > UNDER_WAY) return false;
    if (!status) return reported !== undefined;
    return reported === undefined || reported.since < status.since;
  }

  on(host: Host): Sight[] {
    const news = this.#news.get(host.id) ?? new Map<string, News>();
    // A node has each workload once, whatever it says.
    const reported = [...new Map(host.workloads.map(status => [status.uuid, status])).values()]
      .filter(({ uuid }) => !news.has(uuid))
      .map(status => ({ host, status, at: host.reportedAt ?? 0 }));
    const answered = [...news.values()].flatMap(({ status, at }) => (status ? [{ host, status, at }] : []));
    return [...reported, ...answered];
  }
}
