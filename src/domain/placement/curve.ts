/** What the use of one thing costs: VMs, vCPUs, bytes of memory or devices in, cost out (tiCrypt document, "Curves"). */
export type Curve = Shape & {
  /** Multiplies the result; never negative. */
  readonly scale: number;
  /** Beyond this input the cost is Infinity. */
  readonly max?: number | undefined;
};

export type Shape =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'linear'; readonly slope: number; readonly base: number }
  /** 0 < soft <= hard. */
  | {
      readonly kind: 'hard-soft';
      readonly soft: number;
      readonly hard: number;
      readonly softAmt: number;
      readonly hardAmt: number;
    }
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'piecewise'; readonly cutoff: number; readonly low: Curve; readonly high: Curve };

export type CurveKind = Shape['kind'];

/** Devices without a curve of their own have this one. */
export const UNAVAILABLE: Curve = { kind: 'unavailable', scale: 1 };

/**
 * Every curve is a row of straight pieces with gaps: where there is none, the cost is Infinity. A piece is for inputs
 * beyond `above` and up to `upTo`, and costs scale * (start + rise * (input - from) / run).
 */
export interface Piece {
  readonly above: number;
  readonly upTo: number;
  readonly start: number;
  readonly rise: number;
  readonly from: number;
  readonly run: number;
  readonly scale: number;
}

/** The cost at an input. */
export function costAt(curve: Curve, input: number): number {
  return priceAt(piecesOf(curve, 1), input);
}

/** Below this a cost is an accident of arithmetic, and what is no number is one: neither can be had. */
const LEAST_COST = -1e300;

/** As costAt, for those who ask millions of times: pieces are looked at in order, and no more of them than need be. */
export function priceAt(pieces: readonly Piece[], input: number): number {
  for (const piece of pieces) {
    if (input > piece.upTo) continue;
    if (input <= piece.above) return Infinity;
    const cost = piece.scale * (piece.start + (piece.rise * (input - piece.from)) / piece.run);
    return cost > LEAST_COST ? cost : Infinity;
  }
  return Infinity;
}

/** The pieces of a curve, in ascending order, with its own scale and one more in them (checklist TC-11: `max` comes before the scale). */
export function piecesOf(curve: Curve, scale: number): readonly Piece[] {
  return clipped(shapePieces(curve, scale * curve.scale), -Infinity, curve.max ?? Infinity);
}

function shapePieces(shape: Shape, scale: number): readonly Piece[] {
  const flat = { above: -Infinity, upTo: Infinity, start: 0, rise: 0, from: 0, run: 1, scale };
  switch (shape.kind) {
    case 'constant':
      return [{ ...flat, start: shape.value }];
    case 'invalid':
      return [];
    case 'linear':
      return [{ ...flat, start: shape.base, rise: shape.slope }];
    case 'hard-soft': {
      const { soft, hard, softAmt, hardAmt } = shape;
      const low = { ...flat, upTo: soft, rise: softAmt, run: soft };
      const high = { ...flat, above: soft, upTo: hard, start: softAmt, rise: hardAmt - softAmt };
      return hard > soft ? [low, { ...high, from: soft, run: hard - soft }] : [low];
    }
    case 'unavailable':
      return [{ ...flat, upTo: 0 }];
    case 'piecewise':
      return [
        ...clipped(piecesOf(shape.low, scale), -Infinity, shape.cutoff),
        ...clipped(piecesOf(shape.high, scale), shape.cutoff, Infinity),
      ];
  }
}

function clipped(pieces: readonly Piece[], above: number, upTo: number): readonly Piece[] {
  return (
    pieces
      .map(piece => ({
        ...piece,
        above: Math.max(piece.above, above),
        upTo: Math.min(piece.upTo, upTo),
      }))
      // A number beyond all measure is a cost of Infinity, as no piece is.
      .filter(
        piece => piece.above < piece.upTo && Number.isFinite(piece.scale) && Number.isFinite(piece.rise),
      )
  );
}

/** Whether any whole input between two (both inclusive) has a price. */
export function hasPrice(curve: Curve, least: number, most: number): boolean {
  return piecesOf(curve, 1).some(
    ({ above, upTo }) => Math.max(least, Math.floor(above) + 1) <= Math.min(most, upTo),
  );
}
