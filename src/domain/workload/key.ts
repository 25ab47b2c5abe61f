import type { Read } from './values.ts';

/** One key of a workload file: the same record drives parsing, defaults, near-miss hints, messages and docs/workloads.md. */
export interface Key<T> {
  readonly read: Read<T>;
  /** The file must have it; where it has an `<id>`, as soon as another key names that id. */
  readonly required?: true;
  /** What the absence of the key means, as a user would write it. */
  readonly fallback?: string;
  /** Nothing behind it is a value of it, too. */
  readonly mayBeEmpty?: true;
  /** One or two sentences for the docs. */
  readonly about: string;
  /** What a good value looks like; ends the sentence "expected ...". */
  readonly expected: string;
  readonly example: string;
}

export function key<T>(given: Key<T>): Key<T> {
  return given;
}
