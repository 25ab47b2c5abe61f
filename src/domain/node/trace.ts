import type { Boot } from './boots.ts';
import { furthest } from './milestones.ts';
import type { BootEvent } from './timeline.ts';

/** One line of the waterfall. Times are milliseconds; `start` counts from the first DISCOVER. */
export interface TraceRow {
  /** `firmware DHCP`, `NBP`, ... or, for the machine's own time, what it does meanwhile. */
  readonly step: string;
  /** `wire`: something went over the network. `machine`: the machine was busy with itself. `problem`: something went wrong. */
  readonly kind: 'wire' | 'machine' | 'problem';
  readonly start: number;
  readonly duration: number;
  readonly bytes?: number | undefined;
  /** Bytes a second. */
  readonly rate?: number | undefined;
  readonly retransmissions?: number | undefined;
  readonly protocol?: BootEvent['protocol'];
  /** What the event said, where there is one. */
  readonly text?: string | undefined;
}

/** A boot as a waterfall. */
export interface Trace {
  /** First DISCOVER, milliseconds since the epoch. */
  readonly startedAt: number;
  /** First DISCOVER to the agent's first report; undefined while it has not come. */
  readonly total: number | undefined;
  readonly rows: readonly TraceRow[];
  /** Events left out of the middle. */
  readonly dropped: number;
}

/** A shorter pause between two steps is not worth a line, milliseconds. */
const SHORT_PAUSE = 500;

const DHCP_NAMES = { firmware: 'firmware DHCP', ipxe: 'iPXE DHCP', os: 'init DHCP' } as const;

const SYSTEM_DHCP = 'system DHCP';

const FILE_NAMES: Readonly<Record<string, string>> = {
  nbp: 'NBP',
  script: 'script',
  kernel: 'kernel',
  initramfs: 'initramfs',
  root: 'root',
  overlay: 'overlay',
};

/** What a machine does between one step and the next. The always named ones are where a boot spends its own time. */
const PAUSES: readonly { after: string; before: string; name: string; always?: boolean }[] = [
  { after: 'initramfs', before: 'init DHCP', name: 'kernel to init', always: true },
  { after: 'initramfs', before: 'root', name: 'kernel to init', always: true },
  { after: 'overlay', before: 'agent', name: 'OpenRC to agent', always: true },
  { after: 'overlay', before: 'system DHCP', name: 'OpenRC', always: true },
  { after: 'system DHCP', before: 'agent', name: 'OpenRC to agent', always: true },
  { after: 'firmware DHCP', before: 'NBP', name: 'firmware' },
  { after: 'NBP', before: 'iPXE DHCP', name: 'iPXE starts' },
  { after: 'iPXE DHCP', before: 'script', name: 'iPXE configures' },
];

/** The events of a boot as steps with a beginning and an end, and the machine's own time between them. */
export function traceOf(boot: Boot): Trace {
  const steps = stepsOf(boot);
  const reached = furthest(boot);
  const total = reached?.step === 'agent' ? reached.at - boot.startedAt : undefined;
  return { startedAt: boot.startedAt, total, rows: withPauses(steps), dropped: boot.dropped };
}

function stepsOf(boot: Boot): TraceRow[] {
  const rows: TraceRow[] = [];
  for (const event of boot.events) {
    // What comes after the agent's first report (a renewed lease, a second DISCOVER) is no part of the boot.
    if (rows.at(-1)?.step === 'agent') break;
    const row = rowOf(event, boot.startedAt);
    const before = rows.at(-1);
    if (!row) continue;
    if (before && isOneExchange(before, row)) rows[rows.length - 1] = joined(before, row);
    else rows.push(rows.some(({ step }) => step === 'overlay') ? ofSystem(row) : row);
  }
  return rows;
}

/** The event alone as a row; undefined for `init`, which is the beginning of the root image's row. */
function rowOf(event: BootEvent, startedAt: number): TraceRow | undefined {
  const { at, bytes, protocol, retransmissions, stage, text } = event;
  const end = at - startedAt;
  if (stage === 'init') return undefined;
  if (stage === 'problem') return { step: 'problem', kind: 'problem', start: end, duration: 0, text };
  if (stage === 'agent') return { step: 'agent', kind: 'wire', start: end, duration: 0, text };
  if (stage === 'discover' || stage === 'offer' || stage === 'ack') {
    const step = DHCP_NAMES[event.client ?? (event.idFrom === 'dhcp' ? 'ipxe' : 'os')];
    return { step, kind: 'wire', start: end, duration: 0, protocol: 'dhcp', text };
  }
  const duration = Math.min(event.milliseconds ?? 0, end);
  const rate = bytes === undefined || duration === 0 ? undefined : Math.round((bytes * 1000) / duration);
  const step = FILE_NAMES[stage] ?? stage;
  return {
    step,
    kind: 'wire',
    start: end - duration,
    duration,
    bytes,
    rate,
    retransmissions,
    protocol,
    text,
  };
}

/** Once the overlay is there, it is the services of the system that want an address. */
function ofSystem(row: TraceRow): TraceRow {
  return row.step === DHCP_NAMES.os ? { ...row, step: SYSTEM_DHCP } : row;
}

/** DISCOVER, OFFER and ACK of one client; the scripts that lead iPXE from one to the next. */
function isOneExchange(before: TraceRow, row: TraceRow): boolean {
  if (before.step === SYSTEM_DHCP) return row.step === DHCP_NAMES.os;
  return before.step === row.step && (row.protocol === 'dhcp' || row.step === 'script');
}

function joined(before: TraceRow, row: TraceRow): TraceRow {
  const bytes = row.bytes === undefined ? before.bytes : (before.bytes ?? 0) + row.bytes;
  const duration = row.start + row.duration - before.start;
  return { ...before, duration, bytes, rate: undefined, text: row.text };
}

function withPauses(steps: readonly TraceRow[]): TraceRow[] {
  return steps.flatMap((row, index) => {
    const before = steps.slice(0, index).findLast(each => each.kind === 'wire');
    const pause = before && row.kind === 'wire' ? pauseBetween(before, row) : undefined;
    return pause ? [pause, row] : [row];
  });
}

function pauseBetween(before: TraceRow, row: TraceRow): TraceRow | undefined {
  const start = before.start + before.duration;
  const duration = row.start - start;
  const known = PAUSES.find(pause => pause.after === before.step && pause.before === row.step);
  if (duration < (known?.always ? 1 : SHORT_PAUSE)) return undefined;
  return { step: known?.name ?? 'machine', kind: 'machine', start, duration };
}
