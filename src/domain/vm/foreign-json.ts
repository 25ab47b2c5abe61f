import { nearest, quote } from '../../base/diagnostic.ts';
import { messageOf } from '../../base/error.ts';
import { shownKey } from '../workload/locate.ts';
import type { DraftProblem } from './draft.ts';

/** Longest foreign configuration that is read, characters. */
export const MAX_FOREIGN = 256 * 1024;

/** A value of a JSON file, its place in it (`drive[0].iops`), and a list for what is wrong with it. */
export class JsonPlace {
  readonly value: unknown;
  readonly path: string;
  readonly #problems: DraftProblem[];

  constructor(value: unknown, path: string, problems: DraftProblem[]) {
    this.value = value;
    this.path = path;
    this.#problems = problems;
  }

  wrong(expected: string, got = shown(this.value)): void {
    this.#problems.push({ key: this.path || 'file', got, expected });
  }

  missing(key: string, expected: string): void {
    this.#problems.push({ key: this.#under(key), expected });
  }

  /** What stands under the keys of an object; others than these are problems, or handed over. Null is as good as absent. */
  object(known: readonly string[], onOther?: (path: string) => void): ReadonlyMap<string, JsonPlace> {
    const { value } = this;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.wrong('an object');
      return new Map();
    }
    const entries = Object.entries(value).filter(([, item]) => item !== null);
    for (const [key] of entries.filter(([name]) => !known.includes(name)))
      if (onOther) onOther(this.#under(key));
      else this.#unknown(key, known);
    return new Map(
      entries
        .filter(([key]) => known.includes(key))
        .map(([key, item]) => [key, new JsonPlace(item, this.#under(key), this.#problems)]),
    );
  }

  /** The entries of an object whose keys are free. */
  entries(): readonly (readonly [key: string, place: JsonPlace])[] {
    const { value } = this;
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return Object.entries(value).map(([key, item]) => [
        key,
        new JsonPlace(item, this.#under(key), this.#problems),
      ]);
    this.wrong('an object');
    return [];
  }

  items(): readonly JsonPlace[] {
    if (Array.isArray(this.value))
      return this.value.map((item, at) => new JsonPlace(item, `${this.path}[${at}]`, this.#problems));
    this.wrong('a list');
    return [];
  }

  /** A text, number or truth value as one would write it behind a `=`. */
  text(): string | undefined {
    const { value } = this;
    if (typeof value === 'string' || typeof value === 'boolean') return `${value}`;
    if (typeof value === 'number') return `${value}`;
    this.wrong('a text, a number, true or false');
    return undefined;
  }

  #unknown(key: string, known: readonly string[]): void {
    const near = nearest(key, known);
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    this.#problems.push({
      key: this.#under(key),
      got: 'an unknown key',
      expected: `one of ${known.join(', ')}${hint}`,
    });
  }

  #under(key: string): string {
    return this.path === '' ? shownKey(key) : `${this.path}.${shownKey(key)}`;
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? quote(value) : shorten(JSON.stringify(value) ?? 'nothing');
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The root of a JSON file; undefined, with the problem told, when it is none. */
export function readJson(text: string, problems: DraftProblem[]): JsonPlace | undefined {
  if (text.length > MAX_FOREIGN) {
    problems.push({ key: 'file', got: 'a longer file', expected: `at most ${MAX_FOREIGN} characters` });
    return undefined;
  }
  try {
    return new JsonPlace(JSON.parse(text), '', problems);
  } catch (error) {
    problems.push({ key: 'file', got: quote(text), expected: `JSON (${reasonOf(error)})` });
    return undefined;
  }
}

/** Without the piece of the file that V8 quotes as it is. */
function reasonOf(error: unknown): string {
  return messageOf(error)
    .replace(/, (\.\.\.)?".*$/s, '')
    .replace(/\p{Cc}/gu, '?');
}
