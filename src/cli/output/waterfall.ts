import { formatBytes } from '../../base/bytes.ts';
import type { Trace, TraceRow } from '../../domain/node/trace.ts';
import { printable } from './table.ts';
import { paint, type Terminal } from './terminal.ts';

/** Columns left of the bars, in characters: step, start, time, size, rate, packets sent again. */
const LEFT = 60;
const LEAST_BAR = 10;
const WIDTHS = [7, 7, 10, 12, 6];

const HEAD = ['STEP'.padEnd(16), ...['START', 'TIME', 'SIZE', 'RATE', 'AGAIN'].map(padded)].join('');

/** The waterfall, one row a step, the bars scaled to the width; `#` is the network, `.` the machine's own time, `!` a problem. */
export function waterfall(trace: Trace, terminal: Terminal, width: number): string {
  const room = Math.max(LEAST_BAR, width - LEFT);
  const end = Math.max(1, trace.total ?? 0, ...trace.rows.map(row => row.start + row.duration));
  const rows = trace.rows.map(row => `${left(row)}${barOf(row, end, room, terminal)}`.trimEnd());
  const dropped = trace.dropped > 0 ? [`(${trace.dropped} events in the middle were left out)`] : [];
  return [HEAD.trimEnd(), ...rows, ...dropped].join('\n');
}

/** One step as it came, for --follow: no bar, but what was seen. */
export function stepLine(row: TraceRow, terminal: Terminal, width: number): string {
  const text = row.text === undefined ? '' : printable(row.text);
  const plain = `${left(row)}${row.kind === 'machine' ? '(the machine itself)' : text}`;
  const line = row.kind === 'problem' ? plain : plain.slice(0, Math.max(width, LEFT + LEAST_BAR));
  return paint(terminal, COLOURS[row.kind], line.trimEnd());
}

const COLOURS = { wire: 'green', machine: 'dim', problem: 'red' } as const;
const MARKS = { wire: '#', machine: '.', problem: '!' } as const;

function left(row: TraceRow): string {
  const cells = [
    seconds(row.start),
    row.kind === 'problem' ? '' : seconds(row.duration),
    row.bytes === undefined ? '' : formatBytes(row.bytes),
    row.rate === undefined ? '' : `${formatBytes(row.rate)}/s`,
    row.retransmissions === undefined ? '' : String(row.retransmissions),
  ];
  return `${[row.step.padEnd(16), ...cells.map(padded)].join('')}  `;
}

function padded(cell: string, column: number): string {
  return cell.padStart(WIDTHS[column] ?? 0);
}

/** A row is never invisible: at least one mark, however short it was. */
function barOf(row: TraceRow, end: number, room: number, terminal: Terminal): string {
  const from = Math.min(room - 1, Math.floor((row.start / end) * room));
  const length = Math.min(room - from, Math.max(1, Math.round((row.duration / end) * room)));
  if (row.kind === 'problem') return paint(terminal, 'red', `! ${printable(row.text ?? '')}`);
  return ' '.repeat(from) + paint(terminal, COLOURS[row.kind], MARKS[row.kind].repeat(length));
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(2);
}
