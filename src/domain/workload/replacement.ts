import { PxenError } from '../../base/error.ts';
import { parseWorkload } from './parse.ts';
import type { StartedFile } from './record.ts';
import type { Nic, Volume, Workload } from './workload.ts';

/** What is replaced in a machine that runs on, by the number in its keys. */
export type Part = { readonly volume: number } | { readonly nic: number };

/** Of a request that names one of the two; undefined when it names none, or both. */
export function partOf({ nic, volume }: PartNumbers): Part | undefined {
  if (volume !== undefined) return nic === undefined ? { volume } : undefined;
  return nic === undefined ? undefined : { nic };
}

export interface PartNumbers {
  readonly volume?: number | undefined;
  readonly nic?: number | undefined;
}

function prefixOf(part: Part): string {
  return 'volume' in part ? `platform.volume.${part.volume}.` : `network.${part.nic}.`;
}

/**
 * The file of a machine of which one part is replaced: as it was started, with that part as `wanted` says it now. What
 * else was changed there waits for the next start; when nothing was, it is `wanted` itself.
 */
export function withPart(started: StartedFile, wanted: StartedFile, part: Part): StartedFile {
  const isOfPart = (line: string): boolean => line.trimStart().startsWith(prefixOf(part));
  const others = started.text
    .replace(/\n$/, '')
    .split('\n')
    .filter(line => !isOfPart(line));
  const own = wanted.text.split('\n').filter(isOfPart);
  const merged = `${[...others, ...own].join('\n')}\n`;
  return saysTheSame(merged, wanted) ? wanted : { file: wanted.file, text: merged };
}

function saysTheSame(text: string, { file, text: other }: StartedFile): boolean {
  const [one, two] = [text, other].map(each => parseWorkload(each, file).workload);
  return one !== undefined && JSON.stringify(one) === JSON.stringify(two);
}

const STAYS = 'it cannot change while the machine runs; a restart changes it';

/** What the device was made with: it stays while the machine runs. */
const OF_THE_DEVICE = ['type', 'interface', 'alias'] as const satisfies readonly (keyof Volume)[];
/** All else that the drive of a disc was made with, too: another medium in it changes none of it. */
const OF_THE_DRIVE = [
  ...OF_THE_DEVICE,
  'cache',
  'direct',
  'iops',
  'serial',
] as const satisfies readonly (keyof Volume)[];

/** A volume of a running machine, and what it shall be. */
export interface Replacement {
  readonly was: Volume;
  readonly will: Volume;
}

/** Throws WORKLOAD_STATE with every reason why the volume cannot become what `after` says while the machine runs. */
export function replacementOf(before: Workload, after: Workload, id: number): Replacement {
  const was = before.volumes.find(volume => volume.id === id);
  const will = after.volumes.find(volume => volume.id === id);
  if (!was)
    throw refused(before, `volume ${id}`, [
      `platform.volume.${id}: it was started without one; a restart brings it`,
    ]);
  if (!will)
    throw refused(before, `volume ${id}`, [
      `platform.volume.${id}: its file has none any more; a restart takes it away`,
    ]);
  const problems = problemsOf(was, will);
  if (problems.length > 0) throw refused(before, `volume ${id}`, problems);
  return { was, will };
}

function problemsOf(was: Volume, will: Volume): string[] {
  const key = (name: keyof Volume): string => `platform.volume.${was.id}.${name}`;
  const fixed = (was.type === 'iso' ? OF_THE_DRIVE : OF_THE_DEVICE).filter(name => was[name] !== will[name]);
  const problems = fixed.map(name => `${key(name)}: ${STAYS}`);
  if (was.path !== will.path) return problems;
  const expected = 'expected another path than that of the file which the machine has open';
  return [...problems, `${key('path')}: got ${JSON.stringify(will.path)}, ${expected}`];
}

/** What the card was made with, and its interface: another bridge or quality of service changes none of it. */
const OF_THE_CARD = [
  'type',
  'mac',
  'driver',
  'tap',
  'iothread',
  'filter',
  'alias',
] as const satisfies readonly (keyof Nic)[];

/** Throws WORKLOAD_STATE with every reason why the NIC cannot become what `after` says while the machine runs. */
export function rewired(
  before: Workload,
  after: Workload,
  id: number,
): { readonly was: Nic; readonly will: Nic } {
  const [was, will] = [before, after].map(({ nics }) => nics.find(nic => nic.id === id));
  if (!was || !will)
    throw refused(before, `NIC ${id}`, [
      `network.${id}: ${was ? 'its file has none any more' : 'it was started without one'}; a restart takes over what its file says`,
    ]);
  const key = (name: keyof Nic): string => `network.${id}.${name === 'tap' ? 'queue-tap' : name}`;
  const fixed = OF_THE_CARD.filter(name => was[name] !== will[name]);
  const problems = fixed.map(name => `${key(name)}: ${STAYS}`);
  const isSame = was.bridge === will.bridge && JSON.stringify(was.qos) === JSON.stringify(will.qos);
  if (isSame && problems.length === 0)
    problems.push(`network.${id}: it is on the bridge that its file names already`);
  if (problems.length > 0) throw refused(before, `NIC ${id}`, problems);
  return { was, will };
}

function refused({ name }: Workload, part: string, details: readonly string[]): PxenError {
  return new PxenError('WORKLOAD_STATE', `${name}: ${part} cannot be replaced while it runs`, { details });
}
