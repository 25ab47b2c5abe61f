import type { ServerResponse } from 'node:http';
import { errorBody } from '../../api/error.ts';
import { asPxenError, ERROR_KINDS } from '../../base/error.ts';

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** An answer that has begun can only be broken off. */
export function sendError(response: ServerResponse, thrown: unknown): void {
  if (response.headersSent) return void response.destroy();
  const error = asPxenError(thrown);
  sendJson(response, ERROR_KINDS[error.code].http, errorBody(error));
}
