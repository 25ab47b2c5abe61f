import { setImmediate as nextTurn } from 'node:timers/promises';
import type { HostView, PlacementView, PlanView, RealmList } from '../../api/placement.ts';
import { placementView } from '../../api/placement-view.ts';
import { PxenError } from '../../base/error.ts';
import type { Clock, Log, Service } from '../../base/ports.ts';
import type { MachineId, Sha256 } from '../../domain/machine/genid.ts';
import type { FolderWatching } from '../../domain/overlay/watching.ts';
import type { HostState } from '../../domain/placement/host.ts';
import { type Ledger, snapshotOf } from '../../domain/placement/ledger.ts';
import type { Berthing, Decision, Held, Placer } from '../../domain/placement/placer.ts';
import { planning } from '../../domain/placement/plan.ts';
import { REALM_DEFAULTS } from '../../domain/placement/realm.ts';
import { isLibvirt, type Roster, type RosterHost, rosterOf } from '../../domain/placement/roster.ts';
import type { RuleFiles } from '../../domain/placement/rulefiles.ts';
import type { HostStore } from '../../domain/placement/setting.ts';
import type { PlacementRequest } from '../../domain/placement/snapshot.ts';
import type { Host } from '../../domain/workload/host.ts';
import { Placements, settled, wishOf } from './placements.ts';
import { Rulebook } from './rulebook.ts';
import { type HostChange, HostTable, knownHost } from './table.ts';
import { curvesOf, hostViews, planView, realmList, type Tallies, tallies } from './views.ts';

export interface PlacementPorts {
  readonly files: RuleFiles;
  readonly folders: FolderWatching;
  readonly store: HostStore;
  /** Nodes and libvirt hosts, as far as anything is known of them. */
  readonly hosts: () => readonly Host[];
  /** What records and nodes say is held. */
  readonly known: () => Ledger;
  readonly sha256: Sha256;
  readonly clock: Clock;
  readonly log: Log;
}

/** A host that libvirt controls, for whoever talks with libvirt there. */
export interface LibvirtHost {
  readonly id: MachineId;
  readonly name: string;
  readonly uri: string;
  readonly state: HostState;
  readonly realm?: string | undefined;
  /** Milliseconds between two looks at its VMs. */
  readonly pollFrequency: number;
}

/** Knows the hosts and what they cost, and decides which one a workload gets. */
export class Placement implements Service, Placer {
  readonly name = 'placement';
  readonly #p: PlacementPorts;
  readonly #rulebook: Rulebook;
  readonly #table: HostTable;
  readonly #placements: Placements;

  constructor(ports: PlacementPorts) {
    this.#p = ports;
    this.#rulebook = new Rulebook(ports);
    this.#table = new HostTable(ports);
    this.#placements = new Placements({ ...ports, roster: () => this.#roster() });
  }

  async start(): Promise<void> {
    this.#table.load();
    this.#rulebook.start();
  }

  async stop(): Promise<void> {
    this.#rulebook.stop();
  }

  health(): string | undefined {
    return this.#rulebook.health() ?? this.#table.health();
  }

  decide(berthing: Berthing): Decision {
    return this.#placements.decide(berthing);
  }

  hold(berthing: Berthing): Held {
    return this.#placements.hold(berthing);
  }

  release(uuid: string): void {
    this.#placements.release(uuid);
  }

  /** Sorted by name. */
  hosts(): HostView[] {
    return hostViews(this.#roster(), this.#placements.ledger());
  }

  /** Durable when it resolves. Rejects with NOT_FOUND, CONFLICT or BAD_REQUEST, and then nothing has changed. */
  async changeHost(name: string, change: HostChange): Promise<HostView> {
    const id = await this.#table.change(name, change, () => ({
      hosts: this.#roster().hosts,
      rules: this.#rulebook.rules,
    }));
    const view = this.hosts().find(host => host.id === id);
    if (!view) throw new PxenError('NOT_FOUND', `${name} is not there any more`);
    this.#p.log.info('placement', `host ${view.name} is ${view.state}`, {
      host: view.name,
      profile: view.profile,
      realm: view.realm,
    });
    return view;
  }

  /**
   * Forgets a libvirt host, or what was said of a node. Rejects with NOT_FOUND, or with CONFLICT while a libvirt host has
   * workloads: nobody would look after them.
   */
  async removeHost(name: string): Promise<{ removed: string }> {
    const host = knownHost(name, this.#roster().hosts);
    await this.#table.remove(host.id, () => this.#refuseInUse(host));
    this.#p.log.info('placement', `host ${host.name} was removed`, { host: host.name });
    return { removed: host.name };
  }

  #refuseInUse({ id, name, uri }: RosterHost): void {
    const left = uri === undefined ? [] : this.#placements.ledger().filter(({ host }) => host === id);
    if (left.length > 0)
      throw new PxenError('CONFLICT', `${name} still has workloads: ${namesOf(left)}`, {
        details: [`let it take no new ones, and stop those: mesh host drain ${name}`],
      });
  }

  /** A node that is gone for good takes along what was said of it. */
  async forget(id: MachineId): Promise<void> {
    await this.#table.remove(id);
  }

  realms(): RealmList {
    return realmList(this.#rulebook, this.#roster().hosts);
  }

  /** Where a workload would go now. Throws NOT_FOUND for a node or a realm that there is not. */
  view(berthing: Berthing, curves = false): PlacementView {
    const asked = this.#placements.caseOf(berthing);
    const decision = this.#placements.decided(asked);
    const view = placementView(berthing.workload.name, decision);
    return curves ? { ...view, curves: curvesOf(asked, decision) } : view;
  }

  /** Where a set of workloads would go together. One that runs stays where it is. Others are served meanwhile. */
  async plan(berthings: readonly Berthing[]): Promise<PlanView> {
    refuseTwice(berthings);
    const roster = this.#roster();
    const ledger = this.#placements.ledger();
    const places = Map.groupBy(ledger, ({ workload }) => workload);
    const requests = berthings.map(berthing =>
      plannedRequest(berthing, roster, places.get(berthing.workload.uuid) ?? []),
    );
    const uuids = new Set(berthings.map(({ workload }) => workload.uuid));
    const others = ledger.filter(each => !uuids.has(each.workload));
    const slices = planning(snapshotOf(roster.rules, settled(roster.hosts, others), others), requests);
    for (;;) {
      const { done, value } = slices.next();
      if (done) return planView(value, roster.hosts);
      await nextTurn();
    }
  }

  tallies(): Tallies {
    return tallies(this.#roster().hosts, this.#placements.ledger());
  }

  isDisabled(host: MachineId): boolean {
    return this.#table.of(host)?.state === 'disabled';
  }

  /** Whether libvirt controls the host of this id. */
  isLibvirt(id: MachineId): boolean {
    return this.#table.of(id)?.uri !== undefined;
  }

  /** As they are now: they change while everything runs. */
  libvirtHosts(): LibvirtHost[] {
    const { realms } = this.#rulebook.rules;
    return this.#table
      .all()
      .filter(isLibvirt)
      .map(({ id, name, realm, state, uri }) => {
        const own = realm === undefined ? undefined : realms.get(realm);
        return { id, name, uri, state, realm, pollFrequency: (own ?? REALM_DEFAULTS).pollFrequency };
      });
  }

  #roster(): Roster {
    return rosterOf(this.#rulebook.rules, this.#table.all(), this.#p.hosts());
  }
}

function refuseTwice(berthings: readonly Berthing[]): void {
  const seen = new Set<string>();
  for (const { workload } of berthings) {
    if (seen.has(workload.uuid))
      throw new PxenError('BAD_REQUEST', `${workload.name} is in the set twice`, {
        details: ['name each workload once: one that is planned twice would have two places'],
      });
    seen.add(workload.uuid);
  }
}

/** That some host says it runs a workload binds nothing: only that host0 starts it there, or did. */
function plannedRequest(berthing: Berthing, roster: Roster, places: Ledger): PlacementRequest {
  const { request } = wishOf(berthing, roster, places);
  const now = places.find(({ host, state }) => host === berthing.last || state === 'reserved');
  const home = now && roster.hosts.find(host => host.id === now.host);
  return home && request.node === undefined ? { ...request, node: home.name, stays: true } : request;
}

function namesOf(ledger: Ledger): string {
  const names = ledger.map(({ name }) => name);
  const more = names.length - MOST_NAMES;
  return more <= 0 ? names.join(', ') : `${names.slice(0, MOST_NAMES).join(', ')} and ${more} more`;
}

/** Names that a message has room for. */
const MOST_NAMES = 10;
