import { formatWorkload } from '../workload/format.ts';
import type { KeyPattern } from '../workload/keys.ts';
import { locate } from '../workload/locate.ts';
import type { Workload } from '../workload/workload.ts';

/** Something that a format does not carry, or that had to be assumed: told to people beside the result. */
export interface Note {
  /** A key of a workload file, or the place in a foreign one. */
  readonly key: string;
  readonly text: string;
}

/** What a workload comes to in another format. */
export type Rendering = { readonly notes: readonly Note[] } & (
  | { readonly argv: readonly string[] }
  /** One after the other. */
  | { readonly commands: readonly (readonly string[])[] }
  | { readonly text: string }
);

/** What a format carries, so that an import finds it again; and words on what it does not, by key. */
export interface Carriage {
  readonly carries: ReadonlySet<KeyPattern>;
  readonly words: Readonly<Partial<Record<KeyPattern, string>>>;
}

const NOT_CARRIED = 'this format has no place for it';

/** Every key that a workload sets and a format does not carry: derived from its file, so nothing can be forgotten. */
export function losses(workload: Workload, { carries, words }: Carriage): Note[] {
  return keysOf(workload).flatMap(({ key, pattern }) =>
    carries.has(pattern) ? [] : [{ key, text: words[pattern] ?? NOT_CARRIED }],
  );
}

/** The keys of a workload's file, defaults left out, in their order. */
function keysOf(workload: Workload): { readonly key: string; readonly pattern: KeyPattern }[] {
  const lines = formatWorkload(workload).trimEnd().split('\n');
  return lines.flatMap(line => {
    const key = line.slice(0, line.indexOf('='));
    const pattern = locate(key)?.pattern;
    return pattern === undefined ? [] : [{ key, pattern }];
  });
}
