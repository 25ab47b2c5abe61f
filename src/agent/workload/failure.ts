import { messageOf, PxenError } from '../../base/error.ts';
import { LAUNCHERS } from '../../domain/vm/launches.ts';
import type { LogFile } from './logfile.ts';

/** What is told of output.log. */
const LAST_LINES = 20;
/** In front of an engine's own words among the details of a failure. */
const SPEAKERS = new Set(Object.values(LAUNCHERS).map(({ called }) => `${called}: `));

/** A machine that did not come up, and what its engine wrote. */
interface Failed {
  readonly name: string;
  readonly called: string;
  readonly output: LogFile;
  complaint(output: string): string | undefined;
}

/** Why a machine did not come up, with the last words of its engine. */
export function engineFailure(failed: Failed, what: string, cause?: unknown): PxenError {
  const { called, name, output } = failed;
  const words = output.tail(LAST_LINES).text.toString('utf8').trim();
  const why = failed.complaint(words);
  const lines = words === '' ? ['said nothing'] : words.split('\n');
  const details = lines.map(line => `${called}: ${line}`);
  const message = `${name}: ${what}${why === undefined ? '' : `: ${why}`}`;
  return new PxenError('WORKLOAD_FAILED', message, { details, cause });
}

/** For output.log, where the engine's own words are already: all else that the one who asked for the start was told. */
export function startFailure(thrown: unknown): string {
  const details = thrown instanceof PxenError ? thrown.details : [];
  const own = details.filter(line => ![...SPEAKERS].some(speaker => line.startsWith(speaker)));
  const code = thrown instanceof PxenError ? `${thrown.code}: ` : '';
  return [`${code}${messageOf(thrown)}`, ...own].map(line => `pxen: ${line}\n`).join('');
}
