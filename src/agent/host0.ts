import { Agent, request } from 'node:http';
import { errorFromBody } from '../api/error.ts';
import { PATHS } from '../api/paths.ts';
import { type Report, type ReportAnswer, reportAnswerSchema } from '../api/report.ts';
import { messageOf, PxenError } from '../base/error.ts';

/** Sends a report to host0. Rejects with SERVER_DOWN when it cannot be reached, else with the error that it answered. */
export type SendReport = (report: Report, signal: AbortSignal) => Promise<ReportAnswer>;

/** Milliseconds for one report, connecting included. */
const TIMEOUT = 10_000;
/** An answer is a few bytes. */
const MAX_ANSWER = 64 * 1024;

/** By plain node:http: fetch would cost the agent 15 MB of memory and its start 40 ms. */
export function reportSender(host0: string, token: string | undefined): SendReport {
  const connections = new Agent({ keepAlive: true, maxSockets: 1 });
  const url = new URL(PATHS.report, host0);
  return async (report, signal) => {
    const { body, status } = await post(url, JSON.stringify(report), {
      connections,
      token,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
    });
    return judge(url, status, body);
  };
}

interface PostOptions {
  readonly connections: Agent;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

function post(url: URL, body: string, options: PostOptions): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        new PxenError('SERVER_DOWN', `${url.origin} does not answer: ${reasonOf(error)}`, { cause: error }),
      );
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    };
    const { connections: agent, signal } = options;
    const sent = request(url, { method: 'POST', agent, signal, headers }, response => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
        if (text.length > MAX_ANSWER) response.destroy(new Error('the answer is too long'));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      response.on('error', fail);
    });
    sent.on('error', fail);
    sent.end(body);
  });
}

/** An abort says only that it was aborted; its cause is the time limit. */
function reasonOf(error: Error): string {
  if (error.name === 'AbortError') return `no answer within ${TIMEOUT / 1000} s`;
  return messageOf(error) || 'connection refused';
}

function judge(url: URL, status: number, body: string): ReportAnswer {
  const value = parseJson(body);
  if (status === 200) {
    const answer = reportAnswerSchema.safeParse(value);
    if (answer.success) return answer.data;
  }
  throw (
    errorFromBody(value) ??
    new PxenError('SERVER_DOWN', `${url.origin} answered ${status} and nothing that pxend would say`)
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
