import * as z from 'zod';
import { ERROR_KINDS, type ErrorCode, PxenError } from '../base/error.ts';

const CODES = Object.keys(ERROR_KINDS) as [ErrorCode, ...ErrorCode[]];

/** Body of every answer that is not 2xx. */
export const errorBodySchema = z.object({
  error: z.object({
    /** A code of base/error.ts; one of a newer server than this program knows reads as INTERNAL. */
    code: z.enum(CODES).catch('INTERNAL'),
    message: z.string(),
    /** Further lines for people. */
    details: z.array(z.string()).default([]),
  }),
});

export type ErrorBody = z.infer<typeof errorBodySchema>;

export function errorBody(error: PxenError): ErrorBody {
  return { error: { code: error.code, message: error.message, details: [...error.details] } };
}

/** A whole HTTP/1.1 answer with an error, for a connection that is no longer in the hands of an HTTP server. */
export function errorAnswer(error: PxenError): string {
  const body = `${JSON.stringify(errorBody(error))}\n`;
  const head = [
    // The reason phrase means nothing (RFC 9112 section 4).
    `HTTP/1.1 ${ERROR_KINDS[error.code].http} ${error.code}`,
    'Content-Type: application/json',
    `Content-Length: ${new TextEncoder().encode(body).length}`,
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** The error that a server sent; undefined when the body is not one of ours. */
export function errorFromBody(body: unknown): PxenError | undefined {
  const parsed = errorBodySchema.safeParse(body);
  if (!parsed.success) return undefined;
  const { code, message, details } = parsed.data.error;
  return new PxenError(code, message, { details });
}

/** A body with ten thousand wrong fields must not get ten thousand lines back. */
const MOST_DETAILS = 20;
const MAX_DETAIL = 200;

/** A request that does not have the form of its schema, as BAD_REQUEST with one detail for each of the first problems. */
export function badRequest(what: string, error: z.ZodError): PxenError {
  const details = error.issues
    .slice(0, MOST_DETAILS)
    .map(issue => `${issue.path.join('.') || 'body'}: ${issue.message}`.slice(0, MAX_DETAIL));
  const more = error.issues.length - details.length;
  if (more > 0) details.push(`and ${more} more`);
  return new PxenError('BAD_REQUEST', `${what} does not have the expected form`, { details });
}
