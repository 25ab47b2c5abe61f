import { jsonCost } from '../domain/placement/format.ts';
import type { Decision } from '../domain/placement/placer.ts';
import type { PlacementView } from './placement.ts';

/** A decision as the API shows it. */
export function placementView(workload: string, { costs, host, node, reasons }: Decision): PlacementView {
  return {
    workload,
    host,
    node,
    reasons: [...reasons],
    costs: costs.map(cost => ({ host: cost.host, ...jsonCost(cost) })) as PlacementView['costs'],
  };
}
