import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorBody } from '../../api/error.ts';
import { ERROR_KINDS, type ErrorCode, PxenError } from '../../base/error.ts';
import { decide, type Representation, type Verdict } from './conditions.ts';
import type { ByteRange } from './stream.ts';

/** Content that goes out whole or in part. */
export interface Offer extends Representation {
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Writes status and headers by what the client asks for and has already. The bytes to send now, [start, end), or
 * undefined when nothing follows: the answer is then complete.
 */
export function begin(
  request: IncomingMessage,
  response: ServerResponse,
  offer: Offer,
  now: number,
): ByteRange | undefined {
  const verdict = decide(request.method ?? 'GET', request.headers, offer, now);
  const headers = { ...validators(offer), ...offer.headers };
  if ('end' in verdict) {
    const { start, end } = verdict;
    response.writeHead(verdict.status, { ...headers, ...contentHeaders(offer, verdict) });
    if (request.method === 'HEAD') return void response.end();
    return { start, end };
  }
  if (verdict.status === 304) return void response.writeHead(304, headers).end();
  if (verdict.status === 412)
    return refuse(response, 412, 'it is not the one that If-Match or If-Unmodified-Since wants');
  response.setHeader('content-range', `bytes */${offer.size}`);
  return refuse(response, 416, `the range has none of the ${offer.size} bytes that there are`);
}

function contentHeaders(
  { size, type }: Offer,
  { status, start, end }: Verdict & ByteRange,
): Record<string, string | number> {
  const part = status === 206 ? { 'content-range': `bytes ${start}-${end - 1}/${size}` } : {};
  return { 'content-type': type, 'content-length': end - start, ...part };
}

function validators({ etag, modifiedAt }: Offer): Record<string, string> {
  return {
    'accept-ranges': 'bytes',
    ...(etag === undefined ? {} : { etag }),
    ...(modifiedAt === undefined ? {} : { 'last-modified': new Date(modifiedAt).toUTCString() }),
  };
}

function refuse(response: ServerResponse, status: number, problem: string): undefined {
  sendError(response, status, new PxenError('BAD_REQUEST', problem));
}

/** What a stranger may know; all else names files of this host, or faults of ours. */
const PUBLIC: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BAD_REQUEST',
  'CONFLICT',
  'FORBIDDEN',
  'IDENTITY_MISMATCH',
  'NOT_FOUND',
  'RATE_LIMITED',
  'TIMEOUT',
  'UNAUTHORIZED',
]);

/** The error as the network may see it. The log has the other one. */
export function forStrangers(error: PxenError): PxenError {
  if (PUBLIC.has(error.code)) return error;
  return new PxenError('INTERNAL', 'the answer could not be made; the log of pxend tells why');
}

export function sendError(response: ServerResponse, status: number, error: PxenError): void {
  const body = Buffer.from(`${JSON.stringify(errorBody(error))}\n`);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

export function sendFault(response: ServerResponse, error: PxenError): void {
  const shown = forStrangers(error);
  sendError(response, ERROR_KINDS[shown.code].http, shown);
}
