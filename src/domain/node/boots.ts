import { BOOT_STAGES, type BootEvent } from './timeline.ts';

/** One boot of a machine: the events from the firmware's first DISCOVER to the next boot's. */
export interface Boot {
  readonly startedAt: number;
  /** Of the kernel that came up, once the agent has told it. */
  readonly bootId?: string | undefined;
  /** In the order of arrival; at most MAX_EVENTS. */
  readonly events: readonly BootEvent[];
  /** Events left out of the middle of a boot that had too many. */
  readonly dropped: number;
}

export const MAX_BOOTS = 5;
export const MAX_EVENTS = 200;
/** Characters of an event's text; it may quote what a machine sent. */
const MAX_TEXT = 300;

/** The boots with one event more: in the current boot, or in a new one when the event begins it. */
export function addEvent(boots: readonly Boot[], event: BootEvent): Boot[] {
  const current = boots.at(-1);
  const kept = { ...event, text: event.text.slice(0, MAX_TEXT), file: event.file?.slice(0, MAX_TEXT) };
  if (current && repeats(current.events.at(-1), kept)) return [...boots];
  if (!current || startsBoot(current, event)) return addBoot(boots, newBoot(event.at, [kept]));
  return [...boots.slice(0, -1), appended(current, kept)];
}

/** Ties the current boot to the kernel's boot_id; a boot that host0 did not see the start of gets an entry of its own. */
export function addBootId(boots: readonly Boot[], bootId: string, now: number): Boot[] {
  const current = boots.at(-1);
  if (current?.bootId === bootId) return [...boots];
  if (!current || current.bootId !== undefined) return addBoot(boots, { ...newBoot(now, []), bootId });
  return [...boots.slice(0, -1), { ...current, bootId }];
}

function newBoot(startedAt: number, events: readonly BootEvent[]): Boot {
  return { startedAt, events, dropped: 0 };
}

/** No two boots of a node have one start: stores key them by it. */
function addBoot(boots: readonly Boot[], boot: Boot): Boot[] {
  const earliest = (boots.at(-1)?.startedAt ?? -1) + 1;
  return [...boots, { ...boot, startedAt: Math.max(boot.startedAt, earliest) }].slice(-MAX_BOOTS);
}

/**
 * A machine says DISCOVER several times in one boot: the firmware (again and again when nobody answers), iPXE, the init.
 * The firmware's begins a boot once the one before got past the offer; iPXE's (it may itself be the firmware, in the ROM
 * of a card) once the one before got to its script. The init's, which carries no option 97, never does.
 */
function startsBoot(current: Boot, event: BootEvent): boolean {
  if (event.stage !== 'discover') return false;
  const client = event.client ?? (event.idFrom === 'dhcp' ? 'ipxe' : 'os');
  if (client === 'os') return false;
  return reached(current, client === 'firmware' ? 'ack' : 'script');
}

function reached(boot: Boot, stage: (typeof BOOT_STAGES)[number]): boolean {
  const wanted: ReadonlySet<string> = new Set(BOOT_STAGES.slice(BOOT_STAGES.indexOf(stage)));
  return boot.bootId !== undefined || boot.events.some(event => wanted.has(event.stage));
}

/** A machine that is refused or has to wait asks again every few seconds; once is enough. */
function repeats(last: BootEvent | undefined, event: BootEvent): boolean {
  return (
    event.fault !== undefined &&
    last?.fault === event.fault &&
    last.stage === event.stage &&
    last.step === event.step &&
    last.text === event.text
  );
}

/** The start of a boot tells most, then its end: a full one loses events from the middle. */
function appended(boot: Boot, event: BootEvent): Boot {
  const events = [...boot.events, event];
  if (events.length <= MAX_EVENTS) return { ...boot, events };
  return { ...boot, events: events.toSpliced(MAX_EVENTS / 2, 1), dropped: boot.dropped + 1 };
}
