import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { quote } from '../base/diagnostic.ts';
import { messageOf, PxenError, systemCode } from '../base/error.ts';

/** What a pxend answered. Answers that are not 2xx come back as they are: the caller knows their form. */
export interface ControlAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Another host0 on the network, which wants its API token. */
export interface RemoteServer {
  /** `http://host0`, with the port where it is not 80. */
  readonly url: URL;
  readonly token: string;
}

/** How long pxend may be silent while it answers, milliseconds. */
const SILENCE = 30_000;
/** Longest answer, and longest line of a stream: far above what any pxend sends. Bytes. */
const MOST = 256 * 1024 * 1024;

/** Talks with a pxend: over its control socket (a path), or over the network. */
export class ControlClient {
  readonly #target: string | RemoteServer;
  readonly #silence: number;

  constructor(target: string | RemoteServer, silence = SILENCE) {
    this.#target = target;
    this.#silence = silence;
  }

  async get(path: string): Promise<ControlAnswer> {
    return collected(await this.#send('GET', path, undefined));
  }

  /** The body as it is; any answer but 200 is returned for the caller to read. */
  async getBytes(path: string): Promise<Uint8Array | ControlAnswer> {
    const response = await this.#send('GET', path, undefined);
    if (response.statusCode !== 200) return collected(response);
    const parts: Buffer[] = [];
    let size = 0;
    try {
      for await (const part of response as AsyncIterable<Buffer>) {
        size += part.length;
        if (size > MOST) throw tooLong();
        parts.push(part);
      }
    } catch (error) {
      throw cutOff(error);
    }
    return Buffer.concat(parts);
  }

  /**
   * Posts JSON; a 2xx answer is handed over line by line, any other one is returned. `silence`: how long no line may come,
   * milliseconds.
   */
  async postForLines(
    path: string,
    body: unknown,
    onLine: (line: unknown) => void,
    silence = this.#silence,
  ): Promise<ControlAnswer | undefined> {
    const response = await this.#send('POST', path, JSON.stringify(body), silence);
    if ((response.statusCode ?? 500) >= 300) return collected(response);
    for await (const line of linesOf(response)) onLine(parsed(line));
    return undefined;
  }

  #send(
    method: string,
    path: string,
    body: string | undefined,
    silence = this.#silence,
  ): Promise<IncomingMessage> {
    const content =
      body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const outgoing = this.#request(method, path, content);
      let incoming: IncomingMessage | undefined;
      outgoing.setTimeout(silence, () => {
        const late = new PxenError('TIMEOUT', `pxend (${this.#name}) said nothing for ${silence / 1000} s`);
        incoming?.destroy(late);
        outgoing.destroy(late);
      });
      outgoing.once('response', response => {
        incoming = response;
        resolve(response);
      });
      outgoing.on('error', error => reject(this.#unreachable(error)));
      outgoing.end(body);
    });
  }

  #request(method: string, path: string, content: OutgoingHttpHeaders): ClientRequest {
    if (typeof this.#target === 'string')
      return request({ socketPath: this.#target, method, path, headers: content });
    const { url, token } = this.#target;
    const headers = { ...content, authorization: `Bearer ${token}` };
    return request({ host: url.hostname, port: url.port || 80, method, path, headers });
  }

  get #name(): string {
    return typeof this.#target === 'string' ? this.#target : this.#target.url.origin;
  }

  #unreachable(error: Error): PxenError {
    if (error instanceof PxenError) return error;
    if (typeof this.#target === 'string') return socketTrouble(error, this.#target);
    return new PxenError('SERVER_DOWN', `no pxend answers on ${this.#name}: ${messageOf(error)}`, {
      cause: error,
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
      if (rest.length > MOST) throw tooLong();
      yield* lines;
    }
  } catch (error) {
    throw cutOff(error);
  }
  if (rest !== '') yield rest;
}

async function collected(response: IncomingMessage): Promise<ControlAnswer> {
  const lines: string[] = [];
  let size = 0;
  for await (const line of linesOf(response)) {
    size += line.length;
    if (size > MOST) throw tooLong();
    lines.push(line);
  }
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
  if (cause instanceof PxenError) return cause;
  return new PxenError('SERVER_DOWN', 'pxend ended before its answer was complete', { cause });
}

function tooLong(): PxenError {
  return new PxenError('INTERNAL', 'the answer of pxend is larger than any that it gives');
}

function socketTrouble(error: Error, socket: string): PxenError {
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
