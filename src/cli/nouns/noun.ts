import { type Command, InvalidArgumentError } from 'commander';
import type { Context } from '../context.ts';

/** What a command comes back with: its exit status. */
export type Action = (context: Context) => Promise<number>;

/** Runs the action that was chosen on the command line. */
export type Run = (command: Command, action: Action) => Promise<void>;

/** The last part of a command's --help. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map(line => `  ${line}`).join('\n')}`;
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a whole number from 1.');
}

export function seconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0 && value <= 86_400) return value;
  throw new InvalidArgumentError('expected seconds, more than 0 and at most 86400.');
}

/** How long a guest may take when nobody says how long, seconds. */
export const GUEST_SECONDS = 20;
const MOST_SECONDS = 3600;

/** How long a guest may take to do as it is asked. */
export function guestSeconds(least: number): (text: string) => number {
  return text => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= MOST_SECONDS) return value;
    throw new InvalidArgumentError(`expected seconds, ${least} to ${MOST_SECONDS}.`);
  };
}
