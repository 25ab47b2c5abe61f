import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorBody } from '../../api/error.ts';
import { ERROR_KINDS, PxenError } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Clock, Log } from '../../base/ports.ts';
import { isRefusal, type ServedFiles } from '../../base/served.ts';
import type { OverlayAnswer } from '../../domain/boot/access.ts';
import { type ScriptRequest, scriptRequestFromQuery } from '../../domain/boot/scriptrequest.ts';
import { stageOfFile } from '../../domain/boot/stages.ts';
import { type MachineId, parseMachineId } from '../../domain/machine/genid.ts';
import type { BootStage, Timeline } from '../../domain/node/timeline.ts';
import { type Sent, streamFile, streamParts } from './stream.ts';

/** An overlay ready to go out: gzip members, one after the other. */
export interface ReadyOverlay {
  readonly members: readonly Uint8Array[];
  /** Hash of the unpacked content, for the ETag. */
  readonly hash: string;
  /** The machines/ folder it was made from, or `default`. */
  readonly folder: string;
}

export interface ArtefactSources {
  /** Everything below /srv/pxen/http. */
  readonly files: ServedFiles;
  readonly script: (request: ScriptRequest | undefined, from: Ipv4) => Promise<string>;
  /** May this address have the overlay of this machine? */
  readonly mayHaveOverlay: (id: MachineId, from: Ipv4) => Promise<OverlayAnswer>;
  /** Exactly the one that was decided on: a build may finish in between, and what is for one machine is for no other. */
  readonly overlay: (id: MachineId, which: 'own' | 'default') => Promise<ReadyOverlay>;
  readonly timeline: Timeline;
  readonly clock: Clock;
  readonly log: Log;
}

/** One request that is answered here and not by the API. */
interface Exchange {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly from: Ipv4;
  /** The machine id that the node's init computed for itself. */
  readonly claimed: MachineId | undefined;
  readonly startedAt: number;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const REFUSAL_CODES = { missing: 'NOT_FOUND', forbidden: 'FORBIDDEN', unreadable: 'INTERNAL' } as const;

const FILE_FOLDERS = /^\/(?:boot|isos|alpine)\//;
const OVERLAY = /^\/apkovl\/([^/]+)\.apkovl\.tar\.gz$/;

/**
 * What machines fetch while they boot, answered before express sees it: express costs a third of the requests
 * a second and more than half of the throughput of big files (DESIGN section 2).
 */
export class Artefacts {
  readonly #d: ArtefactSources;

  constructor(sources: ArtefactSources) {
    this.#d = sources;
  }

  /** False: this path is none of ours. A fault on the way becomes an answer, never an exception. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const exchange = this.#exchange(request, response);
    if (!exchange) return false;
    const answer = this.#answerFor(exchange);
    if (!answer) return false;
    try {
      if (request.method !== 'GET' && request.method !== 'HEAD') this.#refuseMethod(exchange);
      else await answer();
    } catch (error) {
      this.#fail(exchange, error);
    }
    return true;
  }

  #exchange(request: IncomingMessage, response: ServerResponse): Exchange | undefined {
    const [target = '', query = ''] = splitOnce(request.url ?? '', '?');
    const path = decoded(target);
    if (path === undefined) return undefined;
    const header = request.headers['x-pxen-id'];
    return {
      path,
      query: new URLSearchParams(query),
      from: (request.socket.remoteAddress ?? '0.0.0.0') as Ipv4,
      claimed: typeof header === 'string' ? parseMachineId(header) : undefined,
      startedAt: this.#d.clock.now(),
      request,
      response,
    };
  }

  #answerFor(exchange: Exchange): (() => Promise<void>) | undefined {
    const { path } = exchange;
    if (path === '/boot.ipxe') return () => this.#script(exchange);
    if (FILE_FOLDERS.test(path)) return () => this.#file(exchange);
    const overlay = OVERLAY.exec(path)?.[1];
    return overlay === undefined ? undefined : () => this.#overlay(exchange, overlay);
  }

  async #script({ query, from, request, response }: Exchange): Promise<void> {
    const body = Buffer.from(await this.#d.script(scriptRequestFromQuery(query), from));
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': body.length });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async #file(exchange: Exchange): Promise<void> {
    const { path, request, response } = exchange;
    const file = await this.#d.files.open(path);
    if (isRefusal(file)) throw new PxenError(REFUSAL_CODES[file.reason], file.text);
    try {
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        'content-length': file.size,
        'last-modified': new Date(file.mtimeMs).toUTCString(),
        ...(file.version === undefined ? {} : { etag: `"${file.version}"` }),
      });
      if (request.method === 'HEAD') return void response.end();
      const stage = stageOf(exchange);
      if (stage === 'root') this.#initSpoke(exchange);
      const sent = await streamFile(file, { start: 0, end: file.size }, response);
      this.#finish(exchange, stage, sent, file.size);
    } finally {
      await file.close();
    }
  }

  async #overlay(exchange: Exchange, name: string): Promise<void> {
    const { from, request, response } = exchange;
    const id = parseMachineId(name);
    if (!id)
      throw new PxenError('NOT_FOUND', 'an overlay is asked for by machine id, 8 lower-case hex digits');
    const answer = await this.#d.mayHaveOverlay(id, from);
    if (answer.kind === 'refuse') throw new PxenError(answer.code, answer.reason);
    const { members, hash, folder } = await this.#d.overlay(id, answer.which);
    const size = members.reduce((sum, member) => sum + member.length, 0);
    response.writeHead(200, {
      'content-type': 'application/gzip',
      'content-length': size,
      etag: `"${hash}"`,
    });
    if (request.method === 'HEAD') return void response.end();
    const sent = await streamParts(members, response);
    this.#finish(exchange, 'overlay', sent, size, `overlay ${folder}`, id);
  }

  /** The request for the root image is the first that a node's own init makes. */
  #initSpoke(exchange: Exchange): void {
    if (!exchange.claimed) return;
    const { claimed, from, startedAt } = exchange;
    this.#d.timeline.record({
      at: startedAt,
      stage: 'init',
      text: `init says it is ${claimed}`,
      machineId: claimed,
      idFrom: 'init',
      address: from,
    });
  }

  #finish(
    exchange: Exchange,
    stage: BootStage | undefined,
    sent: Sent,
    size: number,
    what = exchange.path,
    id?: MachineId,
  ): void {
    const complete = sent.trouble === undefined;
    if (complete) exchange.response.end();
    const at = this.#d.clock.now();
    const milliseconds = at - exchange.startedAt;
    const text = complete ? what : `${what}: ${sent.trouble} after ${sent.bytes} of ${size} bytes`;
    this.#d.log[complete ? 'info' : 'warn']('http', text, {
      client: exchange.from,
      bytes: sent.bytes,
      ms: milliseconds,
      node: id,
    });
    if (!stage) return;
    const event = { at, text, address: exchange.from, bytes: sent.bytes, milliseconds, machineId: id };
    this.#d.timeline.record({ ...event, stage: complete ? stage : 'problem' });
  }

  #refuseMethod({ response, request }: Exchange): void {
    response.setHeader('allow', 'GET, HEAD');
    sendError(
      response,
      405,
      new PxenError('BAD_REQUEST', `${request.method} is not allowed here, expected GET or HEAD`),
    );
  }

  #fail(exchange: Exchange, thrown: unknown): void {
    const { response, path, from } = exchange;
    const error =
      thrown instanceof PxenError
        ? thrown
        : new PxenError('INTERNAL', 'the answer could not be made', { cause: thrown });
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
    this.#d.log[error.code === 'INTERNAL' ? 'error' : 'warn']('http', `${error.message}${cause}`, {
      client: from,
      path,
      code: error.code,
    });
    // A node that has to wait asks for its overlay every few seconds; a kernel that is not there stops a boot.
    if (error.code !== 'NOT_FOUND' || stageOf(exchange)) {
      this.#d.timeline.record({
        at: this.#d.clock.now(),
        stage: 'problem',
        text: error.message,
        address: from,
      });
    }
    if (response.headersSent) response.destroy();
    else sendError(response, ERROR_KINDS[error.code].http, error);
  }
}

/** The step of a boot that this file is. Only a node's own init sends its id, and the one file it fetches is its root image. */
function stageOf({ path, claimed }: Exchange): BootStage | undefined {
  if (!FILE_FOLDERS.test(path)) return undefined;
  return stageOfFile(path) ?? (claimed && 'root');
}

function sendError(response: ServerResponse, status: number, error: PxenError): void {
  const body = Buffer.from(`${JSON.stringify(errorBody(error))}\n`);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** Percent-decoded, or undefined when that is impossible: no file has such a name. */
function decoded(target: string): string | undefined {
  try {
    return decodeURIComponent(target);
  } catch {
    return undefined;
  }
}
