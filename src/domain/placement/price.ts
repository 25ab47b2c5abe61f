import type { CostFunction } from './cost.ts';
import { type Curve, type Piece, piecesOf, UNAVAILABLE } from './curve.ts';

/** What one cost function asks for, as pieces for priceAt, its scale in them. */
export interface PriceList {
  readonly vms: readonly Piece[];
  readonly vcpus: readonly Piece[];
  readonly memory: readonly Piece[];
  readonly device: (type: string) => readonly Piece[];
  readonly offset: number;
}

/** Of what has no curve. */
const FREE: Curve = { kind: 'constant', value: 0, scale: 1 };

export function priceListOf({ vms, vcpus, memory, devices, scale, offset }: CostFunction): PriceList {
  const pieces = (curve: Curve | undefined): readonly Piece[] => piecesOf(curve ?? FREE, scale);
  const byType = new Map([...devices].map(([type, curve]) => [type, pieces(curve)]));
  const unavailable = pieces(UNAVAILABLE);
  return {
    vms: pieces(vms),
    vcpus: pieces(vcpus),
    memory: pieces(memory),
    device: type => byType.get(type) ?? unavailable,
    offset,
  };
}
