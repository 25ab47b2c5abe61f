import { chmod, mkdir, rm } from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import { type HttpArtefact, type Meter, statusClass } from '../../base/meter.ts';
import type { Log, Service } from '../../base/ports.ts';
import { type Backstage, controlApi, type Figures, publicApi } from './api.ts';
import { type ArtefactSources, Artefacts } from './artefacts.ts';
import { ApiGate, ReportGate } from './gate.ts';
import { type Observed, observe } from './observe.ts';
import { Consoles, wantsConsole } from './workload-api.ts';

export interface HttpServiceOptions extends ArtefactSources {
  readonly address: Ipv4;
  readonly port: number;
  /** Unix socket for `mesh`, mode 0600. */
  readonly controlSocket: string;
  readonly back: Backstage;
  /** The text of /metrics. */
  readonly metrics: Figures;
  /** The tokens that open the API on the network. */
  readonly apiTokens: () => Promise<readonly string[]>;
  readonly meter: Meter;
  readonly log: Log;
  /** Told of every request of the network once it is over, for the recorder. */
  readonly observed?: (observed: Observed) => void;
  /** Makes a refused bind say what to do. */
  readonly bindError: (
    error: unknown,
    wanted: { address: string; port: number },
    protocol: string,
  ) => PxenError;
}

/** Milliseconds. A slow client keeps a socket, not for ever; Node looks every `connectionsCheckingInterval`. */
const LIMITS = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 2_000 };

/** A machine that is switched off in the middle of a download says no goodbye; TCP alone gives it up after 15 minutes. Milliseconds. */
const STALL_TIMEOUT = 60_000;

/** Requests that one connection may have waiting behind the one that is answered. */
const MAX_PIPELINED = 16;

/** How long `stop` waits for handlers that still run once their connections are gone. Milliseconds. */
const STOP_WITHIN = 1000;

/** HTTP for the machines, and the control socket for `mesh`. */
export class HttpService implements Service {
  readonly name = 'http';
  readonly #d: HttpServiceOptions;
  #servers: Server[] = [];
  /** Handlers that have not finished. */
  readonly #running = new Set<Promise<unknown>>();
  readonly #consoles = new Consoles();

  constructor(options: HttpServiceOptions) {
    this.#d = options;
  }

  async start(): Promise<void> {
    const { apiTokens, clock, log, metrics } = this.#d;
    const back = tracked(this.#d.back, work => this.#track(work));
    const artefacts = new Artefacts(this.#d);
    const gate = new ApiGate({ tokens: apiTokens, clock, log });
    const api = publicApi(back, metrics, { gate, reports: new ReportGate(clock) }, log);
    const machines = this.#server(
      inTurn((request, response) => {
        this.#measure(request, response);
        if (this.#d.observed) observe(request, response, clock.now() * 1000, this.#d.observed);
        this.#track(serve(artefacts, api, request, response));
      }),
    );
    machines.timeout = STALL_TIMEOUT;
    machines.on('upgrade', (request, socket, head) => {
      const { headers, socket: from } = request;
      const admit = (): Promise<void> => gate.check(from.remoteAddress as Ipv4, headers.authorization);
      void this.#consoles.visit({ request, socket, head }, admit, back);
    });
    const control = this.#server(controlApi(back, metrics, log));
    control.on('upgrade', (request, socket, head) => {
      void this.#consoles.visit({ request, socket, head }, async () => {}, back);
    });
    await this.#listenControl(control);
    await this.#listen(machines);
    // A connection that cannot be taken, for lack of file handles say, must not end the process.
    for (const server of this.#servers) server.on('error', error => log.error('http', messageOf(error)));
  }

  /**
   * Transfers that run are cut: an appliance that is told to stop must be gone within two seconds. Handlers that have
   * begun to change something get a second to finish, for the stores are closed next.
   */
  async stop(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    this.#consoles.close();
    for (const server of servers) server.closeAllConnections();
    await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))));
    await this.#settled();
  }

  health(): string | undefined {
    const listening = this.#servers.filter(server => server.listening);
    return listening.length === 2 ? undefined : 'not listening';
  }

  /** Counts the answer once it is over. */
  #measure({ url = '' }: IncomingMessage, response: ServerResponse): void {
    const { clock, meter } = this.#d;
    const startedAt = clock.now();
    response.once('close', () => {
      const artefact = artefactOf(url);
      meter.count('pxen_http_requests_total', { artefact, status: statusClass(response.statusCode) });
      meter.observe('pxen_http_request_duration_seconds', { artefact }, (clock.now() - startedAt) / 1000);
    });
  }

  #track<T>(work: Promise<T>): Promise<T> {
    const over = work.then(
      () => {},
      () => {},
    );
    this.#running.add(over);
    void over.then(() => this.#running.delete(over));
    return work;
  }

  async #settled(): Promise<void> {
    let callOff = (): void => {};
    const limit = new Promise<void>(resolve => {
      callOff = this.#d.clock.after(STOP_WITHIN, resolve);
    });
    await Promise.race([Promise.all(this.#running), limit]);
    callOff();
  }

  #server(listener: RequestListener): Server {
    const server = createServer({ ...LIMITS, shouldUpgradeCallback: wantsConsole }, listener);
    this.#servers.push(server);
    return server;
  }

  async #listen(server: Server): Promise<void> {
    const { address, port } = this.#d;
    await listening(server, () => server.listen(port, address)).catch(error => {
      throw this.#d.bindError(error, { address, port }, 'TCP');
    });
  }

  /** A socket file that a killed pxend left behind is removed; one that answers belongs to a running pxend. */
  async #listenControl(server: Server): Promise<void> {
    const { controlSocket } = this.#d;
    if (await answers(controlSocket)) {
      throw new PxenError(
        'PORT_IN_USE',
        `another pxend already serves ${controlSocket}; stop it first or use another --root`,
      );
    }
    try {
      await rm(controlSocket, { force: true });
      await mkdir(dirname(controlSocket), { recursive: true, mode: 0o700 });
      await listening(server, () => server.listen(controlSocket));
      await chmod(controlSocket, 0o600);
    } catch (error) {
      throw controlError(controlSocket, error);
    }
  }
}

/** Every call that goes through it is known to `track` until it is over, also those of handlers added later. */
function tracked(back: Backstage, track: <T>(work: Promise<T>) => Promise<T>): Backstage {
  return new Proxy(back, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...given: unknown[]): unknown => {
        const answer: unknown = member.apply(target, given);
        return answer instanceof Promise ? track(answer) : answer;
      };
    },
  });
}

/** By its path alone: what nothing answers counts to the API, which says so. */
function artefactOf(url: string): HttpArtefact {
  if (url.startsWith('/boot.ipxe')) return 'script';
  if (url.startsWith('/apkovl/')) return 'overlay';
  if (/^\/(?:boot|isos|alpine)\//.test(url)) return 'file';
  return url === '/metrics' ? 'metrics' : 'api';
}

function controlError(path: string, error: unknown): PxenError {
  const refused = systemCode(error) === 'EACCES' || systemCode(error) === 'EPERM';
  if (refused)
    return new PxenError(
      'NO_PERMISSION',
      `control socket ${path}: no permission; run as root or use another --root`,
      { cause: error },
    );
  // sun_path of unix(7) holds 107 bytes.
  const reason =
    Buffer.byteLength(path) > 107 ? 'the path is longer than the 107 bytes of a socket' : messageOf(error);
  return new PxenError('STATE_UNUSABLE', `control socket ${path}: ${reason}; use another --root`, {
    cause: error,
  });
}

/**
 * One connection's requests are answered one after the other. Node hands over pipelined ones at once: a single packet
 * could open a thousand files, with two megabytes of buffers each.
 */
function inTurn(listener: RequestListener): RequestListener {
  const queues = new WeakMap<Socket, { last: ServerResponse; waiting: number }>();
  return (request, response) => {
    const { socket } = request;
    const queue = queues.get(socket);
    if (!queue || response.socket) {
      queues.set(socket, { last: response, waiting: 0 });
      return listener(request, response);
    }
    if (queue.waiting >= MAX_PIPELINED) return void socket.destroy();
    queue.waiting++;
    queue.last.once('close', () => {
      queue.waiting--;
      if (!socket.destroyed) listener(request, response);
    });
    queue.last = response;
  };
}

async function serve(
  artefacts: Artefacts,
  api: RequestListener,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!(await artefacts.handle(request, response))) api(request, response);
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    listen();
  });
}

/** EAGAIN: there is a process behind the socket, it is too busy to answer. */
function answers(socket: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', error => resolve(systemCode(error) === 'EAGAIN'));
  });
}
