import { Draft, isBetter, type Score } from '../../../../src/domain/placement/draft.ts';
import type { PlacementRequest, Snapshot } from '../../../../src/domain/placement/snapshot.ts';

/** The best of all ways to place VMs, tried one after the other: for a handful of them. */
export function optimum(snapshot: Snapshot, requests: readonly PlacementRequest[]): Score {
  const draft = new Draft(snapshot, requests);
  let best: Score = { placed: -1, cost: Infinity };
  const tryFrom = (vm: number): void => {
    const request = requests[vm];
    if (!request) {
      if (isBetter(draft.score, best)) best = draft.score;
      return;
    }
    for (const host of draft.fleet.berths.keys())
      if (draft.fleet.price(host, request, 'total') < Infinity) {
        draft.put(vm, host);
        tryFrom(vm + 1);
        draft.take(vm);
      }
    tryFrom(vm + 1);
  };
  tryFrom(0);
  return best;
}
