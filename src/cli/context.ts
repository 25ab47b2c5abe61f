import type * as z from 'zod';
import { errorFromBody } from '../api/error.ts';
import { PxenError } from '../base/error.ts';
import { placesUnder } from '../domain/config/places.ts';
import { type ControlAnswer, ControlClient } from '../io/control.ts';
import type { Terminal } from './output/terminal.ts';

/** What every command gets. */
export interface Context {
  readonly terminal: Terminal;
  /** Folder that the whole appliance hangs under, `/` unless --root says otherwise. */
  readonly root: string;
  readonly json: boolean;
  readonly now: () => number;
}

export function control(context: Context): ControlClient {
  return new ControlClient(placesUnder(context.root).controlSocket);
}

/** The body of a good answer in the form of its schema, or the error that pxend sent. */
export function unwrap<T>(answer: ControlAnswer, schema: z.ZodType<T>): T {
  if (answer.status >= 300) throw errorOf(answer);
  return understood(answer.body, schema);
}

/** What pxend sent, in the form of its schema. */
export function understood<T>(value: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new PxenError(
    'INTERNAL',
    'pxend answered in an unknown form; are mesh and pxend of the same version?',
    { cause: parsed.error },
  );
}

export function errorOf(answer: ControlAnswer): PxenError {
  return (
    errorFromBody(answer.body) ??
    new PxenError('INTERNAL', `pxend answered with HTTP status ${answer.status}`)
  );
}
