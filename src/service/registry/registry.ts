import type { CtlRequest } from '../../api/ctl.ts';
import type { NodeDetail, NodeSummary } from '../../api/nodes.ts';
import type { Report, ReportAnswer } from '../../api/report.ts';
import { quote } from '../../base/diagnostic.ts';
import { messageOf, PxenError } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { Clock, Log, Service } from '../../base/ports.ts';
import type { Lease } from '../../domain/lease/lease.ts';
import { type MachineId, machineId, type Sha256 } from '../../domain/machine/genid.ts';
import { disagreement } from '../../domain/node/agreement.ts';
import { normalHostKey } from '../../domain/node/host-key.ts';
import { type ReportedIdentity, withEvent, withReport, withSighting } from '../../domain/node/observe.ts';
import {
  type HostKey,
  type NodeRecord,
  type NodeStore,
  newNode,
  type ReportedState,
} from '../../domain/node/record.ts';
import type { CtlTarget } from '../../domain/node/remote.ts';
import type { BootEvent, Timeline } from '../../domain/node/timeline.ts';
import { BoundedMap } from './bounded.ts';
import { UnclaimedEvents } from './unclaimed.ts';
import { conflictSentence, detailOf, summaryOf } from './views.ts';
import { NodeWriter } from './writer.ts';

export interface RegistryPorts {
  readonly store: NodeStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly sha256: Sha256;
  /** The lease on an address, if there is one; undefined as a whole where a foreign DHCP server gives the addresses. */
  readonly leaseOf: ((address: Ipv4) => Lease | undefined) | undefined;
  /** The public host key line that host0 made for a machine with an overlay of its own; undefined on the default overlay. */
  readonly hostKeyOf: (id: MachineId) => Promise<string | undefined>;
  /** Is this the token of that machine's overlay? Must compare in constant time. */
  readonly tokenMatches: (id: MachineId, token: string) => Promise<boolean>;
  /** Seconds between two reports of a node. */
  readonly interval: number;
}

/** A flood of forged DISCOVERs must not fill the memory: beyond this the oldest node that never reported goes. */
const MAX_NODES = 4096;
/** Boot events of all nodes together, about 50 MB. */
const MAX_EVENTS = 200_000;
/** Cards and addresses that lead to a node. */
const MAX_KEYS = 4 * MAX_NODES;

/** Knows every machine: what host0 saw of its boots, what its agent reports, and whether it is there now. */
export class Registry implements Service, Timeline {
  readonly name = 'registry';
  readonly #ports: RegistryPorts;
  readonly #nodes = new Map<MachineId, NodeRecord>();
  /** The machine that last used a card, or in proxy mode (no leases of ours) an address. */
  readonly #byMac = new BoundedMap<Mac, MachineId>(MAX_KEYS);
  readonly #byAddress = new BoundedMap<Ipv4, MachineId>(MAX_KEYS);
  readonly #unclaimed = new UnclaimedEvents();
  /** Nodes that sent everything since this process started. */
  readonly #complete = new Set<MachineId>();
  readonly #writer: NodeWriter;
  #events = 0;
  #listeningSince = 0;

  constructor(ports: RegistryPorts) {
    this.#ports = ports;
    this.#writer = new NodeWriter(ports.store, this.#nodes, ports.clock, ports.log);
  }

  async start(): Promise<void> {
    this.#listeningSince = this.#ports.clock.now();
    for (const node of this.#ports.store.load()) this.#keep(node);
  }

  async stop(): Promise<void> {
    await this.#writer.stop(this.#nodes.keys());
  }

  health(): string | undefined {
    return this.#writer.health();
  }

  nodes(): NodeSummary[] {
    const now = this.#ports.clock.now();
    return [...this.#nodes.values()]
      .map(node => summaryOf(node, now, this.#listeningSince))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Throws NOT_FOUND. */
  node(id: MachineId): NodeDetail {
    return detailOf(this.#known(id), this.#ports.clock.now(), this.#listeningSince);
  }

  /** Who disputes this id right now, in one sentence; undefined when it is one machine's. Nobody gets its overlay meanwhile. */
  conflict(id: MachineId): string | undefined {
    const node = this.#nodes.get(id);
    return node && conflictSentence(node, this.#ports.clock.now());
  }

  /** Where a command goes: `ALL` means every node that is up (or may be, just after host0 started). Throws NOT_FOUND. */
  targets(selection: CtlRequest['nodes']): CtlTarget[] {
    const ids =
      selection === 'ALL'
        ? this.nodes()
            .filter(node => node.state === 'up' || node.state === 'unknown')
            .map(node => node.id)
        : [...new Set(selection)];
    return ids.map(id => {
      const { address, report } = this.#known(id);
      return { node: id, address: report?.address ?? address, hostKey: report?.hostKey?.line };
    });
  }

  record(event: BootEvent): void {
    try {
      this.#attribute(event);
    } catch (error) {
      this.#ports.log.error('registry', `an event was lost: ${messageOf(error)}`, { stage: event.stage });
    }
  }

  /**
   * One report of an agent. `token` is the bearer token it showed. Rejects with IDENTITY_MISMATCH (the id does not follow
   * from the identity, or the agent itself says so), UNAUTHORIZED (wrong or no token), FORBIDDEN (address not leased to
   * it) or CONFLICT (another machine reports under this id).
   */
  async report(report: Report, from: Ipv4, token: string | undefined): Promise<ReportAnswer> {
    this.#checkIdentity(report);
    if (report.kind === 'wrong-identity') return this.#wrongIdentity(report, from, token);
    const trust = await this.#authenticate(report, from, token);
    const ownHostKey = trust === 'token' ? await this.#ports.hostKeyOf(report.id) : undefined;
    const seen = this.#identityOf(report, from);
    const node = this.#sight(report.id, seen);
    this.#refuseNewcomer(node, report);

    const { id, bootId, facts, load } = report;
    const hostKey = pinnedHostKey(node, report, ownHostKey);
    const { interval } = this.#ports;
    const next = withReport(node, seen, { bootId, facts, load, trust, hostKey, interval });
    if (!next) return { interval, full: true };
    this.#keep(next);
    if (report.kind === 'full') this.#complete.add(id);
    if (node.report?.bootId !== bootId) this.#arrived(next, report, from);
    // Heartbeats stay in memory until something worth a write happens, or the end.
    if (Object.keys(facts).length > 0) this.#writer.changed(id);
    return { interval, full: !this.#complete.has(id) };
  }

  /** The first report of a boot ends it. */
  #arrived(node: NodeRecord, report: Report & { kind: 'full' | 'heartbeat' }, from: Ipv4): void {
    const { id, identity, load } = report;
    const version = node.report?.facts.software.agent ?? 'of unknown version';
    this.record({
      at: this.#ports.clock.now(),
      stage: 'agent',
      text: `agent ${version} reported ${load.uptimeSeconds.toFixed(1)} s after the kernel started`,
      machineId: id,
      idFrom: 'agent',
      mac: identity.bootMac,
      address: from,
      uuid: identity.uuid?.toLowerCase(),
      milliseconds: Math.round(load.uptimeSeconds * 1000),
    });
    this.#ports.log.info('registry', 'node reported', {
      node: id,
      address: from,
      uptime: load.uptimeSeconds,
      trust: node.report?.trust,
    });
  }

  #checkIdentity(report: Report): void {
    const { bootMac, uuid } = report.identity;
    const expected = machineId({ uuid, mac: bootMac }, this.#ports.sha256);
    if (expected === report.id) return;
    throw new PxenError(
      'IDENTITY_MISMATCH',
      `the report says id ${report.id}, but UUID ${uuid ?? 'none'} and MAC ${bootMac} make ${expected}`,
    );
  }

  async #wrongIdentity(
    report: Report & { kind: 'wrong-identity' },
    from: Ipv4,
    token: string | undefined,
  ): Promise<never> {
    const { configured, id } = report;
    const authentic =
      this.#isAt(id, from) ||
      (token !== undefined && (await this.#ports.tokenMatches(configured as MachineId, token)));
    if (!authentic) throw this.#notLeased(id, from);
    const text = `the machine at ${from} is ${id}, but its overlay was made for ${quote(configured)}; its agent does not run`;
    this.#problem(id, text);
    throw new PxenError('IDENTITY_MISMATCH', text);
  }

  async #authenticate(
    report: Report,
    from: Ipv4,
    token: string | undefined,
  ): Promise<ReportedState['trust']> {
    const { id } = report;
    if (token !== undefined) {
      if (await this.#ports.tokenMatches(id, token)) return 'token';
      throw this.#refused(id, new PxenError('UNAUTHORIZED', `wrong token for ${id} from ${from}`));
    }
    if (!this.#isAt(id, from)) throw this.#refused(id, this.#notLeased(id, from));
    if (this.#goesOn(report, from) || (await this.#ports.hostKeyOf(id)) === undefined) return 'lease';
    throw this.#refused(
      id,
      new PxenError(
        'UNAUTHORIZED',
        `${id} at ${from} has an overlay of its own, but reports without its token`,
        {
          details: ['it booted before its overlay existed, or with another one: reboot it'],
        },
      ),
    );
  }

  /** A node that came up on the default overlay may report on until it reboots, even if it has its own overlay by now. */
  #goesOn(report: Report, from: Ipv4): boolean {
    const node = this.#nodes.get(report.id);
    return (
      node?.report?.trust === 'lease' && node.report.bootId === report.bootId && node.report.address === from
    );
  }

  /** Our lease decides; beside a foreign DHCP server, the address that asked for this machine's boot script does. */
  #isAt(id: MachineId, from: Ipv4): boolean {
    const lease = this.#leaseOf(from);
    if (lease) return (lease.machineId ?? this.#byMac.get(lease.mac)) === id;
    if (this.#ports.leaseOf) return false;
    const boot = this.#nodes.get(id)?.boots.at(-1);
    return boot?.events.some(event => event.stage === 'script' && event.address === from) ?? false;
  }

  #leaseOf(address: Ipv4): Lease | undefined {
    const lease = this.#ports.leaseOf?.(address);
    return lease && lease.expiresAt > this.#ports.clock.now() ? lease : undefined;
  }

  #notLeased(id: MachineId, from: Ipv4): PxenError {
    const what = this.#ports.leaseOf ? `is not leased to ${id}` : `has not fetched the boot script of ${id}`;
    return new PxenError('FORBIDDEN', `${from} ${what}`, {
      details: ['a machine without a token is known by its address alone: see mesh node info'],
    });
  }

  /** Shown on the boot timeline of a node that is known; a stranger's report makes none. */
  #refused(id: MachineId, error: PxenError): PxenError {
    if (this.#nodes.has(id)) this.#problem(id, `report refused: ${error.message}`);
    return error;
  }

  #identityOf(report: Report, from: Ipv4): ReportedIdentity {
    const { bootMac, macs, uuid } = report.identity;
    return {
      at: this.#ports.clock.now(),
      address: from,
      uuid: uuid?.toLowerCase(),
      macs: [...new Set([bootMac, ...macs])],
    };
  }

  #sight(id: MachineId, seen: ReportedIdentity): NodeRecord {
    const before = this.#nodes.get(id) ?? newNode(id, seen.at);
    const node = withSighting(before, seen);
    this.#keep(node);
    this.#tellConflict(before, node);
    return this.#nodes.get(id) ?? node;
  }

  /** In a conflict the node that reported first goes on, so that an admin can still reach it; nobody else comes in. */
  #refuseNewcomer(node: NodeRecord, report: Report): void {
    const sentence = this.conflict(node.id);
    if (sentence === undefined || node.report?.bootId === report.bootId) return;
    throw new PxenError('CONFLICT', sentence, {
      details: ['give the machines different SMBIOS UUIDs, or take one away for ten minutes'],
    });
  }

  #attribute(event: BootEvent): void {
    const lease = event.address && this.#leaseOf(event.address);
    const mac = event.mac ?? lease?.mac;
    const id =
      event.machineId ??
      (mac && this.#byMac.get(mac)) ??
      lease?.machineId ??
      (event.address && this.#byAddress.get(event.address));
    if (id === undefined) {
      this.#unclaimed.add(mac, event);
      return;
    }
    const earlier = this.#unclaimed.take(mac);
    for (const each of [...earlier, event]) this.#apply(id, { ...each, machineId: id, mac });
  }

  #apply(id: MachineId, event: BootEvent & { machineId: MachineId }): void {
    const previousId = event.mac && this.#byMac.get(event.mac);
    const before = this.#nodes.get(id) ?? newNode(id, event.at);
    const node = withEvent(before, event);
    this.#keep(node);
    this.#writer.changed(id);
    if (event.mac) this.#byMac.set(event.mac, id);
    if (event.address) this.#byAddress.set(event.address, id);
    this.#tellConflict(before, node);
    if (event.idFrom) this.#compare(event, node, previousId);
  }

  /** The same card under two ids in one boot: the places that compute the id disagree, and both nodes say so. */
  #compare(event: BootEvent, node: NodeRecord, previousId: MachineId | undefined): void {
    const other =
      previousId !== undefined && previousId !== node.id ? this.#nodes.get(previousId) : undefined;
    if (!other || event.stage === 'discover') return;
    const said = { ...other.agreement, [event.idFrom ?? 'dhcp']: node.id };
    const text = disagreement(said);
    if (text === undefined) return;
    for (const { id } of [other, node]) {
      const known = this.#nodes.get(id);
      if (known) this.#keep({ ...known, agreement: said });
      this.#problem(id, `the id of ${event.mac} differs from place to place: ${text}`);
    }
  }

  #tellConflict(before: NodeRecord, node: NodeRecord): void {
    const now = this.#ports.clock.now();
    const sentence = conflictSentence(node, now);
    if (sentence === undefined || conflictSentence(before, now) === sentence) return;
    this.#ports.log.warn('registry', sentence, { node: node.id });
    this.#problem(node.id, sentence);
  }

  /** On the timeline once a boot, however often it is found. */
  #problem(id: MachineId, text: string): void {
    const at = this.#ports.clock.now();
    const node = this.#nodes.get(id) ?? newNode(id, at);
    const told = node.boots.at(-1)?.events.some(event => event.stage === 'problem' && event.text === text);
    if (told) return;
    this.#keep(withEvent(node, { at, stage: 'problem', text, machineId: id }));
    this.#writer.changed(id);
  }

  #known(id: MachineId): NodeRecord {
    const node = this.#nodes.get(id);
    if (node) return node;
    throw new PxenError('NOT_FOUND', `no node has the id ${id}`, { details: ['see: mesh node info'] });
  }

  #keep(node: NodeRecord): void {
    this.#events += eventsOf(node) - eventsOf(this.#nodes.get(node.id));
    this.#nodes.set(node.id, node);
    if (this.#nodes.size > MAX_NODES || this.#events > MAX_EVENTS) this.#forgetOne(node.id);
    for (const mac of node.macs) if (this.#byMac.get(mac) === undefined) this.#byMac.set(mac, node.id);
  }

  #forgetOne(spared: MachineId): void {
    let victim: NodeRecord | undefined;
    for (const node of this.#nodes.values()) {
      if (node.id !== spared && (!victim || isLesserLoss(node, victim))) victim = node;
    }
    if (!victim) return;
    const { id } = victim;
    this.#events -= eventsOf(victim);
    this.#nodes.delete(id);
    this.#complete.delete(id);
    this.#byMac.deleteWhere(owner => owner === id);
    this.#byAddress.deleteWhere(owner => owner === id);
    this.#writer.removed(id);
  }
}

function eventsOf(node: NodeRecord | undefined): number {
  return node?.boots.reduce((sum, boot) => sum + boot.events.length, 0) ?? 0;
}

/** Whoever never reported goes before whoever did, and then the one heard longest ago. */
function isLesserLoss(a: NodeRecord, b: NodeRecord): boolean {
  if ((a.report === undefined) !== (b.report === undefined)) return a.report === undefined;
  return a.lastSeenAt < b.lastSeenAt;
}

/** host0's own key where the overlay brought it; else the one told first in this boot, which later reports cannot change. */
function pinnedHostKey(node: NodeRecord, report: Report, own: string | undefined): HostKey | undefined {
  const ownLine = own === undefined ? undefined : normalHostKey(own);
  if (ownLine !== undefined) return { line: ownLine, from: 'overlay' };
  if (node.report?.bootId === report.bootId && node.report.hostKey) return node.report.hostKey;
  const told = report.kind === 'full' && report.sshHostKey ? normalHostKey(report.sshHostKey) : undefined;
  return told === undefined ? undefined : { line: told, from: 'first-use' };
}
