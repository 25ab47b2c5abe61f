import type { IncomingMessage } from 'node:http';
import type * as z from 'zod';
import { badRequest } from '../../api/error.ts';
import { messageOf, PxenError } from '../../base/error.ts';

/** The whole request, in its form. Rejects with BAD_REQUEST, and when the connection ends before the request does. */
export async function requestOf<T>(
  request: IncomingMessage,
  most: number,
  what: string,
  schema: z.ZodType<T>,
): Promise<T> {
  let body: unknown;
  const text = await textOf(request, most);
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new PxenError('BAD_REQUEST', `the request is no JSON: ${messageOf(cause)}`, { cause });
  }
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw badRequest(what, parsed.error);
  return parsed.data;
}

async function textOf(request: IncomingMessage, most: number): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  // Not destroyed: who sends too much shall still hear so.
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > most) throw new PxenError('BAD_REQUEST', `the request has more than ${most} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
