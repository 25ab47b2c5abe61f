import type { Clock } from '../../base/ports.ts';
import type { Host } from '../../domain/workload/host.ts';
import type { WorkloadStatus } from '../../domain/workload/status.ts';
import type { Sight } from '../../domain/workload/view.ts';

interface News {
  /** Undefined: it is there no more. */
  readonly status: WorkloadStatus | undefined;
  readonly at: number;
}

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

  /** By uuid. */
  in(hosts: readonly Host[]): Map<string, Sight[]> {
    return Map.groupBy(
      hosts.flatMap(host => this.on(host)),
      ({ status }) => status.uuid,
    );
  }

  /** A report of this node came: it knows better than any answer before it. */
  reported(node: Host['id']): void {
    this.#news.delete(node);
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
