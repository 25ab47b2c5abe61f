import { Berth } from './berth.ts';
import { unsuitable } from './feasible.ts';
import { failureGroupOf, inOrder, type PlacementRequest, type Snapshot } from './snapshot.ts';
import { Tournament } from './tournament.ts';

/** By what a host is chosen: by what it then costs in all, or by what it then costs more than before. */
export type Rule = 'total' | 'more';

/** The costs of all hosts for VMs of one shape, brought up to date from the log of changes when they are asked for. */
interface Board {
  readonly request: PlacementRequest;
  readonly tournament: Tournament;
  upTo: number;
}

/** How many VMs of one placement group there are where. */
interface Members {
  readonly inFailureGroup: Int32Array;
  readonly onHost: Int32Array;
}

/** So many shapes have a board. The oldest makes room. */
const MOST_BOARDS = 64;
const MOST_CHANGES = 1_000_000;
const MOST_KEYS = 100_000;

/**
 * The hosts of a snapshot, ready to have thousands of VMs put on them one after the other. It agrees with `place` on
 * every one of them: same filters, same costs, same order of ties.
 */
export class Fleet {
  /** Hosts by name; everywhere else they are numbers into this. */
  readonly berths: readonly Berth[];
  /** Prices that were asked for: a measure of effort that is the same on every machine. */
  evaluations = 0;
  readonly #snapshot: Snapshot;
  readonly #suitable = new Map<string, Uint8Array>();
  /** Of each host, the number of its failure group. */
  readonly #failureGroups: readonly number[];
  readonly #members = new Map<string, Members>();
  readonly #boards = new Map<string, Board>();
  readonly #askedOnce = new Set<string>();
  #changes: number[] = [];
  #spreadCost = 0;
  #runningCost = 0;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.berths = inOrder(snapshot.hosts).map(view => new Berth(snapshot, view));
    const groups = [...new Set(this.berths.map(({ view }) => failureGroupOf(view)))];
    const numbers = new Map(groups.map((group, number) => [group, number]));
    this.#failureGroups = this.berths.map(({ view }) => numbers.get(failureGroupOf(view)) ?? 0);
    for (const [host, { view }] of this.berths.entries())
      for (const [group, count] of view.groups) this.#join(group, host, count);
  }

  /** The host for a VM, -1 when it fits nowhere. */
  best(request: PlacementRequest, rule: Rule): number {
    if (request.node !== undefined) return this.#named(request);
    if (request.group !== undefined) return this.#scan(request, rule);
    const key = shapeOf(request, rule);
    const board = this.#boards.get(key);
    if (board) return this.#ask(board, rule);
    if (this.#askedOnce.has(key)) return this.#ask(this.#newBoard(key, request), rule);
    if (this.#askedOnce.size >= MOST_KEYS) this.#askedOnce.clear();
    this.#askedOnce.add(key);
    return this.#scan(request, rule);
  }

  /** What a host costs with the VM on it, by either rule; Infinity when it cannot be there. */
  price(host: number, request: PlacementRequest, rule: Rule): number {
    return this.#suits(request)[host] === 1 ? this.#price(host, request, rule) : Infinity;
  }

  put(host: number, request: PlacementRequest): void {
    this.#spreadCost += this.spread(host, request.group);
    this.#runningCost -= this.#countedCost(host);
    this.berths[host]?.put(request);
    this.#runningCost += this.#countedCost(host);
    this.#changed(host, request, 1);
  }

  take(host: number, request: PlacementRequest): void {
    this.#runningCost -= this.#countedCost(host);
    this.berths[host]?.take(request);
    this.#runningCost += this.#countedCost(host);
    this.#changed(host, request, -1);
    this.#spreadCost -= this.spread(host, request.group);
  }

  /**
   * What all hosts cost together, their offsets for each VM and spreading included, for comparing two ways to place the
   * same VMs. A host that a VM was forced onto by its name, against its cost function, is left out: it is the same in both.
   */
  cost(): number {
    return this.berths.reduce((sum, _, host) => sum + this.#countedCost(host), this.#spreadCost);
  }

  /** How the cost has changed since the beginning; quick, and with the rounding of every step in it. */
  get costSoFar(): number {
    return this.#runningCost + this.#spreadCost;
  }

  #countedCost(host: number): number {
    const cost = this.berths[host]?.cost ?? 0;
    return cost < Infinity ? cost : 0;
  }

  /** For VMs of the same group nearby: once for the failure group and once for the host. */
  spread(host: number, group: string | undefined): number {
    const members = group === undefined ? undefined : this.#members.get(group);
    if (!members) return 0;
    const together = members.inFailureGroup[this.#failureGroups[host] ?? -1] ?? 0;
    return this.#snapshot.rules.spreadCost * (together + (members.onHost[host] ?? 0));
  }

  /** A named host has to have room; what it costs does not matter. */
  #named(request: PlacementRequest): number {
    const host = this.berths.findIndex(({ view }) => view.name === request.node);
    const berth = this.berths[host];
    const { vcpus, memory, devices, coschedule } = request;
    const can = this.#suits(request)[host] === 1 && berth?.hasRoom(vcpus, memory, devices, coschedule);
    return can ? host : -1;
  }

  #scan(request: PlacementRequest, rule: Rule): number {
    const suitable = this.#suits(request);
    let best = -1;
    let least = Infinity;
    for (let host = 0; host < this.berths.length; host++) {
      if (suitable[host] !== 1) continue;
      const price = this.#price(host, request, rule);
      if (price < least) {
        best = host;
        least = price;
      }
    }
    return best;
  }

  #price(host: number, request: PlacementRequest, rule: Rule): number {
    this.evaluations++;
    const berth = this.berths[host];
    if (!berth) return Infinity;
    const total = berth.totalWith(request);
    const spread = request.group === undefined ? 0 : this.spread(host, request.group);
    return rule === 'total' ? total + spread : total - berth.bareCost + spread;
  }

  #newBoard(key: string, request: PlacementRequest): Board {
    const [oldest] = this.#boards.keys();
    if (oldest !== undefined && this.#boards.size >= MOST_BOARDS) this.#boards.delete(oldest);
    const board = { request, tournament: new Tournament(this.berths.length), upTo: -Infinity };
    this.#boards.set(key, board);
    return board;
  }

  #ask(board: Board, rule: Rule): number {
    const { request, tournament } = board;
    const suitable = this.#suits(request);
    const price = (host: number): number =>
      suitable[host] === 1 ? this.#price(host, request, rule) : Infinity;
    if (this.#changes.length - board.upTo < this.berths.length)
      for (const host of this.#changes.slice(board.upTo)) tournament.set(host, price(host));
    else tournament.playAll(price);
    board.upTo = this.#changes.length;
    return tournament.best();
  }

  #changed(host: number, request: PlacementRequest, sign: 1 | -1): void {
    if (request.group !== undefined) this.#join(request.group, host, sign);
    if (this.#changes.push(host) < MOST_CHANGES) return;
    this.#changes = [];
    this.#boards.clear();
  }

  #join(group: string, host: number, count: number): void {
    const members = this.#members.get(group) ?? {
      inFailureGroup: new Int32Array(this.berths.length),
      onHost: new Int32Array(this.berths.length),
    };
    const failureGroup = this.#failureGroups[host] ?? 0;
    members.inFailureGroup[failureGroup] = (members.inFailureGroup[failureGroup] ?? 0) + count;
    members.onHost[host] = (members.onHost[host] ?? 0) + count;
    this.#members.set(group, members);
  }

  /** Which hosts are suitable depends on few words of a request: it is worked out once for each combination of them. */
  #suits(request: PlacementRequest): Uint8Array {
    const { node, realm, engine, arch, bridges = [], stays } = request;
    const key = JSON.stringify([node, realm, engine, arch, bridges, stays]);
    const known = this.#suitable.get(key);
    if (known) return known;
    const suits = Uint8Array.from(this.berths, ({ view }) =>
      unsuitable(this.#snapshot.rules, request, view) === undefined ? 1 : 0,
    );
    if (this.#suitable.size >= MOST_BOARDS) this.#suitable.clear();
    this.#suitable.set(key, suits);
    return suits;
  }
}

function shapeOf(request: PlacementRequest, rule: Rule): string {
  const { vcpus, memory, devices, coschedule, realm, engine, arch, bridges } = request;
  return JSON.stringify([rule, vcpus, memory, [...devices], coschedule, realm, engine, arch, bridges]);
}
