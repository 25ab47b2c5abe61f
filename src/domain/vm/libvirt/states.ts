import type { WorkloadState } from '../../workload/status.ts';

/** A domain's state as a workload's: `end` of one that ended, `problem` of one that is not as it should be. */
export interface DomainLife {
  readonly state: WorkloadState;
  readonly end?: string | undefined;
  readonly problem?: string | undefined;
}

/** virDomainShutoffReason, in this order. */
const SHUTOFF: readonly string[] = [
  'it is shut off, and libvirt does not know why',
  'the guest shut down',
  'somebody destroyed it through libvirt',
  'QEMU ended by itself',
  'it was migrated to another host',
  'it was saved to a file',
  'libvirt could not start it',
  'it was reverted to a snapshot that is shut off',
  'libvirt lost it when it was restarted',
];

/** virDomainPausedReason, in this order; undefined: as it was asked for. */
const PAUSED: readonly (string | undefined)[] = [
  undefined,
  undefined,
  'it is being migrated',
  'it is being saved',
  'it is being dumped',
  'its disk has an I/O error: see the log',
  'the watchdog stopped its guest',
  'it is being reverted to a snapshot',
  'it is shutting down',
  'a snapshot of it is being made',
  'its guest crashed',
  undefined,
  'its migration failed',
  'its migration failed',
  'libvirt could not ask its API',
];

/** From virDomainState and its reason, the numbers that `virsh domstats` prints. */
export function domainLife(state: number, reason: number): DomainLife {
  switch (state) {
    case 1: // running
    case 2: // blocked
      return { state: 'running' };
    case 3:
      return { state: 'paused', problem: PAUSED[reason] };
    case 4:
      return { state: 'stopping' };
    case 5:
      return { state: 'ended', end: SHUTOFF[reason] ?? SHUTOFF[0] };
    case 6:
      return { state: 'ended', end: 'its guest crashed' };
    case 7:
      return { state: 'paused', problem: 'its guest sleeps' };
    default:
      return { state: 'starting' };
  }
}
