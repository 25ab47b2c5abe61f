import type { PxenError } from '../../base/error.ts';
import { printable } from './table.ts';

/** Where a command writes, and how. */
export interface Terminal {
  /** A line on standard output. */
  print(line: string): void;
  /** A line on standard error. */
  warn(line: string): void;
  /** Raw output of a remote command, or of a guest: that need not be text. */
  write(stream: 'stdout' | 'stderr', text: string | Uint8Array): void;
  /** One value as JSON on standard output. */
  json(value: unknown): void;
  readonly colours: boolean;
  /** Characters in a line; undefined when it is no terminal. */
  readonly columns?: number | undefined;
}

const CODES = { green: 32, yellow: 33, red: 31, dim: 2, bold: 1 } as const;

export function paint(terminal: Terminal, colour: keyof typeof CODES, text: string): string {
  return terminal.colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}

/** One clear line, then a line per further problem; both may repeat what a node or a web server said. */
export function printError(terminal: Terminal, program: string, error: PxenError): void {
  terminal.warn(printable(`${program}: ${error.message}`));
  for (const detail of error.details) terminal.warn(printable(`  ${detail}`));
}

/** JSON leaves DEL and the control characters of ISO 6429 as they are, and terminals obey them. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(
    /[\u007f-\u009f]/g,
    c => `\\u00${c.charCodeAt(0).toString(16)}`,
  );
}

export function systemTerminal(): Terminal {
  return {
    print: line => void process.stdout.write(`${line}\n`),
    warn: line => void process.stderr.write(`${line}\n`),
    write: (stream, text) => void process[stream].write(text),
    json: value => void process.stdout.write(`${jsonText(value, 2)}\n`),
    columns: process.stdout.columns,
    colours: process.stdout.isTTY === true && !process.env['NO_COLOR'],
  };
}
