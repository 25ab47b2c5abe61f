import { type IncomingMessage, request } from 'node:http';
import { quote } from '../base/diagnostic.ts';
import { PxenError, systemCode } from '../base/error.ts';

/** A client of the control socket of a running pxend. Answers that are not 2xx come back as they are: the caller knows their form. */
export interface ControlAnswer {
  readonly status: number;
  readonly body: unknown;
}

export class ControlClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  async get(path: string): Promise<ControlAnswer> {
    return collected(await this.#send('GET', path, undefined));
  }

  /** Posts JSON; a 2xx answer is handed over line by line, any other one is returned. */
  async postForLines(
    path: string,
    body: unknown,
    onLine: (line: unknown) => void,
  ): Promise<ControlAnswer | undefined> {
    const response = await this.#send('POST', path, JSON.stringify(body));
    if ((response.statusCode ?? 500) >= 300) return collected(response);
    for await (const line of linesOf(response)) onLine(parsed(line));
    return undefined;
  }

  #send(method: string, path: string, body: string | undefined): Promise<IncomingMessage> {
    const headers =
      body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: this.#socket, method, path, headers }, resolve);
      outgoing.once('error', error => reject(unreachable(error, this.#socket)));
      outgoing.end(body);
    });
  }
}

/** Ends the connection when whoever reads the lines stops early. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string, void> {
  response.setEncoding('utf8');
  let rest = '';
  try {
    for await (const text of response) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    throw cutOff(error);
  }
  if (rest !== '') yield rest;
}

async function collected(response: IncomingMessage): Promise<ControlAnswer> {
  const lines: string[] = [];
  for await (const line of linesOf(response)) lines.push(line);
  return { status: response.statusCode ?? 500, body: parsed(lines.join('\n')) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PxenError('INTERNAL', `pxend answered with something that is not JSON: ${quote(text)}`, {
      cause,
    });
  }
}

function cutOff(cause: unknown): PxenError {
  return new PxenError('SERVER_DOWN', 'pxend ended before its answer was complete', { cause });
}

function unreachable(error: Error, socket: string): PxenError {
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new PxenError(
        'SERVER_DOWN',
        `pxend is not running (nothing answers on ${socket}); start it, or name its folder with --root`,
        { cause: error },
      );
    case 'EACCES':
      return new PxenError('NO_PERMISSION', `${socket}: no permission; run as root`, { cause: error });
    default:
      return new PxenError('SERVER_DOWN', `${socket}: ${error.message}`, { cause: error });
  }
}
