import { type Diagnostic, nearest, quote } from '../../base/diagnostic.ts';
import {
  ACTION_FIELDS,
  type ActionLetter,
  type FieldName,
  type ManifestAction,
  type Origin,
} from './action.ts';
import { MODE_FORM, parseMode, pathFault } from './fields.ts';
import { splitWords } from './words.ts';

export interface ParsedManifest {
  /** The lines without a problem, in order. */
  readonly actions: readonly ManifestAction[];
  /** Every problem of the file; with one or more of them the actions must not be used. */
  readonly problems: readonly Diagnostic[];
}

/** A manifest (checklist MH-55 to MH-59): one action a line, `#` comments. `file` is the name that problems carry. */
export function parseManifest(text: string, file: string): ParsedManifest {
  const lines = text.split(/\r?\n/).map((line, index) => parseLine(line, { file, line: index + 1 }));
  return {
    actions: lines.flatMap(line => line.action ?? []),
    problems: lines.flatMap(line => line.problems),
  };
}

interface ParsedLine {
  readonly action?: ManifestAction;
  readonly problems: readonly Diagnostic[];
}

type Fields = Partial<Record<FieldName, string>>;

function parseLine(line: string, origin: Origin): ParsedLine {
  const split = splitWords(line);
  if (split.kind === 'fault') {
    return { problems: [{ ...origin, key: 'line', got: split.got, expected: split.expected }] };
  }
  const [letter, ...words] = split.words;
  if (letter === undefined) return { problems: [] };
  if (!isActionLetter(letter)) return { problems: [unknownAction(letter, origin)] };
  const { fields, problems } = parseFields(letter, words, origin);
  return problems.length > 0 ? { problems } : buildAction(letter, fields, origin);
}

function isActionLetter(word: string): word is ActionLetter {
  return Object.hasOwn(ACTION_FIELDS, word);
}

const ACTION_NAMES: Readonly<Record<string, ActionLetter>> = {
  overwrite: 'O',
  append: 'A',
  link: 'L',
  directory: 'D',
  remove: 'R',
};

function unknownAction(word: string, origin: Origin): Diagnostic {
  const upper = word.toUpperCase();
  const near = isActionLetter(upper)
    ? upper
    : ACTION_NAMES[nearest(word.toLowerCase(), Object.keys(ACTION_NAMES)) ?? ''];
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return {
    ...origin,
    key: 'action',
    got: quote(word),
    expected: `one of ${Object.keys(ACTION_FIELDS).join(', ')}${hint}`,
  };
}

function parseFields(
  letter: ActionLetter,
  words: readonly string[],
  origin: Origin,
): { fields: Fields; problems: Diagnostic[] } {
  const fields: Fields = {};
  const problems: Diagnostic[] = [];
  for (const word of words) {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    if (!isFieldOf(letter, name)) problems.push(unknownField(letter, name, origin));
    else if (equals < 0) problems.push({ ...origin, key: name, got: 'no value', expected: `${name}=value` });
    else if (fields[name] !== undefined) problems.push(doubleField(name, word.slice(equals + 1), origin));
    else fields[name] = word.slice(equals + 1);
  }
  const named = new Set([...Object.keys(fields), ...problems.map(problem => problem.key)]);
  const missing = ACTION_FIELDS[letter].filter(name => !named.has(name));
  problems.push(
    ...missing.map(name => ({ ...origin, key: name, expected: `${name}=value in ${letter} lines` })),
  );
  problems.push(...valueProblems(fields, origin));
  return { fields, problems };
}

function isFieldOf(letter: ActionLetter, name: string): name is FieldName {
  return (ACTION_FIELDS[letter] as readonly string[]).includes(name);
}

function unknownField(letter: ActionLetter, name: string, origin: Origin): Diagnostic {
  const known = ACTION_FIELDS[letter];
  const near = nearest(name.toUpperCase(), known);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return {
    ...origin,
    key: 'field',
    got: quote(name),
    expected: `${known.join(', ')} in ${letter} lines${hint}`,
  };
}

function doubleField(name: FieldName, value: string, origin: Origin): Diagnostic {
  return { ...origin, key: name, got: `a second value ${quote(value)}`, expected: `${name} once` };
}

function valueProblems(fields: Fields, origin: Origin): Diagnostic[] {
  const problems: Diagnostic[] = [];
  if (fields.MODE !== undefined && parseMode(fields.MODE) === undefined) {
    problems.push({ ...origin, key: 'MODE', got: quote(fields.MODE), expected: MODE_FORM });
  }
  for (const key of ['SRC', 'TGT'] as const) {
    const path = fields[key];
    const expected = path === undefined ? undefined : pathFault(path);
    if (path !== undefined && expected !== undefined)
      problems.push({ ...origin, key, got: quote(path), expected });
  }
  return problems;
}

/** Called with every field of the action present and well. */
function buildAction(letter: ActionLetter, fields: Fields, origin: Origin): ParsedLine {
  const { SRC: source = '', TGT: target = '' } = fields;
  const mode = parseMode(fields.MODE ?? '') ?? { user: 'root', group: 'root', permissions: 0 };
  switch (letter) {
    case 'O':
    case 'A':
      return { action: { action: letter, mode, source, target, origin }, problems: [] };
    case 'L':
      return { action: { action: letter, source, target, origin }, problems: [] };
    case 'D':
      return { action: { action: letter, mode, target, origin }, problems: [] };
    case 'R':
      return { action: { action: letter, target, origin }, problems: [] };
  }
}
