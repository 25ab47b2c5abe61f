import { PxenError } from '../../base/error.ts';
import type { Log } from '../../base/ports.ts';
import { formatCost } from '../../domain/placement/format.ts';
import {
  type Commitment,
  type Ledger,
  ledgerOf,
  reservation,
  snapshotOf,
} from '../../domain/placement/ledger.ts';
import { place } from '../../domain/placement/place.ts';
import type { Berthing, Decision, Held, Placer } from '../../domain/placement/placer.ts';
import { placementRefused, shortened } from '../../domain/placement/refusal.ts';
import { requestOf } from '../../domain/placement/request.ts';
import { judgedThere, type Roster, type RosterHost, withFreed } from '../../domain/placement/roster.ts';
import type { PlacementRules } from '../../domain/placement/rules.ts';
import type { PlacementRequest, Snapshot } from '../../domain/placement/snapshot.ts';
import { namedHost } from '../../domain/workload/choose.ts';

export interface PlacementsPorts {
  readonly roster: () => Roster;
  /** What records and nodes say. */
  readonly known: () => Ledger;
  readonly log: Log;
}

/** One question, with all that its answer depends on. */
export interface Case {
  readonly snapshot: Snapshot;
  readonly request: PlacementRequest;
  readonly roster: Roster;
  readonly ledger: Ledger;
}

/** A place as the ledger has it, and as whoever starts the workload gets it. */
interface Berth {
  readonly commitment: Commitment;
  readonly held: Held;
}

/** Chooses hosts, and holds places while a start is under way. */
export class Placements implements Omit<Placer, 'isDisabled'> {
  readonly #p: PlacementsPorts;
  readonly #reserved = new Map<string, Commitment>();

  constructor(ports: PlacementsPorts) {
    this.#p = ports;
  }

  ledger(): Ledger {
    return ledgerOf(this.#p.known(), [...this.#reserved.values()]);
  }

  decide(berthing: Berthing): Decision {
    const asked = this.caseOf(berthing);
    const decision = this.decided(asked);
    return { ...decision, would: this.#berth(asked, decision, berthing.workload.uuid)?.held };
  }

  hold(berthing: Berthing): Held {
    const { name, uuid } = berthing.workload;
    if (this.#reserved.has(uuid))
      throw new PxenError('WORKLOAD_BUSY', `${name}: a start is under way`, {
        details: ['try again when it is over'],
      });
    const asked = this.caseOf(berthing);
    const decision = this.decided(asked);
    this.#explain(asked, decision);
    const berth = this.#berth(asked, decision, uuid);
    if (!berth) throw placementRefused(name, decision);
    this.#reserved.set(uuid, berth.commitment);
    return berth.held;
  }

  release(uuid: string): void {
    this.#reserved.delete(uuid);
  }

  /** What a workload has of its own now does not stand in its way. Throws NOT_FOUND for a node or realm that there is not. */
  caseOf(berthing: Berthing): Case {
    const roster = this.#p.roster();
    const ledger = this.ledger();
    const { named, request } = wishOf(berthing, roster, ledger);
    const others = ledger.filter(each => each.workload !== berthing.workload.uuid);
    const judging = named ? judgedThere(roster, named.id) : roster;
    const hosts = settled(judging.hosts, others);
    return { snapshot: snapshotOf(judging.rules, hosts, others), request, roster, ledger };
  }

  decided({ request, roster, snapshot }: Case): Decision {
    const placement = place(snapshot, request);
    const node = roster.hosts.find(({ name }) => name === placement.host)?.id;
    return { ...placement, node, named: request.node };
  }

  #berth(asked: Case, { node }: Decision, uuid: string): Berth | undefined {
    const host = asked.roster.hosts.find(({ id }) => id === node);
    const commitment = host && this.#reserve(asked, host, uuid);
    if (!commitment) return undefined;
    const realm = host.realm === undefined ? undefined : asked.roster.rules.realms.get(host.realm);
    return { commitment, held: { node: host.id, devices: commitment.devices, realm } };
  }

  #reserve({ ledger, request, snapshot }: Case, host: RosterHost, uuid: string): Commitment | undefined {
    const listed = snapshot.rules.profiles.get(host.profile)?.devices ?? [];
    return reservation(ledger, host, listed, uuid, request);
  }

  /** `log-scheduling` of a realm that had a say in it. */
  #explain({ request, roster }: Case, { host, reasons, costs }: Decision): void {
    const { realms } = roster.rules;
    const asked = request.realm === undefined ? roster.hosts.map(({ realm }) => realm) : [request.realm];
    if (!asked.some(id => id !== undefined && realms.get(id)?.logScheduling)) return;
    const cost = costs.find(each => each.host === host)?.total;
    const what =
      host === null
        ? 'fits nowhere'
        : `goes to ${host}${cost === undefined ? '' : `, which then costs ${formatCost(cost)}`}`;
    this.#p.log.info('placement', [`${request.name} ${what}`, ...shortened(reasons)].join('; '), {
      workload: request.name,
      host: host ?? undefined,
    });
  }
}

/** The hosts with the memory of all that runs there, by their last reports, and is not in the ledger. */
export function settled(hosts: readonly RosterHost[], ledger: Ledger): readonly RosterHost[] {
  const held = Map.groupBy(ledger, ({ host }) => host);
  return hosts.map(host => {
    const there = held.get(host.id) ?? [];
    return withFreed(host, new Set(there.map(each => each.workload)));
  });
}

/** What a workload asks for, and the host that is named for it. Throws NOT_FOUND for a node or realm that there is not. */
export function wishOf({ asked, last, workload }: Berthing, { hosts, rules }: Roster, ledger: Ledger): Wish {
  const named = namedHost({ name: workload.name, asked, placement: workload.placement.node, hosts });
  const request: PlacementRequest = {
    ...requestOf(workload),
    node: named?.name,
    last: last && hosts.find(({ id }) => id === last)?.name,
    stays: ledger.some(each => each.workload === workload.uuid && each.host === named?.id),
  };
  if (!named) refuseUnknownRealm(request, rules);
  return { named, request };
}

interface Wish {
  readonly named: RosterHost | undefined;
  readonly request: PlacementRequest;
}

function refuseUnknownRealm({ name, realm }: PlacementRequest, { realms }: PlacementRules): void {
  if (realm === undefined || realms.has(realm)) return;
  const known = [...realms.keys()];
  throw new PxenError('NOT_FOUND', `${name}: its placement.realm is ${realm}, and there is no such realm`, {
    details: [known.length === 0 ? 'there is none: see mesh realm list' : `there are ${known.join(', ')}`],
  });
}
