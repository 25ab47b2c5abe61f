import { several } from '../../base/diagnostic.ts';
import { PxenError } from '../../base/error.ts';
import type { Decision } from './placer.ts';

/** Reasons that an error or a line of the log carries. */
const MOST_REASONS = 40;

/** Why a workload fits nowhere, or not on the host that was named. */
export function placementRefused(
  workload: string,
  { named, reasons }: Pick<Decision, 'named' | 'reasons'>,
): PxenError {
  if (named === undefined)
    return new PxenError('PLACEMENT_REFUSED', `${workload}: no host can take it`, {
      details: shortened(reasons),
    });
  const own = reasons.find(reason => reason.startsWith(`${named}: `)) ?? `${named}: its devices are taken`;
  return new PxenError('PLACEMENT_REFUSED', `${workload}: ${named} cannot take it`, { details: [own] });
}

export function shortened(reasons: readonly string[]): readonly string[] {
  const more = reasons.length - MOST_REASONS;
  return more <= 0 ? reasons : [...reasons.slice(0, MOST_REASONS), `and ${several(more, 'more host')}`];
}
