import type { KeyPattern } from './keys.ts';
import type { Fault } from './problem.ts';
import { faultAt, type Settings } from './settings.ts';
import type { Topology } from './workload.ts';

const LEVELS = ['sockets', 'cores', 'threads'] as const;
type Level = (typeof LEVELS)[number];

function keyOfLevel(level: Level): KeyPattern {
  return `platform.cpu.topology.${level}`;
}

export function hasTopology(settings: Settings): boolean {
  return LEVELS.some(level => settings.at(keyOfLevel(level)) !== undefined);
}

/** Levels that are not given count as 1 (FW-5). Undefined when none is given, or one has no good value. */
export function topologyOf(settings: Settings): Topology | undefined {
  if (!hasTopology(settings)) return undefined;
  const levels = LEVELS.map(level => {
    const setting = settings.at(keyOfLevel(level));
    return setting ? settings.value(`platform.cpu.topology.${level}`) : 1;
  });
  const [sockets, cores, threads] = levels;
  if (sockets === undefined || cores === undefined || threads === undefined) return undefined;
  return { sockets, cores, threads };
}

/** vCPUs in all. */
export function product({ cores, sockets, threads }: Topology): number {
  return sockets * cores * threads;
}

const MOST_THREADS = 4096;

/** `platform.cpu.threads` is the number of all vCPUs, and a topology says it again. */
export function topologyFits(settings: Settings): Fault[] {
  const topology = topologyOf(settings);
  if (!topology) return [];
  const sum = product(topology);
  const { cores, sockets, threads } = topology;
  const how = `platform.cpu.topology is ${sockets} x ${cores} x ${threads}`;
  const given = settings.at('platform.cpu.threads');
  if (typeof given?.value === 'number' && given.value !== sum)
    return [faultAt(given, 'CONFLICT', `${sum} vCPUs in all, because ${how}`)];
  const [last] = LEVELS.flatMap(level => settings.at(keyOfLevel(level)) ?? []).toReversed();
  if (given || sum <= MOST_THREADS || !last) return [];
  return [faultAt(last, 'BAD_VALUE', `at most ${MOST_THREADS} vCPUs in all; ${how}`)];
}
