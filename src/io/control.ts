import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import type { Socket } from 'node:net';
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
/** After this long without a byte the kernel asks whether the other end of a handed-over connection is still there, milliseconds. */
const KEEP_ALIVE = 30_000;

/** Talks with a pxend: over its control socket (a path), or over the network. */
export class ControlClient {
  readonly #target: string | RemoteServer;
  readonly #silence: number;

  constructor(target: string | RemoteServer, silence = SILENCE) {
    this.#target = target;
    this.#silence = silence;
  }

  async delete(path: string): Promise<ControlAnswer> {
    return collected(await this.#send('DELETE', path, undefined));
  }

  async get(path: string): Promise<ControlAnswer> {
    return collected(await this.#send('GET', path, undefined));
  }

  /** `silence`: how long pxend may take for an answer, milliseconds. */
  async post(path: string, body: unknown, silence = this.#silence): Promise<ControlAnswer> {
    return collected(await this.#send('POST', path, JSON.stringify(body), silence));
  }

  async put(path: string, body: unknown): Promise<ControlAnswer> {
    return collected(await this.#send('PUT', path, JSON.stringify(body)));
  }

  /** The body as it is; any answer but 200 is returned for the caller to read. */
  async getBytes(path: string): Promise<Uint8Array | ControlAnswer> {
    const parts: Uint8Array[] = [];
    let size = 0;
    const refused = await this.getParts(path, part => {
      size += part.length;
      if (size > MOST) throw tooLong();
      parts.push(part);
    });
    return refused ?? Buffer.concat(parts);
  }

  /**
   * Hands a body over piece by piece as it comes; any answer but 200 is returned. `silence`: how long no piece may come,
   * milliseconds, 0 for ever.
   */
  async getParts(
    path: string,
    onPart: (part: Uint8Array) => void,
    silence = this.#silence,
  ): Promise<ControlAnswer | undefined> {
    const response = await this.#send('GET', path, undefined);
    if (response.statusCode !== 200) return collected(response);
    response.setTimeout(silence);
    for await (const part of partsOf(response as AsyncIterable<Buffer>)) onPart(part);
    return undefined;
  }

  /** Asks for another protocol on this connection and hands the connection over; any answer but 101 is returned. */
  async upgrade(path: string, protocol: string): Promise<Socket | ControlAnswer> {
    const response = await this.#send('GET', path, undefined, this.#silence, {
      connection: 'Upgrade',
      upgrade: protocol,
    });
    if (response.statusCode !== 101) return collected(response);
    const { socket } = response;
    socket.setTimeout(0);
    socket.setKeepAlive(true, KEEP_ALIVE);
    return socket;
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
    more: OutgoingHttpHeaders = {},
  ): Promise<IncomingMessage> {
    const content =
      body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const outgoing = this.#request(method, path, { ...content, ...more });
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
      outgoing.once('upgrade', (response, socket, first) => {
        if (first.length > 0) socket.unshift(first);
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

/** What breaks off is told as what it means to the caller. */
async function* partsOf<T>(body: AsyncIterable<T>): AsyncGenerator<T, void> {
  try {
    yield* body;
  } catch (error) {
    throw cutOff(error);
  }
}

/** Ends the connection when whoever reads the lines stops early. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string, void> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const text of partsOf(response as AsyncIterable<string>)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MOST) throw tooLong();
    yield* lines;
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
