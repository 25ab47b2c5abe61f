import { formatBytes } from '../../base/bytes.ts';
import { type Piece, priceAt } from '../../domain/placement/curve.ts';
import { formatCost } from '../../domain/placement/format.ts';

const ROWS = 12;
const LEAST_COLUMNS = 20;
const MOST_COLUMNS = 100;

/**
 * A curve as text over the range in which something happens: up to a quarter beyond its last bend and the highest of
 * the inputs. `^` in the top row is Infinity, `O` the point that is marked.
 */
export function plotOf(
  pieces: readonly Piece[],
  inputs: readonly number[],
  width: number,
  marked?: number,
): string {
  const bends = pieces.flatMap(({ above, upTo }) => [above, upTo]).filter(Number.isFinite);
  const from = Math.min(0, ...bends, ...inputs);
  const end = Math.max(...bends, ...inputs);
  const to = end > from ? end + (end - from) / 4 : from + 10;
  const columns = Math.max(LEAST_COLUMNS, Math.min(MOST_COLUMNS, width - 14));
  const step = (to - from) / (columns - 1);
  const mark = marked === undefined ? -1 : Math.round((marked - from) / step);
  // The column of the mark shows exactly what is marked, which may be a bend between two columns.
  const costs = Array.from({ length: columns }, (_, i) =>
    priceAt(pieces, i === mark && marked !== undefined ? marked : from + step * i),
  );
  return [...drawing(costs, mark), axis(from, to, columns)].join('\n');
}

function drawing(costs: readonly number[], mark: number): readonly string[] {
  const finite = costs.filter(Number.isFinite);
  const [low, high] = finite.length > 0 ? [Math.min(0, ...finite), Math.max(0, ...finite)] : [0, 0];
  const rowOf = (cost: number): number =>
    cost === Infinity ? ROWS : high === low ? 0 : Math.round(((cost - low) / (high - low)) * (ROWS - 1));
  const labels = new Map([
    [0, formatCost(low)],
    [ROWS - 1, formatCost(high)],
    ...(costs.includes(Infinity) ? [[ROWS, 'Infinity'] as const] : []),
  ]);
  const rows = Array.from({ length: ROWS + 1 }, (_, i) => ROWS - i);
  return rows
    .map(row => {
      const signOf = (column: number): string => (column === mark ? 'O' : row === ROWS ? '^' : '*');
      const marks = costs.map((cost, column) => (rowOf(cost) === row ? signOf(column) : ' '));
      return `${(labels.get(row) ?? '').padStart(10)} |${marks.join('')}`.trimEnd();
    })
    .filter((_, i) => i > 0 || costs.includes(Infinity));
}

function axis(from: number, to: number, columns: number): string {
  const [left, right] = [from, to].map(to >= 2 ** 20 ? formatBytes : formatCost);
  const line = `${' '.repeat(11)}+${'-'.repeat(columns)}`;
  const labels = `${left}${(right ?? '').padStart(Math.max(1, columns - (left ?? '').length))}`;
  return `${line}\n${' '.repeat(12)}${labels}`;
}
