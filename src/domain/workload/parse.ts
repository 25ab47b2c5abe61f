import { splitLines } from './lines.ts';
import { byLine, type Fault, problemIn, type WorkloadProblem } from './problem.ts';
import { brokenRules } from './rules.ts';
import { readSettings, type Settings } from './settings.ts';
import type { Console, Nic, Volume, Workload } from './workload.ts';

/** What a workload file comes to. */
export interface ParsedWorkload {
  readonly file: string;
  /** Only of a file without problems. */
  readonly workload: Workload | undefined;
  /** By line, then those that belong to no line. */
  readonly problems: readonly WorkloadProblem[];
  /** On which line each known key stands, 1-based. */
  readonly lines: ReadonlyMap<string, number>;
  /** The value of each known key as it is written. */
  readonly texts: ReadonlyMap<string, string>;
}

/** Judges a workload file by all rules that need no node (MH-2 to MH-29). `file` is the name that problems carry. Never throws. */
export function parseWorkload(text: string, file: string): ParsedWorkload {
  const { lines, faults: lineFaults } = splitLines(text);
  const { settings, faults: valueFaults } = readSettings(lines);
  const ruleFaults = isCutShort(lineFaults) ? [] : brokenRules(settings);
  const faults = [...lineFaults, ...valueFaults, ...ruleFaults].sort(byLine);
  return {
    file,
    workload: faults.length === 0 ? workloadOf(settings) : undefined,
    problems: faults.map(fault => problemIn(file, fault)),
    lines: new Map(settings.all.map(({ key, line }) => [key, line])),
    texts: new Map(settings.all.map(({ key, text }) => [key, text])),
  };
}

/** A file that is too large is not read, so nothing can be said of its keys. */
function isCutShort(faults: readonly Fault[]): boolean {
  return faults.some(({ line }) => line === undefined);
}

/** Called when every rule is kept. */
function workloadOf(settings: Settings): Workload {
  return {
    name: settings.sure('name'),
    uuid: settings.sure('uuid'),
    engine: settings.sure('platform.engine'),
    memory: { bytes: settings.sure('platform.memory.size') },
    cpu: { threads: settings.sure('platform.cpu.threads'), mode: settings.sure('platform.cpu.mode') },
    volumes: settings.ids('platform.volume').map(id => volumeOf(settings, id)),
    nics: settings.ids('network').map(id => nicOf(settings, id)),
    boot: settings.value('runtime.boot'),
    console: consoleOf(settings),
    autostart: settings.sure('runtime.autostart'),
    placement: { node: settings.value('placement.node') },
  };
}

function volumeOf(settings: Settings, id: number): Volume {
  return {
    id,
    type: settings.sure('platform.volume.<id>.type', id),
    path: settings.sure('platform.volume.<id>.path', id),
    source: settings.value('platform.volume.<id>.source', id),
    sha256: settings.value('platform.volume.<id>.sha256', id),
    writable: settings.sure('platform.volume.<id>.writable', id),
    ephemeral: settings.sure('platform.volume.<id>.ephemeral', id),
  };
}

function nicOf(settings: Settings, id: number): Nic {
  return {
    id,
    type: settings.sure('network.<id>.type', id),
    bridge: settings.value('network.<id>.bridge', id),
    mac: settings.value('network.<id>.mac', id),
  };
}

function consoleOf(settings: Settings): Console {
  const type = settings.sure('runtime.console.type');
  if (type === 'vnc') return { type, id: settings.sure('runtime.console.id') };
  return type === 'serial-tcp' ? { type, id: settings.value('runtime.console.id') } : { type };
}
