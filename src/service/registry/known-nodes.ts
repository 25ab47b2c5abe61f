import type { Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { Clock, Log } from '../../base/ports.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import { type NodeRecord, type NodeStore, newNode } from '../../domain/node/record.ts';
import { BoundedMap } from './bounded.ts';
import { NodeWriter } from './writer.ts';

/** A flood of forged DISCOVERs must not fill the memory: beyond this the oldest nodes that never reported go. */
const MAX_NODES = 4096;
/** Boot events of all nodes together, about 50 MB. */
const MAX_EVENTS = 200_000;
/** Cards and addresses that lead to a node. */
const MAX_KEYS = 4 * MAX_NODES;

/** Every node that host0 knows, in memory and, a moment later, in the store. */
export class KnownNodes {
  readonly #store: NodeStore;
  readonly #clock: Clock;
  readonly #writer: NodeWriter;
  readonly #nodes = new Map<MachineId, NodeRecord>();
  /** The machine that last used a card or an address. */
  readonly #byMac = new BoundedMap<Mac, MachineId>(MAX_KEYS);
  readonly #byAddress = new BoundedMap<Ipv4, MachineId>(MAX_KEYS);
  #events = 0;

  constructor(ports: { store: NodeStore; clock: Clock; log: Log }) {
    this.#store = ports.store;
    this.#clock = ports.clock;
    this.#writer = new NodeWriter(ports.store, this.#nodes, ports.clock, ports.log);
  }

  load(): void {
    for (const node of this.#store.load()) this.keep(node);
  }

  /** Saves everything, the heartbeats that were worth no write of their own included. */
  async stop(): Promise<void> {
    await this.#writer.stop(this.#nodes.keys());
  }

  health(): string | undefined {
    return this.#writer.health();
  }

  all(): Iterable<NodeRecord> {
    return this.#nodes.values();
  }

  get(id: MachineId): NodeRecord | undefined {
    return this.#nodes.get(id);
  }

  /** A node that nobody has heard of begins now. */
  getOrNew(id: MachineId): NodeRecord {
    return this.#nodes.get(id) ?? newNode(id, this.#clock.now());
  }

  ofMac(mac: Mac): MachineId | undefined {
    return this.#byMac.get(mac);
  }

  ofAddress(address: Ipv4): MachineId | undefined {
    return this.#byAddress.get(address);
  }

  /** From now on this card and this address lead to the node. */
  lead(id: MachineId, { address, mac }: { address?: Ipv4 | undefined; mac?: Mac | undefined }): void {
    if (mac) this.#byMac.set(mac, id);
    if (address) this.#byAddress.set(address, id);
  }

  /** In memory only. */
  keep(node: NodeRecord): void {
    this.#events += eventsOf(node) - eventsOf(this.#nodes.get(node.id));
    this.#nodes.set(node.id, node);
    for (const mac of node.macs) if (this.#byMac.get(mac) === undefined) this.#byMac.set(mac, node.id);
    if (this.#nodes.size > MAX_NODES || this.#events > MAX_EVENTS) this.#makeRoom(node.id);
  }

  /** In memory, and soon in the store. */
  save(node: NodeRecord): void {
    this.keep(node);
    this.#writer.changed(node.id);
  }

  /** Of those that never reported the eighth heard longest ago, for looking at all takes long; of the others only one. */
  #makeRoom(spared: MachineId): void {
    const others = [...this.#nodes.values()].filter(({ id }) => id !== spared);
    const silent = others.filter(({ report }) => report === undefined);
    const byAge = (silent.length > 0 ? silent : others).sort((a, b) => a.lastSeenAt - b.lastSeenAt);
    this.#forgetAll(byAge.slice(0, Math.max(1, silent.length >> 3)).map(({ id }) => id));
  }

  /** As if it had never been seen. */
  forget(id: MachineId): void {
    this.#forgetAll([id]);
  }

  #forgetAll(ids: readonly MachineId[]): void {
    for (const id of ids) {
      this.#events -= eventsOf(this.#nodes.get(id));
      this.#nodes.delete(id);
      this.#writer.removed(id);
    }
    const gone = new Set(ids);
    this.#byMac.deleteWhere(owner => gone.has(owner));
    this.#byAddress.deleteWhere(owner => gone.has(owner));
  }
}

function eventsOf(node: NodeRecord | undefined): number {
  return node?.boots.reduce((sum, boot) => sum + boot.events.length, 0) ?? 0;
}
