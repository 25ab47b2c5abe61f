import type { Report } from '../../src/api/report.ts';
import type { Ipv4 } from '../../src/base/ipv4.ts';
import type { Mac } from '../../src/base/mac.ts';
import type { Lease } from '../../src/domain/lease/lease.ts';
import type { MachineId } from '../../src/domain/machine/genid.ts';
import type { Facts, Load } from '../../src/domain/node/facts.ts';
import type { NodeRecord, NodeStore } from '../../src/domain/node/record.ts';

/** Nodes in memory. `failure` makes every write reject. */
export class MemoryNodes implements NodeStore {
  readonly saved = new Map<MachineId, NodeRecord>();
  saves = 0;
  failure: Error | undefined;

  load(): NodeRecord[] {
    return [...this.saved.values()];
  }

  async save(nodes: readonly NodeRecord[]): Promise<void> {
    if (this.failure) throw this.failure;
    this.saves += 1;
    for (const node of nodes) this.saved.set(node.id, structuredClone(node));
  }

  async remove(ids: readonly MachineId[]): Promise<void> {
    if (this.failure) throw this.failure;
    for (const id of ids) this.saved.delete(id);
  }
}

/** Two machines of test/vectors/genid.json, and the second one's twin: same UUID, other card. */
export const ALPHA = {
  id: '91d5815f' as MachineId,
  uuid: '11223344-5566-7788-99aa-bbccddeeff00',
  mac: '52:54:00:12:34:56' as Mac,
  address: '10.77.0.100' as Ipv4,
};
export const BETA = {
  id: '6e6da274' as MachineId,
  uuid: '4c4c4544-0042-3510-8054-b7c04f4e3332',
  mac: '52:54:00:00:00:02' as Mac,
  address: '10.77.0.101' as Ipv4,
};
export const TWIN = { ...BETA, mac: '52:54:00:00:00:03' as Mac, address: '10.77.0.102' as Ipv4 };

export type TestMachine = typeof ALPHA;

export function leaseFor(machine: TestMachine, expiresAt = Number.MAX_SAFE_INTEGER): Lease {
  const { address, mac, uuid, id } = machine;
  return { mac, address, machineId: id, uuid, expiresAt };
}

export const FACTS: Facts = {
  cpu: { model: 'Test CPU', sockets: 1, cores: 2, threads: 4, flags: ['lm', 'svm'] },
  memoryKib: 1_000_000,
  nics: [],
  disks: [],
  pci: [],
  bridges: [],
  hugepages: [],
  software: { kernel: '6.1.0', os: 'pxen node', node: 'v24.21.0', agent: '0.1.0' },
  kvm: { state: 'unknown' },
};

export const LOAD: Load = { average: 0.5, availableKib: 800_000, uptimeSeconds: 11.2 };

export const HOST_KEY_LINE = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)}`;

/** What the agent of this machine would send first. */
export function fullReport(machine: TestMachine, bootId = 'boot-1'): Report & { kind: 'full' } {
  return structuredClone({
    kind: 'full',
    id: machine.id,
    identity: { uuid: machine.uuid, bootMac: machine.mac, macs: [machine.mac] },
    bootId,
    facts: FACTS,
    load: LOAD,
    sshHostKey: `${HOST_KEY_LINE} root@node`,
  }) as Report & { kind: 'full' };
}

export function heartbeat(machine: TestMachine, bootId = 'boot-1'): Report & { kind: 'heartbeat' } {
  const { id, identity, load } = fullReport(machine);
  return { kind: 'heartbeat', id, identity, bootId, facts: {}, load };
}
