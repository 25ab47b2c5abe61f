import type { Mac } from '../../base/mac.ts';

/** One machine that goes by an id, told apart from others by its full UUID and its cards. */
export interface Claim {
  readonly uuid?: string | undefined;
  readonly macs: readonly Mac[];
  /** Since when this machine, without a pause for another one, has been heard. */
  readonly since: number;
  readonly lastAt: number;
  /** Another machine was heard while this one was running: they are two. */
  readonly disputed: boolean;
}

/** What a machine showed of itself. */
export interface Sighting {
  readonly at: number;
  readonly uuid?: string | undefined;
  readonly macs: readonly Mac[];
  /** The first sign of a boot (DISCOVER) proves nothing of the time before; a later step or a report shows that the machine went on. */
  readonly continues: boolean;
}

/** Claims older than this count no more, milliseconds. */
export const CLAIM_LIFETIME = 10 * 60_000;
/** More are not kept: a flood of forged ones must not grow. */
const MAX_CLAIMS = 8;

/**
 * The claims after a sighting. One machine may boot from one card after the other (A, B, A), so two MACs alone are no
 * conflict; a machine that goes on after another one was heard under its id is, and so are two different UUIDs.
 */
export function addSighting(claims: readonly Claim[], seen: Sighting): Claim[] {
  const live = claims.filter(claim => claim.lastAt > seen.at - CLAIM_LIFETIME);
  const mine = live.filter(claim => isSame(claim, seen));
  const others = live.filter(claim => !mine.includes(claim));
  const before = mine.length > 0 ? merged(mine) : undefined;
  const clash = (other: Claim): boolean =>
    differ(other.uuid, seen.uuid) ||
    (seen.continues && before !== undefined && other.since > before.since && other.lastAt > before.lastAt);
  const fight = others.some(clash);
  const claim: Claim = {
    uuid: seen.uuid ?? before?.uuid,
    macs: unite(before?.macs ?? [], seen.macs),
    since: before && seen.continues ? before.since : seen.at,
    lastAt: seen.at,
    disputed: fight || (before?.disputed ?? false),
  };
  return [...others.map(other => (clash(other) ? { ...other, disputed: true } : other)), claim].slice(
    -MAX_CLAIMS,
  );
}

/** The machines that dispute the id right now; undefined when it is one machine's. */
export function conflictOf(claims: readonly Claim[], now: number): readonly Claim[] | undefined {
  const live = claims.filter(claim => claim.lastAt > now - CLAIM_LIFETIME && claim.disputed);
  return live.length > 1 ? live : undefined;
}

function isSame(claim: Claim, seen: Sighting): boolean {
  if (differ(claim.uuid, seen.uuid)) return false;
  return claim.macs.some(mac => seen.macs.includes(mac));
}

function differ(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b;
}

function merged(claims: readonly Claim[]): Claim {
  return claims.reduce((one, other) => ({
    uuid: one.uuid ?? other.uuid,
    macs: unite(one.macs, other.macs),
    since: Math.min(one.since, other.since),
    lastAt: Math.max(one.lastAt, other.lastAt),
    disputed: one.disputed || other.disputed,
  }));
}

function unite(a: readonly Mac[], b: readonly Mac[]): readonly Mac[] {
  return [...new Set([...a, ...b])].slice(0, 32);
}
