import type { Usage } from '../../workload/status.ts';
import { type DomainLife, domainLife } from './states.ts';
import { NAMESPACE, virsh } from './virsh.ts';

/** A domain as libvirt has it. */
export interface DomainSight {
  /** Of RFC 4122. */
  readonly uuid: string;
  readonly life: DomainLife;
  readonly usage: Omit<Usage, 'cpuPercent'> | undefined;
  /** Bytes that its balloon leaves the guest. */
  readonly guestMemory?: number | undefined;
  /** Of one that pxen defined: the uuid of the workload, and what was kept with it. */
  readonly mark?: DomainMark | undefined;
}

export interface DomainMark {
  readonly workload: string;
  /** Absent: it was defined from an export, by hand. */
  readonly run?: string | undefined;
}

/** A Linux argument takes 128 KiB (MAX_ARG_STRLEN), and each domain needs 150 bytes. */
export const MOST_LOOKS = 500;

const HEAD = '@pxen';

/** One run of virsh that tells all of these domains; one that is gone meanwhile spoils nothing. */
export function lookCommand(uuids: readonly string[]): string[] {
  const looks = uuids.map(
    uuid => `echo ${HEAD} ${uuid}; domstats --raw ${uuid}; metadata ${uuid} ${NAMESPACE}`,
  );
  // virsh ends with the status of its last command.
  return virsh([...looks, `echo ${HEAD}`].join('; '));
}

/** What that printed. Domains that were gone are left out. */
export function parseLook(text: string): DomainSight[] {
  return text.split(new RegExp(`^${HEAD} `, 'm')).flatMap(section => {
    const uuid = /^[0-9a-f-]{36}$/.exec(section.split('\n')[0] ?? '')?.[0];
    const stats = statsIn(section);
    const state = stats.get('state.state');
    if (uuid === undefined || state === undefined) return [];
    const life = domainLife(state, stats.get('state.reason') ?? 0);
    const kib = stats.get('balloon.current');
    const guestMemory = kib === undefined ? undefined : kib * 1024;
    return [{ uuid, life, usage: usageOf(stats), guestMemory, mark: markIn(section) }];
  });
}

/** The lines `  key=number`. */
function statsIn(section: string): Map<string, number> {
  const stats = new Map<string, number>();
  for (const [, key = '', value] of section.matchAll(/^ {2}([a-z0-9.-]+)=(\d{1,18})$/gm))
    stats.set(key, Number(value));
  return stats;
}

/** libvirt counts what a guest sends and gets from the guest's side, as Usage does. Memory is in KiB there. */
function usageOf(stats: ReadonlyMap<string, number>): DomainSight['usage'] {
  const nanoseconds = stats.get('cpu.time');
  if (nanoseconds === undefined) return undefined;
  return {
    cpuSeconds: nanoseconds / 1e9,
    memoryBytes: (stats.get('balloon.rss') ?? 0) * 1024,
    diskReadBytes: sumOf(stats, 'block', 'rd.bytes'),
    diskWrittenBytes: sumOf(stats, 'block', 'wr.bytes'),
    networkReceivedBytes: sumOf(stats, 'net', 'rx.bytes'),
    networkSentBytes: sumOf(stats, 'net', 'tx.bytes'),
  };
}

/** Undefined when there is none of them. */
function sumOf(stats: ReadonlyMap<string, number>, group: string, what: string): number | undefined {
  const name = new RegExp(`^${group}\\.\\d+\\.${what.replace('.', '\\.')}$`);
  const all = [...stats].filter(([key]) => name.test(key)).map(([, value]) => value);
  return all.length === 0 ? undefined : all.reduce((sum, value) => sum + value, 0);
}

/** libvirt writes the element anew, with quotes and prefixes as it likes them. */
function markIn(section: string): DomainMark | undefined {
  const workload = /<(?:[\w.-]+:)?workload\b[^<>]*?\buuid=["']([A-Za-z0-9._-]{1,64})["']/.exec(section)?.[1];
  if (workload === undefined) return undefined;
  const run = /<(?:[\w.-]+:)?run>([^<>&]*)<\//.exec(section)?.[1];
  return { workload, run: run === undefined ? undefined : unwrapped(run) };
}

/** Keeps a text in an element as it is: no blank, quote or bracket is left in it. */
export function wrapped(text: string): string {
  return encodeURIComponent(text);
}

function unwrapped(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
