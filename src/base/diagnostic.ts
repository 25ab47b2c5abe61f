import { type ErrorCode, PxenError } from './error.ts';

/** One problem in a file of the user, with its place. A file is judged whole: callers collect these and report all at once. */
export interface Diagnostic {
  readonly file: string;
  /** 1-based; absent when the problem belongs to no line (a missing key, a missing file). */
  readonly line?: number;
  /** The key, field or action at fault, e.g. `dhcp.pool` or `SRC`. */
  readonly key: string;
  /** What stands there, quoted as the user wrote it; absent when nothing does, empty when a key has nothing behind it. */
  readonly got?: string;
  readonly expected: string;
}

/** `file:line: key: got X, expected Y` (DESIGN section 9). */
export function formatDiagnostic(d: Diagnostic): string {
  const place = d.line === undefined ? d.file : `${d.file}:${d.line}`;
  const got = d.got === undefined ? 'is missing' : d.got === '' ? 'is empty' : `got ${d.got}`;
  return `${place}: ${d.key}: ${got}, expected ${d.expected}`;
}

/** All problems of one file or folder as a single error. */
export function diagnosticsError(code: ErrorCode, what: string, problems: readonly Diagnostic[]): PxenError {
  return new PxenError(code, `${what}: ${several(problems.length, 'problem')}`, {
    details: problems.map(formatDiagnostic),
  });
}

/** `1 problem`, `3 problems`. */
export function several(count: number, thing: string): string {
  return count === 1 ? `1 ${thing}` : `${count} ${thing}s`;
}

/** A value as it should appear in a message: quoted, control characters escaped, cut at 80 characters. */
export function quote(value: string): string {
  const text = value.length > 80 ? `${value.slice(0, 77)}...` : value;
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The known word nearest to a mistyped one, or undefined when none is near (more than a third of its letters differ). */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(word.length / 3));
  const ranked = known
    // Each letter more or less is a step by itself: the others need no look.
    .filter(candidate => Math.abs(candidate.length - word.length) <= most)
    .map(candidate => ({ candidate, distance: editDistance(word, candidate) }))
    .sort((a, b) => a.distance - b.distance || a.candidate.localeCompare(b.candidate));
  const best = ranked[0];
  return best && best.distance <= most ? best.candidate : undefined;
}

/** Letters to add, drop, change or swap with their neighbour (the commonest slip of all) to get from one word to the other. */
function editDistance(a: string, b: string): number {
  let earlier: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (earlier[j - 2] ?? Infinity) + 1 : Infinity;
      row.push(Math.min(changed, swapped, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    earlier = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}
