import { PxenError } from '../../base/error.ts';
import { parseWorkload } from './parse.ts';
import type { StartedFile } from './record.ts';
import type { Volume, Workload } from './workload.ts';

/**
 * The file of a machine that gets another volume `id`: as it was started, with that volume as `wanted` says it now. What
 * else was changed there waits for the next start; when nothing was, it is `wanted` itself.
 */
export function withVolume(started: StartedFile, wanted: StartedFile, id: number): StartedFile {
  const isOfVolume = (line: string): boolean => line.trimStart().startsWith(`platform.volume.${id}.`);
  const others = started.text
    .replace(/\n$/, '')
    .split('\n')
    .filter(line => !isOfVolume(line));
  const own = wanted.text.split('\n').filter(isOfVolume);
  const merged = `${[...others, ...own].join('\n')}\n`;
  return saysTheSame(merged, wanted) ? wanted : { file: wanted.file, text: merged };
}

function saysTheSame(text: string, { file, text: other }: StartedFile): boolean {
  const [one, two] = [text, other].map(each => parseWorkload(each, file).workload);
  return one !== undefined && JSON.stringify(one) === JSON.stringify(two);
}

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
    throw refused(before, id, [`platform.volume.${id}: it was started without one; a restart brings it`]);
  if (!will)
    throw refused(before, id, [`platform.volume.${id}: its file has none any more; a restart takes it away`]);
  const problems = problemsOf(was, will);
  if (problems.length > 0) throw refused(before, id, problems);
  return { was, will };
}

function problemsOf(was: Volume, will: Volume): string[] {
  const key = (name: keyof Volume): string => `platform.volume.${was.id}.${name}`;
  const fixed = (was.type === 'iso' ? OF_THE_DRIVE : OF_THE_DEVICE).filter(name => was[name] !== will[name]);
  const problems = fixed.map(
    name => `${key(name)}: it cannot change while the machine runs; a restart changes it`,
  );
  if (was.path !== will.path) return problems;
  const expected = 'expected another path than that of the file which the machine has open';
  return [...problems, `${key('path')}: got ${JSON.stringify(will.path)}, ${expected}`];
}

function refused({ name }: Workload, id: number, details: readonly string[]): PxenError {
  return new PxenError('WORKLOAD_STATE', `${name}: volume ${id} cannot be replaced while it runs`, {
    details,
  });
}
