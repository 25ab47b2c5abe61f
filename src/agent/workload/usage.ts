import type { Usage } from '../../domain/workload/status.ts';

/** A tick of /proc/<pid>/stat: USER_HZ is 100 on every Linux that runs here. */
const TICKS_A_SECOND = 100;
/** A page of x86-64, the unit of resident memory. */
const PAGE_BYTES = 4096;

export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

/** utime + stime (fields 14 and 15) and rss (24) of proc(5). The name in field 2 may hold blanks and parentheses. */
export function parseProcessStat(stat: string): ProcessUsage | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime, stime, rss] = [fields[11], fields[12], fields[21]].map(Number);
  if (utime === undefined || stime === undefined || rss === undefined) return undefined;
  if (!Number.isFinite(utime + stime + rss)) return undefined;
  return { cpuSeconds: (utime + stime) / TICKS_A_SECOND, memoryBytes: rss * PAGE_BYTES };
}

/** All drives of an answer to `query-blockstats` together. */
export function sumBlockStats(answer: unknown): { diskReadBytes: number; diskWrittenBytes: number } {
  const drives = Array.isArray(answer) ? answer : [];
  const sum = (field: string): number =>
    drives.reduce((total: number, drive: unknown) => total + numberAt(drive, 'stats', field), 0);
  return { diskReadBytes: sum('rd_bytes'), diskWrittenBytes: sum('wr_bytes') };
}

function numberAt(value: unknown, ...path: string[]): number {
  const found = path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined),
    value,
  );
  return typeof found === 'number' ? found : 0;
}

/**
 * All taps of a workload together; undefined when it has none. What the node sends into a tap is what the guest
 * receives.
 */
export function sumTaps(
  taps: readonly string[],
  read: (tap: string, counter: 'rx_bytes' | 'tx_bytes') => string | undefined,
): Pick<Usage, 'networkReceivedBytes' | 'networkSentBytes'> {
  if (taps.length === 0) return {};
  const sum = (counter: 'rx_bytes' | 'tx_bytes'): number =>
    taps.reduce((total, tap) => total + Number(read(tap, counter) ?? 0), 0);
  return { networkReceivedBytes: sum('tx_bytes'), networkSentBytes: sum('rx_bytes') };
}

/** What was used, and when that was looked at. */
export interface Look {
  readonly cpuSeconds: number;
  /** By `Clock.elapsed`. */
  readonly at: number;
}

/** Share of one processor between two looks, percent; undefined when they are too close together for ticks of 10 ms. */
export function cpuPercent(before: Look | undefined, now: Look): number | undefined {
  if (!before || now.at - before.at < 100) return undefined;
  const share = (now.cpuSeconds - before.cpuSeconds) / ((now.at - before.at) / 1000);
  return Math.max(0, Math.round(share * 1000) / 10);
}
