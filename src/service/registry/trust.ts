import type { Report } from '../../api/report.ts';
import { PxenError } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Lease } from '../../domain/lease/lease.ts';
import { type MachineId, machineId, parseMachineId, type Sha256 } from '../../domain/machine/genid.ts';
import { normalHostKey } from '../../domain/node/host-key.ts';
import type { HostKey, NodeRecord, ReportedState } from '../../domain/node/record.ts';
import type { KnownNodes } from './known-nodes.ts';

export interface TrustPorts {
  readonly sha256: Sha256;
  /** The lease on an address, if there is one; undefined as a whole where a foreign DHCP server gives the addresses. */
  readonly leaseOf: ((address: Ipv4) => Lease | undefined) | undefined;
  /** The public host key line that host0 made for a machine with an overlay of its own; undefined on the default overlay. */
  readonly hostKeyOf: (id: MachineId) => Promise<string | undefined>;
  /** Is this the token of that machine's overlay? Must compare in constant time. */
  readonly tokenMatches: (id: MachineId, token: string) => Promise<boolean>;
}

/** Which reports count, and which SSH host key a node must show. */
export class ReportTrust {
  readonly #ports: TrustPorts;
  readonly #nodes: KnownNodes;

  constructor(ports: TrustPorts, nodes: KnownNodes) {
    this.#ports = ports;
    this.#nodes = nodes;
  }

  /** Throws IDENTITY_MISMATCH. */
  checkIdentity(report: Report): void {
    const { bootMac, uuid } = report.identity;
    const expected = machineId({ uuid, mac: bootMac }, this.#ports.sha256);
    if (expected === report.id) return;
    throw new PxenError(
      'IDENTITY_MISMATCH',
      `the report says id ${report.id}, but UUID ${uuid ?? 'none'} and MAC ${bootMac} make ${expected}`,
    );
  }

  /** By the token of its overlay or, for the default overlay, by its address. Rejects with UNAUTHORIZED or FORBIDDEN. */
  async authenticate(report: Report, from: Ipv4, token: string | undefined): Promise<ReportedState['trust']> {
    const { id } = report;
    if (token !== undefined) {
      if (await this.#ports.tokenMatches(id, token)) return 'token';
      throw new PxenError('UNAUTHORIZED', `wrong token for ${id} from ${from}`);
    }
    if (!this.#isAt(id, from)) throw this.#notThere(id, from);
    if (this.#goesOn(report, from) || (await this.#ports.hostKeyOf(id)) === undefined) return 'lease';
    throw new PxenError(
      'UNAUTHORIZED',
      `${id} at ${from} has an overlay of its own, but reports without its token`,
      { details: ['it booted before its overlay existed, or with another one: reboot it'] },
    );
  }

  /** A machine with another one's overlay shows that one's token, or it is where its lease says. Rejects with FORBIDDEN. */
  async authenticateMisled(
    report: Report & { kind: 'wrong-identity' },
    from: Ipv4,
    token: string | undefined,
  ): Promise<void> {
    if (this.#isAt(report.id, from)) return;
    const configured = parseMachineId(report.configured);
    const known = configured && token !== undefined && (await this.#ports.tokenMatches(configured, token));
    if (!known) throw this.#notThere(report.id, from);
  }

  /** host0's own key where the overlay brought it; else the one told first in this boot, which later reports cannot change. */
  async hostKey(
    node: NodeRecord,
    report: Report,
    trust: ReportedState['trust'],
  ): Promise<HostKey | undefined> {
    const own = trust === 'token' ? normalHostKey((await this.#ports.hostKeyOf(node.id)) ?? '') : undefined;
    if (own !== undefined) return { line: own, from: 'overlay' };
    if (node.report?.bootId === report.bootId && node.report.hostKey) return node.report.hostKey;
    const told = report.kind === 'full' ? normalHostKey(report.sshHostKey ?? '') : undefined;
    return told === undefined ? undefined : { line: told, from: 'first-use' };
  }

  /** A node that came up on the default overlay may report on until it reboots, even if it has its own overlay by now. */
  #goesOn(report: Report, from: Ipv4): boolean {
    const last = this.#nodes.get(report.id)?.report;
    return last?.trust === 'lease' && last.bootId === report.bootId && last.address === from;
  }

  /** Our lease decides; beside a foreign DHCP server, the address that asked for this machine's boot script does. */
  #isAt(id: MachineId, from: Ipv4): boolean {
    if (this.#ports.leaseOf) {
      const lease = this.#ports.leaseOf(from);
      return lease !== undefined && (lease.machineId ?? this.#nodes.ofMac(lease.mac)) === id;
    }
    const boot = this.#nodes.get(id)?.boots.at(-1);
    return boot?.events.some(event => event.stage === 'script' && event.address === from) ?? false;
  }

  #notThere(id: MachineId, from: Ipv4): PxenError {
    const what = this.#ports.leaseOf ? `is not leased to ${id}` : `has not fetched the boot script of ${id}`;
    return new PxenError('FORBIDDEN', `${from} ${what}`, {
      details: ['a machine without a token is known by its address alone: see mesh node info'],
    });
  }
}
