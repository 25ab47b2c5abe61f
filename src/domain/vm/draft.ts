import { type Diagnostic, quote } from '../../base/diagnostic.ts';
import type { Sha256 } from '../machine/genid.ts';
import { type ParsedWorkload, parseWorkload } from '../workload/parse.ts';
import type { Note } from './exchange.ts';

/** A key of a workload file to be, and where in the foreign configuration its value stands. */
export interface DraftSetting {
  readonly key: string;
  readonly value: string;
  readonly from: string;
}

/** What is wrong with a foreign configuration by itself. */
export type DraftProblem = Omit<Diagnostic, 'file' | 'line'>;

/** A foreign configuration in the words of a workload file. */
export interface Draft {
  readonly settings: readonly DraftSetting[];
  readonly problems: readonly DraftProblem[];
  readonly notes: readonly Note[];
  /** Where a key would stand that is missing, by key. */
  readonly homes: Readonly<Record<string, string>>;
}

/** What a foreign configuration does not say, and an import needs. */
export interface ImportOptions {
  readonly name?: string | undefined;
  readonly uuid?: string | undefined;
  /** For its NICs. */
  readonly bridge: string;
  readonly sha256: Sha256;
  readonly sha1: (bytes: Uint8Array) => Uint8Array;
  /** A name where nobody says one. */
  readonly fallbackName: string;
}

/** What is assumed where neither the command nor the foreign configuration says it. */
export function identityNotes(
  { fallbackName, name, uuid }: ImportOptions,
  saysName: boolean,
  saysUuid: boolean,
): Note[] {
  return [
    ...(name === undefined && !saysName
      ? [{ key: 'name', text: `${fallbackName} is assumed; --name names another one` }]
      : []),
    ...(uuid === undefined && !saysUuid
      ? [{ key: 'uuid', text: 'it is made of the name; --uuid names another one' }]
      : []),
  ];
}

export interface Imported {
  readonly workload: ParsedWorkload['workload'];
  readonly problems: readonly Diagnostic[];
  /** On the workload; none where there is none: they may quote what was found to be no text of one line. */
  readonly notes: readonly Note[];
}

/**
 * The workload of a draft. Its keys are judged by the rules of every workload file, so that a limit stands once; what
 * they complain of is told at its place in the foreign configuration.
 */
export function finishDraft(draft: Draft, file: string): Imported {
  // Of a text that is none of its format nothing more can be said.
  if (draft.settings.length === 0 && draft.problems.length > 0)
    return {
      workload: undefined,
      problems: draft.problems.map(problem => ({ file, ...problem })),
      notes: [],
    };
  const odd = draft.settings.flatMap(oddText);
  const settings = draft.settings.filter(setting => oddText(setting).length === 0);
  const parsed = parseWorkload(settings.map(({ key, value }) => `${key}=${value}\n`).join(''), file);
  const own = [...draft.problems, ...odd].map(problem => ({ file, ...problem }));
  const judged = parsed.problems.map(({ expected, got, key, line }) => ({
    file,
    key: line === undefined ? (draft.homes[key] ?? key) : (settings[line - 1]?.from ?? key),
    ...(got === undefined ? {} : { got }),
    // A line of the draft means nothing to anybody.
    expected: expected.replace(/\S+ \(line (\d+)\)/, (text, number) => settings[number - 1]?.from ?? text),
  }));
  // What could not be read is missing afterwards: one word on it is enough.
  const told = new Set(own.map(({ key }) => key));
  const problems = [...own, ...judged.filter(({ key }) => !told.has(key))];
  if (problems.length > 0) return { workload: undefined, problems, notes: [] };
  return { workload: parsed.workload, problems, notes: draft.notes };
}

/** A key or value that would not stand in its line as it is. */
function oddText({ from, key, value }: DraftSetting): DraftProblem[] {
  if (/[=\p{Cc}]/u.test(key) || key.trim() !== key)
    return [{ key: from, got: quote(key), expected: 'a name without = and control characters' }];
  if (/\p{Cc}/u.test(value)) return [{ key: from, got: quote(value), expected: 'no control characters' }];
  if (value.trim() !== value) return [{ key: from, got: quote(value), expected: 'no blanks at its ends' }];
  return [];
}
