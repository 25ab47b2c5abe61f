import type { ErrorCode } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Lease } from '../lease/lease.ts';
import type { MachineId } from '../machine/genid.ts';

/** What host0 knows when somebody asks for the overlay of a machine. */
export interface OverlayQuestion {
  readonly id: MachineId;
  /** Who asks. */
  readonly from: Ipv4;
  /** The lease of that address, if there is one. */
  readonly lease: Lease | undefined;
  /** Is there an overlay made for this very machine? */
  readonly known: boolean;
  /** Why two machines claim this id, if they do. */
  readonly conflict: string | undefined;
  readonly unknown: 'default' | 'wait';
}

export type OverlayAnswer =
  /** Which overlay: one made for this very machine, or the one for everybody. */
  | { readonly kind: 'serve'; readonly which: 'own' | 'default' }
  | { readonly kind: 'refuse'; readonly code: ErrorCode; readonly reason: string };

/**
 * An overlay holds secrets: it goes only to the address that is leased to its machine (DESIGN section 7).
 * The default overlay holds none and goes to anybody.
 */
export function answerOverlay(q: OverlayQuestion): OverlayAnswer {
  if (q.conflict !== undefined) return refuse('CONFLICT', `no overlay for ${q.id}: ${q.conflict}`);
  if (!q.known && q.unknown === 'default') return { kind: 'serve', which: 'default' };
  if (!q.known)
    return refuse(
      'NOT_FOUND',
      `machine ${q.id} has no folder under /host0/machines and boot.unknown is wait`,
    );
  if (q.lease?.machineId === q.id) return { kind: 'serve', which: 'own' };
  const holder = q.lease?.machineId === undefined ? 'no known machine' : `machine ${q.lease.machineId}`;
  return refuse(
    'FORBIDDEN',
    `the overlay of ${q.id} goes only to that machine; ${q.from} is leased to ${holder}`,
  );
}

function refuse(code: ErrorCode, reason: string): OverlayAnswer {
  return { kind: 'refuse', code, reason };
}
