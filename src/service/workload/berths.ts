import type { WorkloadRun } from '../../api/workloads.ts';
import type { PxenError } from '../../base/error.ts';
import { driveProblems } from '../../domain/placement/drives.ts';
import type { Berthing, Decision, Held, Placer } from '../../domain/placement/placer.ts';
import { placementRefused } from '../../domain/placement/refusal.ts';
import { boundHost, chooseWhereItIs } from '../../domain/workload/choose.ts';
import type { Host } from '../../domain/workload/host.ts';
import { parseWorkload } from '../../domain/workload/parse.ts';
import { workloadError } from '../../domain/workload/problem.ts';
import type { StartedFile } from '../../domain/workload/record.ts';
import type { Situation } from '../../domain/workload/view.ts';
import type { Workload } from '../../domain/workload/workload.ts';
import type { Entry } from './entries.ts';
import type { Locks } from './locks.ts';

export interface BerthsPorts {
  readonly placer: Placer;
  readonly locks: Locks;
  readonly hosts: () => readonly Host[];
  readonly host: (id: Host['id']) => Host | undefined;
}

/** Where something is done with a workload. */
export interface Berth {
  /** Undefined: it fits nowhere, which only a dry run shows. */
  readonly host: Host | undefined;
  /** Of a start and a restart: its place, until it is released. */
  readonly held?: Held | undefined;
  /** Of a dry run, a download and a replacement: the place that would be held. */
  readonly would?: Held | undefined;
  /** Of a dry run. */
  readonly decision?: Decision | undefined;
  /** What its file says. */
  readonly workload?: Workload | undefined;
}

/** Finds out where a command works on a workload, and holds a place for what it starts. */
export class Berths {
  readonly #d: BerthsPorts;

  constructor(ports: BerthsPorts) {
    this.#d = ports;
  }

  /** Throws what stands against it; then nothing is held. */
  of(entry: Entry, { dryRun, node: asked, verb }: WorkloadRun, config: StartedFile | undefined): Berth {
    const { name, situation } = entry;
    const workload = config && (entry.file?.workload ?? parseWorkload(config.text, config.file).workload);
    if (verb !== 'start' && verb !== 'download') {
      const host = chooseWhereItIs({ name, asked, situation, hosts: this.#d.hosts() });
      if (!workload) return { host };
      const berthing = { workload, asked: host.id, last: situation.record?.node };
      // It has its place already; what its realm wants counts for what it gets there, too.
      if (verb === 'replace') return { host, workload, would: this.#decided(entry, berthing, true).would };
      return this.#held(entry, { workload, asked: host.id }, host);
    }
    // A file with problems came to nothing before.
    if (!workload) return { host: undefined };
    const bound = boundTo(workload, situation, this.#d.host);
    const berthing = { workload, asked: asked ?? bound?.id, last: situation.record?.node };
    return verb === 'start' && !dryRun
      ? this.#held(entry, berthing, bound ?? situation.host)
      : this.#decided(entry, berthing, dryRun);
  }

  /** `known`: where it is as far as is known, for whoever has to wait for others anyway. */
  #held(entry: Entry, berthing: Berthing, known: Host | undefined): Berth {
    const { placer, locks } = this.#d;
    const { workload } = berthing;
    if (known && !locks.isFree(workload.uuid, 'start')) return { host: known, workload };
    const held = placer.hold(berthing);
    const fault = driveFault(entry, workload, held);
    if (fault) {
      placer.release(workload.uuid);
      throw fault;
    }
    return { host: this.#d.host(held.node), held, workload };
  }

  #decided(entry: Entry, berthing: Berthing, dryRun: boolean): Berth {
    const { workload } = berthing;
    const decision = this.#d.placer.decide(berthing);
    const host = decision.node === undefined ? undefined : this.#d.host(decision.node);
    if (!host && !dryRun) throw placementRefused(workload.name, decision);
    const { would } = decision;
    const fault = would && driveFault(entry, workload, would);
    if (fault) throw fault;
    return { host, would, decision: dryRun ? decision : undefined, workload };
  }
}

/** What its realm has against disks that would be made for it. */
function driveFault({ file }: Entry, workload: Workload, { realm }: Held): PxenError | undefined {
  const problems = realm && file ? driveProblems({ ...file, workload }, realm) : [];
  return problems.length === 0 ? undefined : workloadError(file?.file ?? workload.name, problems);
}

/**
 * Where a workload goes without a choice: its node has it, or its disks. Elsewhere it would begin with new ones, and its
 * data would seem lost. What its file names goes before that.
 */
export function boundTo(
  { placement, volumes }: Workload,
  situation: Situation,
  host: BerthsPorts['host'],
): Host | undefined {
  if (placement.node !== undefined) return undefined;
  const disks = volumes.some(({ ephemeral }) => !ephemeral) ? situation.record?.disksOn : undefined;
  return boundHost(situation) ?? (disks === undefined ? undefined : host(disks));
}
