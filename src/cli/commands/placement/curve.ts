import { type Diagnostic, diagnosticsError, quote } from '../../../base/diagnostic.ts';
import { PxenError } from '../../../base/error.ts';
import { readHocon } from '../../../domain/hocon/read.ts';
import { parseReal, parseSize } from '../../../domain/hocon/units.ts';
import { type Curve, type Piece, piecesOf, priceAt } from '../../../domain/placement/curve.ts';
import { formatCost, jsonNumber } from '../../../domain/placement/format.ts';
import { CURVE_KEYS, readCurve } from '../../../domain/placement/parse-curve.ts';
import type { Context } from '../../context.ts';
import { plotOf } from '../../output/plot.ts';
import { table } from '../../output/table.ts';

/** `mesh cost curve CURVE INPUT...`: values in the order of the inputs, or a drawing. */
export async function costCurve(
  { terminal, json }: Context,
  text: string,
  inputs: readonly string[],
  { plot }: { readonly plot: boolean },
): Promise<number> {
  const curve = curveOf(text);
  const numbers = inputs.map(inputOf);
  const costs = numbers.map(input => priceAt(curve, input));
  if (json) {
    terminal.json(costs.map(jsonNumber));
    return 0;
  }
  if (inputs.length > 0)
    terminal.print(
      table(
        ['INPUT', 'COST'],
        inputs.map((input, i) => [input, formatCost(costs[i] ?? Infinity)]),
      ),
    );
  if (plot || inputs.length === 0) terminal.print(plotOf(curve, numbers, terminal.columns ?? 80));
  return 0;
}

function inputOf(text: string): number {
  const value = parseReal(text) ?? parseSize(text);
  if (value !== undefined) return value;
  throw new PxenError('USAGE', `input: got ${quote(text)}, expected a number or bytes, such as 1.5 or 32MiB`);
}

function curveOf(text: string): readonly Piece[] {
  const exact = attempt(text);
  if ('curve' in exact) return piecesOf(exact.curve, 1);
  const spread = attempt(onLines(text));
  if ('curve' in spread) return piecesOf(spread.curve, 1);
  throw diagnosticsError('PLACEMENT_INVALID', `curve ${quote(text)}`, exact.problems);
}

function attempt(text: string): { readonly curve: Curve } | { readonly problems: readonly Diagnostic[] } {
  const { root, problems } = readHocon(text, 'curve', () => ({
    kind: 'refused',
    reason: 'no include on the command line',
  }));
  const all = [...problems];
  const curve = problems.length === 0 ? readCurve(root, all) : undefined;
  return curve && all.length === 0 ? { curve } : { problems: all };
}

/** Curves are often seen with their lines run together, also in the tiCrypt document: what its keys are is known. */
function onLines(text: string): string {
  return text.replace(new RegExp(`\\s(?=(?:${CURVE_KEYS.join('|')})\\s*[:={])`, 'g'), '\n');
}
