import { buildWorkload } from './build.ts';
import { splitLines } from './lines.ts';
import { byLine, type Fault, problemIn, type WorkloadProblem } from './problem.ts';
import { brokenRules } from './rules.ts';
import { readSettings } from './settings.ts';
import { beyondEngine } from './support.ts';
import type { Engine, Workload } from './workload.ts';

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

/**
 * Judges a workload file by all rules that need no node (MH-2 to MH-29, section 5). `file` is the name that problems
 * carry. What it may ask for is what its `platform.engine` can do, unless another engine is named, or `any`. Never throws.
 */
export function parseWorkload(text: string, file: string, engine?: Engine | 'any'): ParsedWorkload {
  const { lines, faults: lineFaults } = splitLines(text);
  const { settings, faults: valueFaults } = readSettings(lines);
  const judging = engine ?? settings.value('platform.engine') ?? 'any';
  const ruleFaults = isCutShort(lineFaults)
    ? []
    : [...brokenRules(settings), ...(judging === 'any' ? [] : beyondEngine(settings, judging))];
  const faults = [...lineFaults, ...valueFaults, ...ruleFaults].sort(byLine);
  return {
    file,
    workload: faults.length === 0 ? runBy(judging, buildWorkload(settings)) : undefined,
    problems: faults.map(fault => problemIn(file, fault)),
    lines: new Map(settings.all.map(({ key, line }) => [key, line])),
    texts: new Map(settings.all.map(({ key, text }) => [key, text])),
  };
}

/** A file that is too large is not read, so nothing can be said of its keys. */
function isCutShort(faults: readonly Fault[]): boolean {
  return faults.some(({ line }) => line === undefined);
}

function runBy(engine: Engine | 'any', workload: Workload): Workload {
  return engine === 'any' ? workload : { ...workload, engine };
}
