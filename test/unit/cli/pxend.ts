import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type CtlLine, type CtlRequest, ctlRequestSchema } from '../../../src/api/ctl.ts';
import { errorBody } from '../../../src/api/error.ts';
import { type GuestAnswer, type GuestRequest, guestRequestSchema } from '../../../src/api/guest.ts';
import { NDJSON, PATHS } from '../../../src/api/paths.ts';
import { type WorkloadRun, workloadRunSchema } from '../../../src/api/workloads.ts';
import { PxenError } from '../../../src/base/error.ts';

/** A pxend that knows some nodes and says what it is told to say: real HTTP on a real control socket below a folder of its own. */
export interface FakePxend {
  readonly root: string;
  readonly asked: CtlRequest[];
  readonly runs: WorkloadRun[];
  /** Paths of what was asked for output and consoles, with their queries. */
  readonly paths: string[];
  /** What was asked of hosts and placements: `PUT /api/v1/hosts/kvm1` and the body. */
  readonly placing: (readonly [what: string, body: unknown])[];
  /** What was asked of agents in guests, with its path. */
  readonly guests: (readonly [path: string, request: GuestRequest])[];
  stop(): Promise<void>;
}

export interface Play {
  readonly nodes?: readonly object[];
  readonly detail?: object;
  /** What `ctl` answers, piece by piece; a string goes out as it is. */
  readonly lines?: readonly (CtlLine | string)[];
  readonly workloads?: readonly object[];
  /** One list for each time that it is asked for; the last one stays. */
  readonly hosts?: readonly (readonly object[])[];
  readonly realms?: object;
  /** What is answered to anything that is changed or asked of hosts and placements, by method and path as in `placing`. */
  readonly answers?: Readonly<Record<string, object>>;
  /** What a run of workloads answers, as `lines`. */
  readonly run?: readonly (object | string)[];
  /** The output of a workload, piece by piece. */
  readonly output?: readonly (string | Uint8Array)[];
  /** The far end of a console. */
  readonly console?: (connection: Duplex) => void;
  /** What the agent in the guest of any workload answers. */
  readonly guest?: (request: GuestRequest) => GuestAnswer;
  /** Whatever is asked for but lists gets this. */
  readonly refuse?: PxenError;
  /** The connection breaks after the lines. */
  readonly breaks?: boolean;
}

type Asked = Pick<FakePxend, 'asked' | 'runs' | 'paths' | 'placing' | 'guests'>;

export async function fakePxend(play: Play): Promise<FakePxend> {
  const root = await mkdtemp(join(tmpdir(), 'pxen-cli-'));
  const asked: Asked = { asked: [], runs: [], paths: [], placing: [], guests: [] };
  await mkdir(join(root, 'run/pxen'), { recursive: true });
  const server = createServer(listener(play, asked)).listen(join(root, 'run/pxen/pxend.sock'));
  const consoles = new Set<Duplex>();
  server.on('upgrade', (request, connection, head) => {
    consoles.add(connection);
    asked.paths.push(`${request.headers.upgrade} ${request.url}`);
    connection.on('error', () => {});
    if (head.length > 0) connection.unshift(head);
    upgrade(play, connection);
  });
  await new Promise(resolve => server.once('listening', resolve));
  return {
    root,
    ...asked,
    async stop() {
      for (const connection of consoles) connection.destroy();
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
      await rm(root, { recursive: true });
    },
  };
}

function upgrade({ console, refuse }: Play, connection: Duplex): void {
  const body = JSON.stringify(errorBody(refuse ?? new PxenError('NOT_FOUND', 'no such path')));
  const head = [`content-length: ${body.length}`, 'connection: close', '', body];
  if (refuse || !console) {
    connection.end(['HTTP/1.1 409 Conflict', ...head].join('\r\n'));
    return;
  }
  connection.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: pxen-console\r\n\r\n',
  );
  console(connection);
}

function listener(play: Play, asked: Asked): RequestListener {
  const hosts = [...(play.hosts ?? [])];
  return async (request, response) => {
    const json = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const pieces = async (all: readonly (object | string | Uint8Array)[]): Promise<void> => {
      response.writeHead(200, { 'content-type': NDJSON });
      for (const piece of all) {
        response.write(
          typeof piece === 'string' || piece instanceof Uint8Array ? piece : `${JSON.stringify(piece)}\n`,
        );
        await new Promise(resolve => setTimeout(resolve, 2));
      }
      if (play.breaks) response.destroy();
      else response.end();
    };
    const body = await bodyOf(request);
    const path = (request.url ?? '').replace(/\?.*/, '');
    if (path === PATHS.nodes) return json(200, { nodes: play.nodes ?? [] });
    if (path === PATHS.workloads) return json(200, { workloads: play.workloads ?? [] });
    if (path === PATHS.hosts)
      return json(200, { hosts: (hosts.length > 1 ? hosts.shift() : hosts[0]) ?? [] });
    if (path === PATHS.realms && play.realms) return json(200, play.realms);
    if ([`${PATHS.hosts}/`, PATHS.placements, PATHS.plans].some(prefix => path.startsWith(prefix)))
      asked.placing.push([`${request.method} ${path}`, body]);
    if (path === PATHS.ctl) asked.asked.push(ctlRequestSchema.parse(body));
    if (path === PATHS.workloadRun) asked.runs.push(workloadRunSchema.parse(body));
    if (path.endsWith('/output')) asked.paths.push(request.url ?? '');
    if (play.refuse) return json(502, errorBody(play.refuse));
    const answer = play.answers?.[`${request.method} ${path}`];
    if (answer) return json(200, answer);
    if (path === PATHS.ctl) return pieces(play.lines ?? []);
    if (path === PATHS.workloadRun) return pieces(play.run ?? []);
    if (path.endsWith('/output') && play.output) return pieces(play.output);
    if (path.endsWith('/guest') && play.guest) {
      asked.guests.push([path, guestRequestSchema.parse(body)]);
      return json(200, play.guest(guestRequestSchema.parse(body)));
    }
    if (play.detail) return json(200, play.detail);
    return json(404, errorBody(new PxenError('NOT_FOUND', 'no such path')));
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return parts.length === 0 ? undefined : JSON.parse(Buffer.concat(parts).toString());
}
