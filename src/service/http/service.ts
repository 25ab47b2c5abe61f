import { chmod, mkdir, rm } from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { PxenError } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Log, Service } from '../../base/ports.ts';
import { type Backstage, controlApi, publicApi } from './api.ts';
import { type ArtefactSources, Artefacts } from './artefacts.ts';

export interface HttpServiceOptions extends ArtefactSources {
  readonly address: Ipv4;
  readonly port: number;
  /** Unix socket for `mesh`, mode 0600. */
  readonly controlSocket: string;
  readonly back: Backstage;
  readonly log: Log;
  /** Makes a refused bind say what to do. */
  readonly bindError: (
    error: unknown,
    wanted: { address: string; port: number },
    protocol: string,
  ) => PxenError;
}

/** A request's headers must be here within this time, milliseconds: a slow client keeps a socket, not for ever. */
const HEADERS_TIMEOUT = 10_000;

/** HTTP for the machines, and the control socket for `mesh`. */
export class HttpService implements Service {
  readonly name = 'http';
  readonly #d: HttpServiceOptions;
  #servers: Server[] = [];

  constructor(options: HttpServiceOptions) {
    this.#d = options;
  }

  async start(): Promise<void> {
    const artefacts = new Artefacts(this.#d);
    const api = publicApi(this.#d.back, this.#d.log);
    const machines = this.#server((request, response) => void serve(artefacts, api, request, response));
    const control = this.#server(controlApi(this.#d.back, this.#d.log));
    await this.#listenControl(control);
    await this.#listen(machines);
  }

  /** Transfers that run are cut: an appliance that is told to stop must be gone within two seconds. */
  async stop(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    for (const server of servers) server.closeAllConnections();
    await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))));
  }

  health(): string | undefined {
    return this.#servers.every(server => server.listening) ? undefined : 'not listening';
  }

  #server(listener: RequestListener): Server {
    const server = createServer({ headersTimeout: HEADERS_TIMEOUT, requestTimeout: 0 }, listener);
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
    await rm(controlSocket, { force: true });
    await mkdir(dirname(controlSocket), { recursive: true, mode: 0o700 });
    await listening(server, () => server.listen(controlSocket));
    await chmod(controlSocket, 0o600);
  }
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

function answers(socket: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
