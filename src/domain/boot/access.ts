import type { ErrorCode } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Lease } from '../lease/lease.ts';
import type { MachineId } from '../machine/genid.ts';
import { TOKEN_LIFETIME, type TokenVerdict } from './token.ts';

/** What host0 knows when somebody asks for the overlay of a machine. */
export interface OverlayQuestion {
  readonly id: MachineId;
  /** Who asks. */
  readonly from: Ipv4;
  /** Whether host0 gives out the addresses itself; beside another DHCP server it knows of no leases. */
  readonly leases: boolean;
  /** The lease of that address, if there is one. */
  readonly lease: Lease | undefined;
  /** The boot token in the URL. */
  readonly token: TokenVerdict;
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
 * An overlay holds secrets: it goes only to who shows the one-time token of the machine's boot script and, where host0
 * leases the addresses, only to the address of that machine (DESIGN section 7). The default overlay holds none and goes
 * to anybody.
 */
export function answerOverlay(q: OverlayQuestion): OverlayAnswer {
  if (q.conflict !== undefined) return refuse('CONFLICT', `no overlay for ${q.id}: ${q.conflict}`);
  if (!q.known && q.unknown === 'default') return { kind: 'serve', which: 'default' };
  if (!q.known)
    return refuse(
      'NOT_FOUND',
      `machine ${q.id} has no folder under /host0/machines and boot.unknown is wait`,
    );
  if (q.leases && q.lease?.machineId !== q.id)
    return refuse(
      'FORBIDDEN',
      `the overlay of ${q.id} goes only to that machine; ${q.from} is leased to ${holderOf(q.lease)}`,
    );
  if (q.token === 'good') return { kind: 'serve', which: 'own' };
  return refuse('FORBIDDEN', `the overlay of ${q.id} is refused: ${TOKEN_TROUBLE[q.token]}`);
}

/** What to do about all of these is the same: the machine has to boot again, then it gets a new token. */
const TOKEN_TROUBLE: Readonly<Record<Exclude<TokenVerdict, 'good'>, string>> = {
  missing: 'the URL has no token; the boot script of the machine brings one',
  unknown: 'this boot token is none of host0, or one of an earlier boot; reboot the machine',
  'other-machine': 'this boot token is for another machine',
  'other-address': 'this boot token was given to another address; reboot the machine',
  used: 'this boot token was used already; reboot the machine',
  expired: `this boot token is older than ${TOKEN_LIFETIME / 60_000} minutes; reboot the machine`,
};

/** Who asks for a boot script. */
export interface TokenQuestion {
  readonly id: MachineId;
  /** Where the protocol does not tell it, undefined. */
  readonly from: Ipv4 | undefined;
  readonly leases: boolean;
  readonly lease: Lease | undefined;
}

/**
 * Why this script carries no boot token; undefined when it does. Anybody can ask for the script of another machine by
 * its UUID, so where host0 leases the addresses only that of the machine itself gets a token.
 */
export function tokenRefusal({ id, from, leases, lease }: TokenQuestion): string | undefined {
  if (from === undefined) return 'its address is not known';
  if (!leases || lease?.machineId === id) return undefined;
  return `${from} is leased to ${holderOf(lease)}`;
}

function holderOf(lease: Lease | undefined): string {
  return lease?.machineId === undefined ? 'no known machine' : `machine ${lease.machineId}`;
}

function refuse(code: ErrorCode, reason: string): OverlayAnswer {
  return { kind: 'refuse', code, reason };
}
