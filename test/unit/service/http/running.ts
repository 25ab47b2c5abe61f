import { createCipheriv } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { PxenError } from '../../../../src/base/error.ts';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import { silentMeter } from '../../../../src/base/meter.ts';
import type { Log } from '../../../../src/base/ports.ts';
import { answerOverlay } from '../../../../src/domain/boot/access.ts';
import type { Lease } from '../../../../src/domain/lease/lease.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import type { BootEvent } from '../../../../src/domain/node/timeline.ts';
import { systemClock } from '../../../../src/io/clock.ts';
import { MountedFiles } from '../../../../src/io/files/served.ts';
import { bindError } from '../../../../src/io/udp.ts';
import type { Backstage } from '../../../../src/service/http/api.ts';
import { HttpService, type HttpServiceOptions } from '../../../../src/service/http/service.ts';

/** An HTTP service on the loopback with files in a temporary folder, and all it left behind. */
export interface Running {
  readonly service: HttpService;
  readonly options: HttpServiceOptions;
  readonly root: string;
  readonly url: string;
  readonly events: BootEvent[];
  readonly logged: string[];
  /** Tokens with which an overlay went out to its end. */
  readonly delivered: string[];
  /** Puts a file below the folder that is served. */
  put(path: string, content: Uint8Array | string): Promise<string>;
  /** A plain connection, for what no HTTP client would send. */
  dial(): Socket;
  stop(): Promise<void>;
}

/** Opens the API on the network. */
export const API_TOKEN = 'api-token-of-this-test';
export const TOKEN = 'AAAAAAAAAAAAAAAAAAAAAA';
export const OVERLAY = [Buffer.from('base member'), Buffer.from('node member')];

/** What the loopback's address is leased to, and which machines have folders. */
export interface Site {
  readonly leasedTo?: string;
  readonly known?: readonly string[];
  readonly conflict?: string;
  readonly unknown?: 'default' | 'wait';
}

export async function running(
  overrides: Partial<HttpServiceOptions> = {},
  site: Site = {},
): Promise<Running> {
  const root = await mkdtemp(join(tmpdir(), 'pxen-http-'));
  const served = join(root, 'srv');
  await mkdir(served);
  const events: BootEvent[] = [];
  const logged: string[] = [];
  const delivered: string[] = [];
  const port = await freePort();
  const options: HttpServiceOptions = {
    address: '127.0.0.1' as Ipv4,
    port,
    controlSocket: join(root, 'run/pxend.sock'),
    bindError,
    files: new MountedFiles([{ prefix: '', root: served }]),
    script: async request => (request ? `#!ipxe\n# ${request.mac}\n` : '#!ipxe\n'),
    mayHaveOverlay: async (id, from, token) =>
      answerOverlay({
        id,
        from,
        leases: true,
        token: token === undefined ? 'missing' : token === TOKEN ? 'good' : 'unknown',
        lease: site.leasedTo === undefined ? undefined : leaseTo(site.leasedTo),
        known: site.known?.includes(id) ?? false,
        conflict: site.conflict,
        unknown: site.unknown ?? 'default',
      }),
    overlayDelivered: async token => void delivered.push(token),
    overlay: async (_id, which) => ({
      members: OVERLAY,
      hash: 'c0ffee',
      folder: which === 'own' ? 'rack1-07' : 'default',
    }),
    back: { ...backstage },
    metrics: async () => 'pxen_nodes 0\n',
    apiTokens: async () => [API_TOKEN],
    meter: silentMeter,
    timeline: { record: event => void events.push(event) },
    clock: systemClock,
    log: logInto(logged),
    ...overrides,
  };
  const service = new HttpService(options);
  try {
    await service.start();
  } catch (error) {
    await service.stop();
    await rm(root, { recursive: true });
    throw error;
  }
  return {
    service,
    options,
    root,
    url: `http://127.0.0.1:${port}`,
    events,
    logged,
    delivered,
    async put(path, content) {
      const file = join(served, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
      return file;
    },
    dial() {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      return socket;
    },
    async stop() {
      await service.stop();
      await rm(root, { recursive: true });
    },
  };
}

/** Of a host0 that has hardly anything to tell. */
export const backstage: Backstage = {
  report: async report => ({ interval: 10, full: report.kind === 'heartbeat' }),
  nodes: async () => [],
  node: async () => {
    throw new Error('a fault on purpose');
  },
  ctl: async (_request, onLine) => {
    await onLine({ node: '91d5815f' as MachineId, stream: 'stdout', data: 'hello\n' });
    await onLine({ node: '91d5815f' as MachineId, exit: 0 });
  },
  hosts: async () => [],
  changeHost: async name => {
    throw new PxenError('NOT_FOUND', `no host is called "${name}"`);
  },
  removeHost: async name => ({ removed: name }),
  realms: async () => ({ realms: [], profiles: [], problems: [], warnings: [] }),
  placement: async ({ subject }) => ({
    workload: 'workload' in subject ? subject.workload : subject.file,
    host: null,
    reasons: ['there are no hosts'],
    costs: [],
  }),
  plan: async () => ({ placements: [], placed: 0, cost: 0, oneByOne: { placed: 0, cost: 0 } }),
  workloads: async () => [],
  runWorkloads: async ({ workloads, verb }, onLine) => {
    for (const workload of workloads) {
      await onLine({ workload, node: '91d5815f' as MachineId, step: verb, text: 'one step' });
      await onLine({ workload, node: '91d5815f' as MachineId, done: {} });
    }
  },
  workloadOutput: async (name, wanted) => Readable.from([Buffer.from(`${name} ${JSON.stringify(wanted)}\n`)]),
  workloadConsole: async name => {
    throw new PxenError('WORKLOAD_STATE', `${name} is on no node`);
  },
  workloadGuest: async (name, request) => ({ version: `${name} ${JSON.stringify(request)}`.slice(0, 64) }),
  forget: async () => {},
  capture: async () => new Uint8Array(),
  status: async () => {
    throw new Error('a fault on purpose');
  },
  health: () => ({ ok: true, version: '0', parts: { http: null } }),
};

function leaseTo(machineId: string): Lease {
  return {
    mac: '52:54:00:12:34:56',
    address: '127.0.0.1',
    machineId,
    uuid: undefined,
    expiresAt: 0,
  } as unknown as Lease;
}

function logInto(lines: string[]): Log {
  const write =
    (level: string) =>
    (subsystem: string, message: string): void =>
      void lines.push(`${level} ${subsystem}: ${message}`);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => probe.once('listening', resolve));
  const address = probe.address();
  await new Promise(resolve => probe.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** Files and sockets that this process has open. */
export async function openHandles(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

/** Waits until the condition holds, at most so many milliseconds; returns whether it does. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  milliseconds = 3000,
): Promise<boolean> {
  const end = Date.now() + milliseconds;
  while (!(await condition())) {
    if (Date.now() > end) return false;
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  return true;
}

/** Bytes without a pattern that repeats, the same in every run. */
export function noise(size: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** All that a connection still brings; ends when the other side closes it. */
export async function everything(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on('data', part => parts.push(part as Buffer));
  await new Promise(resolve => socket.once('close', resolve));
  return Buffer.concat(parts);
}
