import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ErrorCode, PxenError } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Meter } from '../../base/meter.ts';
import type { Clock, Log } from '../../base/ports.ts';
import { isRefusal, type ServedFiles } from '../../base/served.ts';
import type { OverlayAnswer } from '../../domain/boot/access.ts';
import { type ScriptRequest, scriptRequestFromQuery } from '../../domain/boot/scriptrequest.ts';
import { stageOfFile } from '../../domain/boot/stages.ts';
import { type MachineId, parseMachineId } from '../../domain/machine/genid.ts';
import type { BootStage, Fault, Timeline } from '../../domain/node/timeline.ts';
import { begin, sendError, sendFault } from './answer.ts';
import { SmallFiles } from './smallfiles.ts';
import { type ByteRange, type Sent, streamFile, streamParts } from './stream.ts';

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
  readonly mayHaveOverlay: (id: MachineId, from: Ipv4, token: string | undefined) => Promise<OverlayAnswer>;
  /** A machine's own overlay went out to its end with this token. Never rejects. */
  readonly overlayDelivered: (token: string) => Promise<void>;
  /** Exactly the one that was decided on: a build may finish in between, and what is for one machine is for no other. */
  readonly overlay: (id: MachineId, which: 'own' | 'default') => Promise<ReadyOverlay>;
  readonly timeline: Timeline;
  readonly meter: Meter;
  readonly clock: Clock;
  readonly log: Log;
}

/** One request that is answered here and not by the API. */
interface Exchange {
  readonly path: string;
  readonly query: () => URLSearchParams;
  readonly from: Ipv4;
  /** The machine id that the node's init computed for itself. */
  readonly claimed: MachineId | undefined;
  readonly startedAt: number;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** What was sent, of what. */
interface Sending {
  readonly stage: BootStage | undefined;
  readonly sent: Sent;
  readonly range: ByteRange;
  /** Of the whole, bytes. */
  readonly size: number;
  /** For the log and the timeline; the path unless told otherwise. */
  readonly what?: string;
  readonly id?: MachineId;
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
  readonly #files: ServedFiles;

  constructor(sources: ArtefactSources) {
    this.#d = sources;
    this.#files = new SmallFiles(sources.files, sources.clock);
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
      query: () => new URLSearchParams(query),
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

  /** A script is made anew for each question, with a token where it is a machine's; asking for its head alone makes none. */
  async #script({ query, from, request, response }: Exchange): Promise<void> {
    const asked = scriptRequestFromQuery(query());
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
    if (request.method === 'HEAD' && asked) return void response.writeHead(200, headers).end();
    const body = Buffer.from(await this.#d.script(asked, from));
    response.writeHead(200, { ...headers, 'content-length': body.length });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async #file(exchange: Exchange): Promise<void> {
    const { path, request, response } = exchange;
    const file = await this.#files.open(path);
    if (isRefusal(file)) throw new PxenError(REFUSAL_CODES[file.reason], file.text);
    try {
      const { size, mtimeMs, version } = file;
      const etag = version === undefined ? undefined : `"${version}"`;
      const offer = { type: 'application/octet-stream', size, etag, modifiedAt: mtimeMs };
      const range = begin(request, response, offer, exchange.startedAt);
      if (!range) return;
      const stage = stageOf(exchange);
      if (stage === 'root') this.#initSpoke(exchange);
      const sent = await (file.content
        ? streamParts([file.content], range, response)
        : streamFile(file, range, response));
      this.#finish(exchange, { stage, sent, range, size });
    } finally {
      await file.close();
    }
  }

  async #overlay(exchange: Exchange, name: string): Promise<void> {
    const { from, query, request, response, startedAt } = exchange;
    const id = parseMachineId(name);
    if (!id)
      throw new PxenError('NOT_FOUND', 'an overlay is asked for by machine id, 8 lower-case hex digits');
    const token = query().get('token') ?? undefined;
    const answer = await this.#d.mayHaveOverlay(id, from, token);
    if (answer.kind === 'refuse') throw new PxenError(answer.code, answer.reason);
    const { members, hash, folder } = await this.#d.overlay(id, answer.which);
    const size = members.reduce((sum, member) => sum + member.length, 0);
    const headers = { 'cache-control': 'no-store' };
    const offer = { type: 'application/gzip', size, etag: `"${hash}"`, modifiedAt: undefined, headers };
    const range = begin(request, response, offer, startedAt);
    if (!range) return;
    const sent = await streamParts(members, range, response);
    const whole = this.#finish(exchange, {
      stage: 'overlay',
      sent,
      range,
      size,
      what: `overlay ${folder}`,
      id,
    });
    if (whole && answer.which === 'own' && token !== undefined) await this.#d.overlayDelivered(token);
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

  /** True when the client got the end of it. A part in the middle, as of an ISO that boots, is no step of a boot. */
  #finish(exchange: Exchange, { stage, sent, range, size, what = exchange.path, id }: Sending): boolean {
    const complete = sent.trouble === undefined;
    if (complete) exchange.response.end();
    const at = this.#d.clock.now();
    const milliseconds = at - exchange.startedAt;
    const length = range.end - range.start;
    const text = complete ? what : `${what}: ${sent.trouble} after ${sent.bytes} of ${length} bytes`;
    // Steps of a boot are worth a line; a mirror hands out thousands of packages an hour.
    this.#d.log[complete ? (stage ? 'info' : 'debug') : 'warn']('http', text, {
      client: exchange.from,
      bytes: sent.bytes,
      ms: milliseconds,
      node: id,
    });
    const artefact = stage === 'overlay' ? 'overlay' : 'file';
    this.#d.meter.count('pxen_http_sent_bytes_total', { artefact }, sent.bytes);
    const whole = complete && range.end === size;
    if (!stage || (complete && !whole)) return whole;
    const about = { protocol: 'http', file: exchange.path, total: size } as const;
    const event = {
      at,
      text,
      address: exchange.from,
      bytes: sent.bytes,
      milliseconds,
      machineId: id,
      ...about,
    };
    this.#d.timeline.record(
      complete ? { ...event, stage } : { ...event, stage: 'problem', step: stage, fault: 'aborted' },
    );
    return whole;
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
    // A node that has to wait asks for its overlay every few seconds (the timeline keeps one of them); a kernel that
    // is not there stops a boot.
    const step = stepOf(exchange);
    if (error.code !== 'NOT_FOUND' || step) {
      this.#d.timeline.record({
        at: this.#d.clock.now(),
        stage: 'problem',
        text: error.message,
        address: from,
        protocol: 'http',
        file: path,
        step,
        fault: faultOf(error.code, step),
      });
    }
    if (response.headersSent) response.destroy();
    else sendFault(response, error);
  }
}

/** The step of a boot that this file is. Only a node's own init sends its id, and the one file it fetches is its root image. */
function stageOf({ path, claimed }: Exchange): BootStage | undefined {
  if (!FILE_FOLDERS.test(path)) return undefined;
  return stageOfFile(path) ?? (claimed && 'root');
}

/** As stageOf, with the overlay, whose event is made where it is sent. */
function stepOf(exchange: Exchange): BootStage | undefined {
  const name = OVERLAY.exec(exchange.path)?.[1];
  return name !== undefined && parseMachineId(name) ? 'overlay' : stageOf(exchange);
}

/** The policy may let a machine without a folder wait: it asks for an overlay that is not there yet. */
function faultOf(code: ErrorCode, step: BootStage | undefined): Fault {
  if (code === 'NOT_FOUND') return step === 'overlay' ? 'waits' : 'missing';
  if (code === 'CONFLICT') return 'conflict';
  return code === 'INTERNAL' ? 'unreadable' : 'forbidden';
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
