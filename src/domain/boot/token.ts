import type { Ipv4 } from '../../base/ipv4.ts';
import type { MachineId } from '../machine/genid.ts';

/** A one-time boot token as host0 remembers it: its hash, never the token itself. */
export interface BootToken {
  /** SHA-256 of the token, hex. */
  readonly hash: string;
  readonly machineId: MachineId;
  /** Who fetched the script that carries it; nobody else may use it. */
  readonly address: Ipv4;
  /** From then on it is worth nothing. Milliseconds since the epoch. */
  readonly endsAt: number;
  /** The overlay has gone out whole with it once, or its machine has reported since. */
  readonly used: boolean;
}

/** Where boot tokens live: host0 may be killed in the middle of a boot, and the machine goes on with its token. */
export interface BootTokenStore {
  all(): BootToken[];
  /** Replaces the one with the same hash and drops those with these hashes, at once; durable when it resolves. */
  put(token: BootToken, dropped: readonly string[]): Promise<void>;
}

/** 128 bits: nobody guesses that. */
export const TOKEN_BYTES = 16;

/** From the boot script to the overlay; kernel, initramfs and root image are fetched in between. Milliseconds. */
export const TOKEN_LIFETIME = 15 * 60_000;

/**
 * How long a used token still works: the last bytes may not have arrived. The init gives a download up after 120 s and
 * asks again within 5 s. Milliseconds.
 */
export const TOKEN_GRACE = 150_000;

/** What is wrong with a token that somebody shows, or `good`. */
export type TokenVerdict =
  | 'good'
  | 'missing'
  | 'unknown'
  | 'other-machine'
  | 'other-address'
  | 'used'
  | 'expired';

/** `token` is the one with the hash of what was shown; undefined when there is none. */
export function judgeToken(
  token: BootToken | undefined,
  shownBy: { readonly machineId: MachineId; readonly address: Ipv4; readonly now: number },
): Exclude<TokenVerdict, 'missing'> {
  if (!token) return 'unknown';
  if (token.machineId !== shownBy.machineId) return 'other-machine';
  if (token.address !== shownBy.address) return 'other-address';
  if (shownBy.now < token.endsAt) return 'good';
  return token.used ? 'used' : 'expired';
}

export function newToken(of: Pick<BootToken, 'hash' | 'machineId' | 'address'>, now: number): BootToken {
  return { ...of, endsAt: now + TOKEN_LIFETIME, used: false };
}

/** The overlay went out whole: the token ends soon. Used again in its grace, it gets no second one. */
export function deliveredToken(token: BootToken, now: number): BootToken {
  return token.used ? token : { ...token, endsAt: Math.min(token.endsAt, now + TOKEN_GRACE), used: true };
}

/** Its machine runs: the token ends now. Every process on the machine may read it in /proc/cmdline. */
export function burntToken(token: BootToken, now: number): BootToken {
  return { ...token, endsAt: Math.min(token.endsAt, now), used: true };
}
