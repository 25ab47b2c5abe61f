import type { Boot } from './boots.ts';
import type { NodeRecord } from './record.ts';

/**
 * `booting`: on its way to its first report. `stalled`: on its way, but nothing was heard for a while. `up`: reports.
 * `silent`: missed three reports. `unknown`: host0 itself has been away and the node's next report is not due yet.
 */
export type Liveness = 'booting' | 'stalled' | 'up' | 'silent' | 'unknown';

/** Reports that may fail to come before a node counts as silent. */
const MISSED_REPORTS = 3;
/** Without any new step for so long a boot counts as stalled, milliseconds; OVMF's own pauses stay under 65 s. */
export const STALLED_AFTER = 90_000;

/** `listeningSince`: when the registry started, milliseconds. */
export function liveness(node: NodeRecord, now: number, listeningSince: number): Liveness {
  const { report } = node;
  const boot = node.boots.at(-1);
  if (!report || (boot && isNewer(boot, report))) {
    return now - progressAt(boot, node.lastSeenAt) < STALLED_AFTER ? 'booting' : 'stalled';
  }
  const patience = MISSED_REPORTS * report.interval * 1000;
  // What the last report before a restart of host0 said may not be the last word: heartbeats since then are forgotten.
  if (now - report.at <= patience && report.at >= listeningSince) return 'up';
  return now - listeningSince <= patience ? 'unknown' : 'silent';
}

function isNewer(boot: Boot, report: { at: number; bootId: string }): boolean {
  return boot.bootId !== report.bootId && boot.startedAt > report.at;
}

/** Saying the same thing again (a DISCOVER that nobody answers, a file that is refused) is no step ahead. */
export function progressAt(boot: Boot | undefined, fallback: number): number {
  const seen = new Set<string>();
  return (boot?.events ?? []).reduce((at, event) => {
    const step = `${event.stage} ${event.client ?? ''} ${event.file ?? ''}`;
    if (event.stage === 'problem' || seen.has(step)) return at;
    seen.add(step);
    return Math.max(at, event.at);
  }, boot?.startedAt ?? fallback);
}
