import type { CtlRequest } from '../../api/ctl.ts';
import type { NodeDetail, NodeSummary } from '../../api/nodes.ts';
import type { Report, ReportAnswer } from '../../api/report.ts';
import { quote } from '../../base/diagnostic.ts';
import { asPxenError, messageOf, PxenError } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Clock, Log, Service } from '../../base/ports.ts';
import type { Lease } from '../../domain/lease/lease.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import { type ReportedIdentity, withReport, withSighting } from '../../domain/node/observe.ts';
import type { NodeRecord, NodeStore, ReportedState } from '../../domain/node/record.ts';
import type { CtlTarget } from '../../domain/node/remote.ts';
import type { ApplianceFacts } from '../../domain/node/symptoms.ts';
import type { BootEvent, Timeline } from '../../domain/node/timeline.ts';
import type { Host } from '../../domain/workload/host.ts';
import { KnownNodes } from './known-nodes.ts';
import { BootTrail } from './trail.ts';
import { ReportTrust, type TrustPorts } from './trust.ts';
import { conflictSentence, detailOf, hostOf, type NodeProblem, problemsOf, summaryOf } from './views.ts';

export interface RegistryPorts extends TrustPorts {
  readonly store: NodeStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Seconds between two reports of a node. */
  readonly interval: number;
  /** What the diagnosis of a stalled boot needs to know of the appliance. */
  readonly appliance?: () => ApplianceFacts;
}

type OrdinaryReport = Report & { kind: 'full' | 'heartbeat' };

/** Knows every machine: what host0 saw of its boots, what its agent reports, and whether it is there now. */
export class Registry implements Service, Timeline {
  readonly name = 'registry';
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #interval: number;
  readonly #appliance: () => ApplianceFacts;
  readonly #nodes: KnownNodes;
  readonly #trail: BootTrail;
  readonly #trust: ReportTrust;
  /** Nodes that sent everything since this process started. */
  readonly #complete = new Set<MachineId>();
  #listeningSince = 0;

  constructor(ports: RegistryPorts) {
    const { clock, interval, log } = ports;
    const leaseOf = ports.leaseOf && withoutExpired(ports.leaseOf, clock);
    this.#clock = clock;
    this.#log = log;
    this.#interval = interval;
    this.#appliance = ports.appliance ?? (() => ({ proxy: false }));
    this.#nodes = new KnownNodes(ports);
    this.#trail = new BootTrail({ nodes: this.#nodes, clock, log, leaseOf: leaseOf ?? (() => undefined) });
    this.#trust = new ReportTrust({ ...ports, leaseOf }, this.#nodes);
  }

  async start(): Promise<void> {
    this.#listeningSince = this.#clock.now();
    this.#nodes.load();
  }

  async stop(): Promise<void> {
    await this.#nodes.stop();
  }

  health(): string | undefined {
    return this.#nodes.health();
  }

  /** Sorted by id. */
  nodes(): NodeSummary[] {
    const now = this.#clock.now();
    const appliance = this.#appliance();
    return [...this.#nodes.all()]
      .map(node => summaryOf(node, now, this.#listeningSince, appliance))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** What went wrong in the boots that nodes are in now; newest first. */
  problems(most: number): NodeProblem[] {
    return [...this.#nodes.all()]
      .flatMap(problemsOf)
      .sort((a, b) => b.at - a.at)
      .slice(0, most);
  }

  /** Throws NOT_FOUND. */
  node(id: MachineId): NodeDetail {
    return detailOf(this.#known(id), this.#clock.now(), this.#listeningSince, this.#appliance());
  }

  /**
   * Drops all that is known of a machine that is gone for good: its boots, its cards, the host key that was pinned at its
   * first report. Throws NOT_FOUND, or CONFLICT while it is up: its next report would bring it back.
   */
  forget(id: MachineId): void {
    const { state } = summaryOf(this.#known(id), this.#clock.now(), this.#listeningSince, this.#appliance());
    if (state === 'up')
      throw new PxenError('CONFLICT', `${id} is up, and would be back with its next report`, {
        details: [`switch it off first: mesh node ctl -n ${id} poweroff`],
      });
    this.#nodes.forget(id);
    this.#complete.delete(id);
    this.#log.info('registry', 'node forgotten', { node: id });
  }

  /** The overlays that nodes say they run, by content. */
  overlays(): Set<string> {
    return new Set([...this.#nodes.all()].flatMap(({ report }) => report?.overlay ?? []));
  }

  /** Who disputes this id right now, in one sentence; undefined when it is one machine's. Nobody gets its overlay meanwhile. */
  conflict(id: MachineId): string | undefined {
    const node = this.#nodes.get(id);
    return node && conflictSentence(node, this.#clock.now());
  }

  /** Every node as far as workloads are concerned, without the names of their folders. Sorted by id. */
  hosts(): Host[] {
    const now = this.#clock.now();
    return [...this.#nodes.all()]
      .map(node => hostOf(node, now, this.#listeningSince))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** One of `hosts`. */
  host(id: MachineId): Host | undefined {
    const node = this.#nodes.get(id);
    return node && hostOf(node, this.#clock.now(), this.#listeningSince);
  }

  /** Where a command goes: `ALL` means every node that is up (or may be, just after host0 started). Throws NOT_FOUND. */
  targets(selection: CtlRequest['nodes']): CtlTarget[] {
    const isThere = ({ state }: NodeSummary): boolean => state === 'up' || state === 'unknown';
    const ids = selection === 'ALL' ? this.nodes().filter(isThere) : selection.map(id => ({ id }));
    return [...new Set(ids.map(({ id }) => id))].map(id => {
      const { address, report } = this.#known(id);
      return { node: id, address: report?.address ?? address, hostKey: report?.hostKey?.line };
    });
  }

  record(event: BootEvent): void {
    try {
      this.#trail.add(event);
    } catch (error) {
      this.#log.error('registry', `an event was lost: ${messageOf(error)}`, { stage: event.stage });
    }
  }

  /**
   * One report of an agent. `token` is the bearer token it showed. Rejects with IDENTITY_MISMATCH (the id does not follow
   * from the identity, or the agent itself says so), UNAUTHORIZED (wrong or no token), FORBIDDEN (address not leased to
   * it) or CONFLICT (another machine reports under this id).
   */
  async report(report: Report, from: Ipv4, token: string | undefined): Promise<ReportAnswer> {
    this.#trust.checkIdentity(report);
    if (report.kind === 'wrong-identity') return this.#misled(report, from, token);
    const trust = await this.#authenticate(report, from, token);
    const seen = identityOf(report, from, this.#clock.now());
    const node = this.#sight(report, seen);
    const next = await this.#update(node, report, seen, trust);
    if (!next) return { interval: this.#interval, full: true };
    if (report.kind === 'full') this.#complete.add(report.id);
    if (node.report?.bootId !== report.bootId) this.#arrived(report, from, trust, next);
    return { interval: this.#interval, full: !this.#complete.has(report.id) };
  }

  async #misled(
    report: Report & { kind: 'wrong-identity' },
    from: Ipv4,
    token: string | undefined,
  ): Promise<never> {
    await this.#trust.authenticateMisled(report, from, token);
    const { configured, id } = report;
    const text = `the machine at ${from} is ${id}, but its overlay was made for ${quote(configured)}; its agent does not run`;
    this.#trail.problem(id, text, 'mismatch');
    throw new PxenError('IDENTITY_MISMATCH', text);
  }

  /** A refusal shows on the boot timeline of a node that is known; a stranger's report makes none. */
  async #authenticate(
    report: Report,
    from: Ipv4,
    token: string | undefined,
  ): Promise<ReportedState['trust']> {
    try {
      return await this.#trust.authenticate(report, from, token);
    } catch (thrown) {
      const { message } = asPxenError(thrown);
      if (this.#nodes.get(report.id)) this.#trail.problem(report.id, `report refused: ${message}`, 'report');
      throw thrown;
    }
  }

  /** In a conflict the node that reported first goes on, so that an admin can still reach it; nobody else comes in. */
  #sight(report: Report, seen: ReportedIdentity): NodeRecord {
    const before = this.#nodes.getOrNew(report.id);
    this.#nodes.keep(withSighting(before, seen));
    this.#trail.tellConflict(before, this.#nodes.getOrNew(report.id));
    const node = this.#nodes.getOrNew(report.id);
    const sentence = conflictSentence(node, seen.at);
    if (sentence === undefined || node.report?.bootId === report.bootId) return node;
    throw new PxenError('CONFLICT', sentence, {
      details: ['give the machines different SMBIOS UUIDs, or take one away for ten minutes'],
    });
  }

  /** Undefined when there are only changed facts and nothing to add them to. */
  async #update(
    node: NodeRecord,
    report: OrdinaryReport,
    seen: ReportedIdentity,
    trust: ReportedState['trust'],
  ): Promise<NodeRecord | undefined> {
    const { bootId, facts, load, workloads } = report;
    const hostKey = await this.#trust.hostKey(node, report, trust);
    // Events may have come in while the key was read: what is added to is the node of now.
    const current = this.#nodes.getOrNew(node.id);
    const overlay = report.kind === 'full' ? report.overlay : undefined;
    const content = { bootId, facts, load, trust, hostKey, overlay, workloads, interval: this.#interval };
    const next = withReport(current, seen, content);
    if (!next) return undefined;
    // Heartbeats stay in memory until something worth a write happens, or the end.
    if (Object.keys(facts).length > 0) this.#nodes.save(next);
    else this.#nodes.keep(next);
    return next;
  }

  /** The first report of a boot is its last step. */
  #arrived(report: OrdinaryReport, from: Ipv4, trust: ReportedState['trust'], node: NodeRecord): void {
    const { id, identity, load } = report;
    const version = node.report?.facts.software.agent ?? 'of unknown version';
    this.record({
      at: this.#clock.now(),
      stage: 'agent',
      text: `agent ${version} reported ${load.uptimeSeconds.toFixed(1)} s after the kernel started`,
      machineId: id,
      idFrom: 'agent',
      mac: identity.bootMac,
      address: from,
      uuid: identity.uuid?.toLowerCase(),
      milliseconds: Math.round(load.uptimeSeconds * 1000),
    });
    const fields = { node: id, address: from, uptime: load.uptimeSeconds, trust };
    this.#log.info('registry', 'node reported', fields);
  }

  #known(id: MachineId): NodeRecord {
    const node = this.#nodes.get(id);
    if (node) return node;
    throw new PxenError('NOT_FOUND', `no node has the id ${id}`, { details: ['see: mesh node info'] });
  }
}

function withoutExpired(leaseOf: (address: Ipv4) => Lease | undefined, clock: Clock): typeof leaseOf {
  return address => {
    const lease = leaseOf(address);
    return lease && lease.expiresAt > clock.now() ? lease : undefined;
  };
}

function identityOf(report: Report, from: Ipv4, at: number): ReportedIdentity {
  const { bootMac, macs, uuid } = report.identity;
  return { at, address: from, uuid: uuid?.toLowerCase(), macs: [...new Set([bootMac, ...macs])] };
}
