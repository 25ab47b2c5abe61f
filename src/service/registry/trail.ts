import type { Ipv4 } from '../../base/ipv4.ts';
import type { Clock, Log } from '../../base/ports.ts';
import type { Lease } from '../../domain/lease/lease.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import { disagreement } from '../../domain/node/agreement.ts';
import { withEvent } from '../../domain/node/observe.ts';
import type { NodeRecord } from '../../domain/node/record.ts';
import type { BootEvent, Fault } from '../../domain/node/timeline.ts';
import type { KnownNodes } from './known-nodes.ts';
import { UnclaimedEvents } from './unclaimed.ts';
import { conflictSentence } from './views.ts';

/** Puts each event on the timeline of the machine that it belongs to, and tells what does not fit together. */
export class BootTrail {
  readonly #nodes: KnownNodes;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #leaseOf: (address: Ipv4) => Lease | undefined;
  readonly #unclaimed = new UnclaimedEvents();

  constructor(ports: {
    nodes: KnownNodes;
    clock: Clock;
    log: Log;
    leaseOf: (address: Ipv4) => Lease | undefined;
  }) {
    this.#nodes = ports.nodes;
    this.#clock = ports.clock;
    this.#log = ports.log;
    this.#leaseOf = ports.leaseOf;
  }

  /** By the id it carries, else by its card, else by its address. */
  add(event: BootEvent): void {
    const lease = event.address && this.#leaseOf(event.address);
    const owner = lease && (lease.machineId ?? this.#nodes.ofMac(lease.mac));
    if (owner !== undefined && claimsAnother(event, owner)) {
      this.#claimed(owner, event);
      return;
    }
    const mac = event.mac ?? lease?.mac;
    const id =
      event.machineId ??
      (mac && this.#nodes.ofMac(mac)) ??
      lease?.machineId ??
      (event.address && this.#nodes.ofAddress(event.address));
    if (id === undefined) {
      this.#unclaimed.add(mac, event);
      return;
    }
    const earlier = this.#unclaimed.take(mac);
    for (const each of [...earlier, event]) this.#apply(id, { ...each, machineId: id, mac });
  }

  /** On the timeline once a boot, however often it is found. */
  problem(id: MachineId, text: string, fault: Fault): void {
    const at = this.#clock.now();
    const node = this.#nodes.getOrNew(id);
    const told = node.boots.at(-1)?.events.some(event => event.stage === 'problem' && event.text === text);
    if (!told) this.#nodes.save(withEvent(node, { at, stage: 'problem', text, machineId: id, fault }));
  }

  /** When `node` is disputed by other machines than `before` was. */
  tellConflict(before: NodeRecord, node: NodeRecord): void {
    const now = this.#clock.now();
    const sentence = conflictSentence(node, now);
    if (sentence === undefined || conflictSentence(before, now) === sentence) return;
    this.#log.warn('registry', sentence, { node: node.id });
    this.problem(node.id, sentence, 'conflict');
  }

  /**
   * A leased address says over HTTP that it is another machine than the one it is leased to. Either this machine's
   * firmware, iPXE and kernel disagree, or somebody on it lies: both belong on its own timeline, and neither may touch
   * the machine that was named, which may be running somewhere else.
   */
  #claimed(owner: MachineId, { mac: _, uuid: __, idFrom, ...event }: BootEvent & Claim): void {
    const said = { ...this.#nodes.getOrNew(owner).agreement, [idFrom]: event.machineId };
    const node = withEvent(this.#nodes.getOrNew(owner), { ...event, machineId: owner });
    this.#nodes.save({ ...node, agreement: said });
    const text = disagreement(said) ?? `${idFrom} says ${event.machineId}`;
    this.problem(owner, `the id of ${owner} differs from place to place: ${text}`, 'mismatch');
  }

  #apply(id: MachineId, event: BootEvent): void {
    const previousId = event.mac && this.#nodes.ofMac(event.mac);
    const before = this.#nodes.getOrNew(id);
    const node = withEvent(before, event);
    this.#nodes.save(node);
    this.#nodes.lead(id, event);
    this.tellConflict(before, node);
    const other = previousId === undefined || previousId === id ? undefined : this.#nodes.get(previousId);
    if (other && event.idFrom && event.stage !== 'discover') this.#compare(event, event.idFrom, node, other);
  }

  /** The same card under two ids in one boot: the places that compute the id disagree, and both nodes say so. */
  #compare(
    event: BootEvent,
    place: NonNullable<BootEvent['idFrom']>,
    node: NodeRecord,
    other: NodeRecord,
  ): void {
    const said = { ...other.agreement, [place]: node.id };
    const text = disagreement(said);
    if (text === undefined) return;
    for (const { id } of [other, node]) {
      this.#nodes.keep({ ...this.#nodes.getOrNew(id), agreement: said });
      this.problem(id, `the id of ${event.mac} differs from place to place: ${text}`, 'mismatch');
    }
  }
}

/** What an unauthenticated HTTP request says of the machine behind it. */
interface Claim {
  readonly idFrom: 'script' | 'init';
  readonly machineId: MachineId;
}

function claimsAnother(event: BootEvent, owner: MachineId): event is BootEvent & Claim {
  const said = event.idFrom === 'script' || event.idFrom === 'init';
  return said && event.machineId !== undefined && event.machineId !== owner;
}
