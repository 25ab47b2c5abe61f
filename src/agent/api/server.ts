import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { AGENT_PATHS, AGENT_SOCKET } from '../../api/agent.ts';
import { messageOf, PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import type { Tree } from '../tree.ts';
import type { Workloads } from '../workload/workloads.ts';
import { sendError, sendJson } from './answer.ts';
import { ConsoleDoor } from './console.ts';
import { askGuest } from './guest.ts';
import { sendOutput } from './output.ts';
import { carryOut } from './run.ts';

export interface ApiPorts {
  readonly root: string;
  readonly workloads: Workloads;
  readonly tree: Tree;
  readonly clock: Clock;
  /** One plain line. */
  readonly say: (line: string) => void;
}

/** A folder or file in place of `:uuid` is told from `/` only after it was decoded. */
const ONE_WORKLOAD = /^\/v1\/workloads\/([^/]+)\/(output|console|guest)$/;

/** What host0 asks of this node, on a unix socket that only root can open; see api/agent.ts. */
export class AgentApi {
  readonly #ports: ApiPorts;
  readonly #server: Server;
  readonly #consoles: ConsoleDoor;
  readonly #path: string;

  constructor(ports: ApiPorts) {
    this.#ports = ports;
    this.#path = join(ports.root, AGENT_SOCKET);
    this.#consoles = new ConsoleDoor(ports);
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
    this.#server.on('error', error => ports.say(`${this.#path}: ${messageOf(error)}`));
  }

  /** Rejects with PORT_IN_USE when another agent answers on the socket already. */
  async start(): Promise<void> {
    const folder = dirname(this.#path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    if (await answers(this.#path))
      throw new PxenError('PORT_IN_USE', `${this.#path}: another agent answers on it`);
    await rm(this.#path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#path, resolve);
    });
    await chmod(this.#path, 0o600);
  }

  async stop(): Promise<void> {
    this.#consoles.close();
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Without a listener an error of a connection that breaks off would end the process.
    response.on('error', () => {});
    try {
      await this.#route(request, response);
    } catch (thrown) {
      sendError(response, thrown);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { workloads } = this.#ports;
    const url = urlOf(request);
    const [, encoded = '', part] = ONE_WORKLOAD.exec(url.pathname) ?? [];
    const route = `${request.method} ${part ?? url.pathname}`;
    switch (route) {
      case `GET ${AGENT_PATHS.workloads}`:
        await workloads.refresh();
        return sendJson(response, 200, { workloads: workloads.statuses() });
      case `POST ${AGENT_PATHS.run}`:
        return carryOut(request, response, workloads);
      case 'GET output':
        return sendOutput(response, decodedUuid(encoded), url.searchParams, this.#ports);
      case 'POST guest':
        return askGuest(request, response, decodedUuid(encoded), workloads);
      case 'GET console':
        throw new PxenError('BAD_REQUEST', 'a console is asked for with Upgrade: pxen-console');
      default:
        throw new PxenError('NOT_FOUND', `nothing answers to ${request.method} ${url.pathname}`);
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    const [, encoded = '', part] = ONE_WORKLOAD.exec(urlOf(request).pathname) ?? [];
    await this.#consoles.open({
      uuid: part === 'console' ? decodedUuid(encoded) : '',
      request,
      socket,
      head,
    });
  }
}

function urlOf(request: IncomingMessage): URL {
  const url = URL.parse(request.url ?? '/', 'http://agent');
  return url ?? new URL('http://agent/');
}

/** What cannot be decoded is the uuid of nothing. */
function decodedUuid(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return '';
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = createConnection(path);
    probe.once('error', () => resolve(false));
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
  });
}
