import type { CostFunction, Usage } from './cost.ts';
import { type Piece, priceAt } from './curve.ts';
import { priceListOf } from './price.ts';

/** One thing that a cost function has a price for, and how much of it is in use. */
export interface CostCurve {
  readonly part: 'vms' | 'vcpus' | 'memory' | 'device';
  /** Of a device. */
  readonly type?: string | undefined;
  readonly at: number;
  readonly cost: number;
  /** The scale of the cost function in them. */
  readonly pieces: readonly Piece[];
}

/** Everything that a cost function looks at: what has a curve, and every type of device in use, by type. */
export function costCurves(rules: CostFunction, usage: Usage): readonly CostCurve[] {
  const prices = priceListOf(rules);
  const figures = (['vms', 'vcpus', 'memory'] as const)
    .filter(part => rules[part] !== undefined)
    .map(part => priced({ part, at: usage[part], pieces: prices[part] }));
  const devices = [...usage.devices]
    .filter(([, count]) => count > 0)
    .map(([type, at]) => priced({ part: 'device', type, at, pieces: prices.device(type) }));
  return [...figures, ...devices];
}

function priced(curve: Omit<CostCurve, 'cost'>): CostCurve {
  return { ...curve, cost: priceAt(curve.pieces, curve.at) };
}
