import type { Ipv4 } from '../../base/ipv4.ts';
import type { MachineId } from '../machine/genid.ts';
import type { Facts, Load } from '../node/facts.ts';
import type { Liveness } from '../node/liveness.ts';
import type { WorkloadStatus } from './status.ts';

/** A node as far as workloads are concerned. */
export interface Host {
  readonly id: MachineId;
  /** Its folder under /host0/machines, if it has one. */
  readonly name?: string | undefined;
  /** Of a host that libvirt controls: it has no agent. */
  readonly uri?: string | undefined;
  readonly state: Liveness;
  /** Absent: it has no address now. */
  readonly address: Ipv4 | undefined;
  /** The SSH public key line that it must show; absent: it has told none in this boot. */
  readonly hostKey: string | undefined;
  /** Of its last report; absent: it never reported. */
  readonly bootId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly reportedAt: number | undefined;
  /** What its last report told. */
  readonly workloads: readonly WorkloadStatus[];
  /** The same; absent: it never reported, or has no agent. */
  readonly facts?: Facts | undefined;
  readonly load?: Load | undefined;
  /** Of a host that libvirt controls; memory in bytes. */
  readonly room?:
    | {
        readonly threads: number;
        readonly memAvailable: number;
        readonly arch: string;
        readonly bridges: readonly string[];
      }
    | undefined;
  /** Why a host that libvirt controls cannot be reached. */
  readonly problem?: string | undefined;
}

/** As people know it: `rack1-07 (91d5815f)`. */
export function called({ id, name }: Pick<Host, 'id' | 'name'>): string {
  return name === undefined ? id : `${name} (${id})`;
}

/** Its last report still counts: it reports, or host0 itself was away and its next report is not due yet. */
export function isThere({ state }: Pick<Host, 'state'>): boolean {
  return state === 'up' || state === 'unknown';
}
