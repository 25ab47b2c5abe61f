import type { Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { MachineId } from '../machine/genid.ts';
import type { WorkloadStatus } from '../workload/status.ts';
import type { Boot } from './boots.ts';
import type { Claim } from './claims.ts';
import type { Facts, Load } from './facts.ts';
import type { BootEvent } from './timeline.ts';

/** The four places that compute a machine id (DESIGN section 4) and what each said in this boot. */
export type Agreement = { readonly [place in NonNullable<BootEvent['idFrom']>]?: MachineId | undefined };

/** The SSH host key that a node must show. */
export interface HostKey {
  /** As in /etc/ssh/ssh_host_ed25519_key.pub, without the comment. */
  readonly line: string;
  /** `overlay`: made by host0, the node got it in its overlay. `first-use`: the node told it in its first report of this boot. */
  readonly from: 'overlay' | 'first-use';
}

/** What host0 knows of one machine. A value: every change makes a new one. */
export interface NodeRecord {
  readonly id: MachineId;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  readonly address?: Ipv4 | undefined;
  /** Full SMBIOS UUID, lower case. */
  readonly uuid?: string | undefined;
  /** Cards known to be this machine's. */
  readonly macs: readonly Mac[];
  readonly agreement: Agreement;
  /** The machines that lately went by this id; more than one live claim is a conflict. */
  readonly claims: readonly Claim[];
  /** Oldest first. */
  readonly boots: readonly Boot[];
  /** What the agent's last report brought; absent until the first. */
  readonly report?: ReportedState | undefined;
}

export interface ReportedState {
  readonly at: number;
  /** Where it came from. */
  readonly address: Ipv4;
  /** /proc/sys/kernel/random/boot_id: another one means that the node has rebooted. */
  readonly bootId: string;
  readonly facts: Facts;
  readonly load: Load;
  /** How the report was authenticated: the token of its overlay, or the leased address it came from. */
  readonly trust: 'token' | 'lease';
  readonly hostKey?: HostKey | undefined;
  /** Content of the overlay that it runs, as its agent tells. */
  readonly overlay?: string | undefined;
  /** The workloads on it; absent: none. */
  readonly workloads?: readonly WorkloadStatus[] | undefined;
  /** Seconds between two reports, as the agent was told. */
  readonly interval: number;
}

/** Where nodes and their boots live. */
export interface NodeStore {
  load(): NodeRecord[];
  /** Durable on disk when it resolves. */
  save(nodes: readonly NodeRecord[]): Promise<void>;
  remove(ids: readonly MachineId[]): Promise<void>;
}

export function newNode(id: MachineId, now: number): NodeRecord {
  return { id, firstSeenAt: now, lastSeenAt: now, macs: [], agreement: {}, claims: [], boots: [] };
}
