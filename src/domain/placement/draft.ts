import { Fleet, type Rule } from './fleet.ts';
import type { PlacementRequest, Snapshot } from './snapshot.ts';

/** How good a way to place some VMs is. */
export interface Score {
  readonly placed: number;
  /** What all hosts cost together. */
  readonly cost: number;
}

/** Work in slices of some milliseconds: whoever has others to serve does so at each pause. */
export type Slices<T> = Generator<undefined, T, undefined>;

/** Prices between two pauses: one takes some 50 ns. */
const SLICE = 50_000;

/** Less than this part of a cost is the noise of sums of decimals. */
const NOISE = 1e-9;

/** More VMs placed, then a lower cost. */
export function isBetter(a: Score, b: Score): boolean {
  if (a.placed !== b.placed) return a.placed > b.placed;
  return b.cost - a.cost > NOISE * Math.max(1, Math.abs(b.cost));
}

/** Requests on their hosts, while a plan is being made. */
export class Draft {
  readonly fleet: Fleet;
  readonly requests: readonly PlacementRequest[];
  /** Host of each request, -1 where it is not placed. */
  readonly hosts: Int32Array;
  /** The requests without a host. */
  readonly homeless: Set<number>;
  readonly #onHost: readonly Set<number>[];
  #pausedAt = 0;

  constructor(snapshot: Snapshot, requests: readonly PlacementRequest[]) {
    this.fleet = new Fleet(snapshot);
    this.requests = requests;
    this.hosts = new Int32Array(requests.length).fill(-1);
    this.homeless = new Set(requests.keys());
    this.#onHost = this.fleet.berths.map(() => new Set());
  }

  get score(): Score {
    return { placed: this.requests.length - this.homeless.size, cost: this.fleet.cost() };
  }

  /** For comparing steps of one draft, see Fleet. */
  get quickScore(): Score {
    return { placed: this.requests.length - this.homeless.size, cost: this.fleet.costSoFar };
  }

  /** The requests on the same host as one of them. */
  together(vm: number): Iterable<number> {
    return this.#onHost[this.hosts[vm] ?? -1] ?? [];
  }

  /** Each in turn onto the best host of the moment. */
  placeAll(order: Iterable<number>, rule: Rule): void {
    for (const vm of order) {
      const request = this.requests[vm];
      if (request) this.put(vm, this.fleet.best(request, rule));
    }
  }

  /** The same, with pauses. */
  *placing(order: Iterable<number>, rule: Rule): Slices<void> {
    for (const vm of order) {
      this.placeAll([vm], rule);
      if (this.isPauseDue()) yield;
    }
  }

  /** Whether there was much work since the last pause. */
  isPauseDue(): boolean {
    const { evaluations } = this.fleet;
    if (evaluations - this.#pausedAt < SLICE) return false;
    this.#pausedAt = evaluations;
    return true;
  }

  /** Onto no host where that is -1. */
  put(vm: number, host: number): void {
    const request = this.requests[vm];
    if (!request || host < 0) return;
    this.fleet.put(host, request);
    this.hosts[vm] = host;
    this.homeless.delete(vm);
    this.#onHost[host]?.add(vm);
  }

  /** Comes back with the host that it was on, or -1. */
  take(vm: number): number {
    const host = this.hosts[vm] ?? -1;
    const request = this.requests[vm];
    if (!request || host < 0) return -1;
    this.fleet.take(host, request);
    this.hosts[vm] = -1;
    this.homeless.add(vm);
    this.#onHost[host]?.delete(vm);
    return host;
  }
}
