import { quote } from '../../base/diagnostic.ts';
import type { Fault } from './problem.ts';

/** Longest workload file, bytes. */
export const MAX_WORKLOAD_BYTES = 64 * 1024;
const MOST_LINES = 2000;

/** A `key=value` line. */
export interface Line {
  /** 1-based. */
  readonly number: number;
  readonly key: string;
  readonly text: string;
}

export interface SplitFile {
  readonly lines: readonly Line[];
  readonly faults: readonly Fault[];
}

/** The `key=value` lines of a file (MH-2): split at the first `=`, trimmed; a `#` counts only at the start of a line. */
export function splitLines(text: string): SplitFile {
  const tooLarge = sizeFault(text);
  if (tooLarge) return { lines: [], faults: [tooLarge] };
  const read = text.split('\n').map((raw, index) => readLine(raw, index + 1));
  return {
    lines: read.filter(line => line !== undefined && 'text' in line),
    faults: read.filter(line => line !== undefined && 'code' in line),
  };
}

function sizeFault(text: string): Fault | undefined {
  const place = { key: 'file', code: 'SYNTAX' } as const;
  if (text.length > MAX_WORKLOAD_BYTES || new TextEncoder().encode(text).length > MAX_WORKLOAD_BYTES)
    return { ...place, got: 'a longer file', expected: `at most ${MAX_WORKLOAD_BYTES} bytes` };
  if (text.replace(/\n$/, '').split('\n', MOST_LINES + 1).length > MOST_LINES)
    return { ...place, got: 'a longer file', expected: `at most ${MOST_LINES} lines` };
  return undefined;
}

/** Undefined for a line that says nothing. A byte order mark and the CR of a CRLF are trimmed away like blanks. */
function readLine(raw: string, number: number): Line | Fault | undefined {
  const line = raw.trim();
  const fault = (expected: string): Fault => ({
    line: number,
    key: 'line',
    code: 'SYNTAX',
    got: quote(line),
    expected,
  });
  if (/[^\P{Cc}\t]/u.test(line)) return fault('a line without control characters');
  if (line === '' || line.startsWith('#')) return undefined;
  // A decoder puts this character where the bytes are no UTF-8.
  if (line.includes('\ufffd')) return fault('text in UTF-8');
  const equals = line.indexOf('=');
  if (equals < 1) return fault('key=value, or a comment that begins with #');
  const [key, text] = [line.slice(0, equals).trim(), line.slice(equals + 1).trim()];
  return /\t/.test(key + text) ? fault('no tab inside of a key or value') : { number, key, text };
}
