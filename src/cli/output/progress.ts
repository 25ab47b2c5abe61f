import { formatBytes } from '../../base/bytes.ts';
import { several } from '../../base/diagnostic.ts';
import { age, printable } from './table.ts';

/** A file on its way to a node. Times are milliseconds of one clock, sizes bytes. */
export interface Download {
  readonly path: string;
  readonly startedAt: number;
  readonly received: number;
  /** Absent when the server does not tell. */
  readonly total?: number | undefined;
  /** The last few seconds, oldest first: what came before a break or in another hour says nothing of the rate now. */
  readonly samples: readonly { readonly at: number; readonly received: number }[];
}

/** How long the rate looks back, and how long a download takes before it is worth a line; milliseconds. */
const WINDOW = 5000;
const PATIENCE = 1000;

/** A download after its next sign of life. A resumed one does not begin at 0, and one that began anew starts over. */
export function seen(
  before: Download | undefined,
  { path, received, total }: Pick<Download, 'path' | 'received' | 'total'>,
  now: number,
): Download {
  const fresh = before === undefined || received < before.received;
  const samples = fresh ? [] : before.samples.filter(({ at }) => now - at <= WINDOW);
  const startedAt = before?.startedAt ?? now;
  return { path, startedAt, received, total, samples: [...samples, { at: now, received }] };
}

/** Bytes a second; 0 for one that is complete, or of which nothing was heard for some seconds. */
export function rateOf({ received, samples, total }: Download, now: number): number {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || last.at === first.at || received === total || now - last.at > WINDOW) return 0;
  return ((received - first.received) * 1000) / (last.at - first.at);
}

/** One line for all that is being downloaded, at most `columns` long; undefined while nothing has taken a second yet. */
export function progressLine(
  downloads: readonly Download[],
  now: number,
  columns: number,
): string | undefined {
  if (!downloads.some(({ startedAt }) => now - startedAt >= PATIENCE)) return undefined;
  const [first] = downloads;
  const what = downloads.length === 1 ? nameOf(first?.path ?? '') : several(downloads.length, 'download');
  const received = sum(downloads.map(download => download.received));
  const totals = downloads.flatMap(({ total }) => (total === undefined ? [] : [total]));
  const total = totals.length === downloads.length ? sum(totals) : undefined;
  const rate = sum(downloads.map(download => rateOf(download, now)));
  const cells = [what, ...shareOf(received, total), ...(rate > 0 ? [`${formatBytes(rate)}/s`] : [])];
  const left = total === undefined || rate === 0 ? undefined : ((total - received) / rate) * 1000;
  if (left !== undefined && left > 0) cells.push(`${age(Math.max(1000, left))} left`);
  return printable(cells.join('  ')).slice(0, columns);
}

/** Rounded down: 100 % is the end and nothing else. */
function shareOf(received: number, total: number | undefined): string[] {
  if (total === undefined || total === 0) return [formatBytes(received)];
  const percent = Math.min(100, Math.floor((received / total) * 100));
  return [`${percent} %`, `${formatBytes(received)} of ${formatBytes(total)}`];
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
