import { type IncomingMessage, request as overHttp, type RequestOptions } from 'node:http';
import { request as overTls } from 'node:https';
import { PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { VERSION } from '../../base/version.ts';
import { lengthOf, strongValidator } from '../../domain/download/answer.ts';
import { shown } from '../../domain/download/shown.ts';

const REDIRECTS = [301, 302, 303, 307, 308];
const MOST_REDIRECTS = 5;

export interface Question {
  readonly method: 'GET' | 'HEAD';
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** A redirect may lead from https to http: what comes is checked in another way. */
  readonly trustAnyway: boolean;
}

/**
 * Asks a web server and follows its redirects. The body of the answer is still to be read, or to be destroyed.
 * Rejects with DOWNLOAD_FAILED where the redirects lead nowhere, else with the error of the connection.
 */
export async function ask(url: URL, question: Question): Promise<IncomingMessage> {
  let at = url;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const answer = await send(at, question);
    if (!REDIRECTS.includes(answer.statusCode ?? 0)) return answer;
    answer.destroy();
    at = redirectOf(at, answer.headers.location, question);
  }
  throw failed(url, `more than ${MOST_REDIRECTS} redirects, the last one to ${shown(at)}`);
}

/** Milliseconds for a question to which no answer is an answer, too. */
const BRIEFLY = 5000;

/** What a server says of a file without sending it. */
export interface About {
  readonly status: number;
  readonly validator?: string | undefined;
  readonly bytes?: number | undefined;
}

/** Undefined when it does not answer. */
export async function askAbout(url: URL, clock: Clock, signal: AbortSignal): Promise<About | undefined> {
  const tooLong = new AbortController();
  const callOff = clock.after(BRIEFLY, () => tooLong.abort());
  try {
    const ending = AbortSignal.any([signal, tooLong.signal]);
    const answer = await ask(url, { method: 'HEAD', headers: {}, signal: ending, trustAnyway: true });
    answer.destroy();
    const { headers, statusCode = 0 } = answer;
    return { status: statusCode, validator: strongValidator(headers), bytes: lengthOf(headers) };
  } catch {
    return undefined;
  } finally {
    callOff();
  }
}

/** False only when the server says so: it has another file there, or none. */
export async function isUnchanged(
  url: URL,
  validator: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const now = await askAbout(url, clock, signal);
  if (now?.status === 200) return now.validator === undefined || now.validator === validator;
  return ![404, 410].includes(now?.status ?? 0);
}

export function failed(
  url: URL,
  why: string,
  options: { cause?: unknown; details?: readonly string[] } = {},
): PxenError {
  return new PxenError('DOWNLOAD_FAILED', `${shown(url)}: ${why}`, options);
}

/** By plain node:http: fetch would cost the agent 15 MB of memory. */
function send(url: URL, { headers, method, signal }: Question): Promise<IncomingMessage> {
  const secure = url.protocol === 'https:';
  if (!secure && url.protocol !== 'http:')
    throw failed(url, `got a URL of ${url.protocol}, expected http: or https:`);
  // No compression: ranges, lengths and checksums are those of the file itself.
  const own = { 'user-agent': `pxen/${VERSION}`, 'accept-encoding': 'identity', accept: '*/*' };
  const options: RequestOptions = { method, signal, headers: { ...own, ...headers } };
  return new Promise((resolve, reject) => {
    const sent = secure ? overTls(url, options, resolve) : overHttp(url, options, resolve);
    sent.on('error', reject);
    // Without a listener Node would end the connection and say nothing.
    sent.on('upgrade', (answer, socket) => {
      socket.destroy();
      resolve(answer);
    });
    sent.end();
  });
}

function redirectOf(from: URL, location: string | undefined, { trustAnyway }: Question): URL {
  const to = URL.canParse(location ?? '', from.href) && location ? new URL(location, from) : undefined;
  if (!to) throw failed(from, 'the server redirects to nowhere');
  if (from.protocol === 'https:' && to.protocol === 'http:' && !trustAnyway)
    throw failed(
      from,
      `the server redirects from https to ${shown(to)}, where anybody could change the file`,
      {
        details: ['give its SHA-256, then it is followed and checked'],
      },
    );
  return to;
}
