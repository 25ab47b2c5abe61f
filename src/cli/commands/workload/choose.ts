import { PATHS } from '../../../api/paths.ts';
import { type WorkloadView, workloadListSchema } from '../../../api/workloads.ts';
import { nearest } from '../../../base/diagnostic.ts';
import { PxenError } from '../../../base/error.ts';
import { type Context, control, unwrap } from '../../context.ts';

/** The word that stands for every workload. */
export const ALL = 'ALL';

export interface Choice {
  /** In the order in which they were named; each once. */
  readonly workloads: readonly WorkloadView[];
  /** Those of them that were named by name or uuid, not by a pattern or ALL. */
  readonly named: ReadonlySet<WorkloadView>;
}

export async function listWorkloads(context: Context): Promise<WorkloadView[]> {
  return unwrap(await control(context).get(PATHS.workloads), workloadListSchema).workloads;
}

/** What the words of -w mean: names, uuids, patterns with * and ?, ALL, several separated by commas. Throws for all that fit nothing. */
export function choose(known: readonly WorkloadView[], given: readonly string[]): Choice {
  const words = given.flatMap(text => split(known, text));
  if (words.length === 0) throw nothingNamed();
  const workloads = new Set<WorkloadView>();
  const named = new Set<WorkloadView>();
  const problems = new Set<string>();
  for (const word of words) {
    const exact = exactly(known, word);
    const found = exact.length > 0 ? exact : known.filter(view => fits(word, view.name));
    if (found.length === 0) problems.add(unknown(known, word));
    for (const view of found) workloads.add(view);
    for (const view of exact) named.add(view);
  }
  if (problems.size > 0) throw notFound([...problems]);
  return { workloads: [...workloads], named };
}

/** A name goes before a uuid: a node may say that it has a workload whose uuid is the name of another one. */
function exactly(known: readonly WorkloadView[], word: string): WorkloadView[] {
  const named = known.filter(({ name }) => name === word);
  return named.length > 0 ? named : known.filter(({ uuid }) => uuid === word);
}

/** For commands that show one workload. Of several with one name, pxend takes the one that is there. */
export function chooseOne(known: readonly WorkloadView[], words: readonly string[]): WorkloadView {
  const { workloads } = choose(known, words);
  const names = [...new Set(workloads.map(({ name }) => name))];
  const one = workloads.find(({ status }) => status !== undefined) ?? workloads[0];
  if (one && names.length === 1) return one;
  throw new PxenError('USAGE', 'this command takes one workload', {
    details: [`these fit: ${names.join(', ')}`],
  });
}

/** A name may have a comma in it. */
function split(known: readonly WorkloadView[], given: string): string[] {
  if (known.some(view => view.name === given)) return [given];
  return given
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '');
}

function fits(word: string, name: string): boolean {
  if (word === ALL) return true;
  if (!isPattern(word)) return false;
  const source = word
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su').test(name);
}

function isPattern(word: string): boolean {
  return /[*?]/.test(word);
}

function unknown(known: readonly WorkloadView[], word: string): string {
  if (known.length === 0) return 'there is no workload yet: put NAME.conf into /var/pxen/monoliths';
  if (isPattern(word)) return `no workload fits ${word}; mesh workload list shows all`;
  const near = nearest(
    word,
    known.map(view => view.name),
  );
  return `no workload ${word}${near === undefined ? '; mesh workload list shows all' : `; did you mean ${near}?`}`;
}

function notFound(problems: readonly string[]): PxenError {
  const [only = '', ...others] = problems;
  if (others.length === 0) return new PxenError('NOT_FOUND', only);
  return new PxenError('NOT_FOUND', `${problems.length} of the names fit no workload`, { details: problems });
}

function nothingNamed(): PxenError {
  return new PxenError('USAGE', 'no workload is named', {
    details: ['name one: -w NAME; several: -w NAME1,NAME2 or -w "web-*"; or all: -w ALL'],
  });
}
