import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import { type AgentRun, agentRunSchema, CONSOLE_PROTOCOL } from '../../src/api/agent.ts';
import { errorBody } from '../../src/api/error.ts';
import { PxenError } from '../../src/base/error.ts';
import type { MachineId } from '../../src/domain/machine/genid.ts';
import type { Host } from '../../src/domain/workload/host.ts';
import type { WorkloadStatus } from '../../src/domain/workload/status.ts';
import type { AgentAddress, AgentLinks } from '../../src/service/workload/agent.ts';
import { statusOf } from './host-workloads.ts';

/** What one agent does with a command: yields its lines, see agentLineSchema. Throwing a PxenError is an `error` line, anything else breaks off. */
export type Script = (run: AgentRun, at: MachineId, caller: AbortSignal) => AsyncIterable<object>;

/** Agents of some nodes: real HTTP over streams in memory, and virtual machines that are only said to run. */
export class FakeAgents implements AgentLinks {
  /** `start web@91d5815f`, in order. */
  readonly received: string[] = [];
  readonly runs: AgentRun[] = [];
  /** What runs where, as the next report of each node would tell. */
  readonly machines = new Map<MachineId, Map<string, WorkloadStatus>>();
  /** By node address: it cannot be reached. */
  readonly unreachable = new Map<string, PxenError>();
  readonly opened: AgentAddress[] = [];
  script: Script = (run, at) => this.obey(run, at);
  /** Text of every output. */
  output = 'one line\n';
  readonly #ends = new Set<Duplex>();
  readonly #servers = new Map<string, Server>();
  readonly #hosts: readonly Host[];

  constructor(hosts: readonly Host[]) {
    this.#hosts = hosts;
    for (const { address = '', id } of hosts) {
      const server = createServer((request, response) => void this.#answer(id, request, response));
      server.on('upgrade', (request, socket) => this.#upgrade(request, socket));
      this.#servers.set(address, server);
    }
  }

  async open(to: AgentAddress, signal: AbortSignal): Promise<Duplex> {
    const failure = this.unreachable.get(to.address);
    if (failure) throw failure;
    if (signal.aborted) throw new PxenError('TIMEOUT', 'the caller went away');
    this.opened.push(to);
    const [near, far] = duplexPair();
    for (const end of [near, far]) {
      this.#ends.add(end);
      end.once('close', () => this.#ends.delete(end));
    }
    // One that is destroyed takes the other along, as a connection does.
    near.once('close', () => far.destroy());
    far.once('close', () => near.destroy());
    this.#servers.get(to.address)?.emit('connection', far);
    return near;
  }

  /** Connections that are open. */
  get links(): number {
    return this.#ends.size / 2;
  }

  close(): void {
    for (const end of this.#ends) end.destroy();
  }

  on(id: MachineId): WorkloadStatus[] {
    return [...(this.machines.get(id)?.values() ?? [])];
  }

  /** As a good agent would. */
  async *obey({ dryRun, uuid, verb }: AgentRun, at: MachineId): AsyncGenerator<object> {
    const machines = this.machines.get(at) ?? new Map<string, WorkloadStatus>();
    this.machines.set(at, machines);
    const name = uuid.replace('uuid-', '');
    const there = machines.get(uuid);
    const isAlive = there !== undefined && there.state !== 'ended';
    if (verb === 'download') {
      yield { progress: { volume: 0, path: '/tmp/a.iso', received: 5, total: 10 } };
      yield { done: {} };
      return;
    }
    if (verb === 'start' || verb === 'restart') {
      if (isAlive && verb === 'start')
        throw new PxenError('WORKLOAD_STATE', `${name}: runs already on this node (pid 7)`);
      const status = statusOf(name);
      yield { step: 'spawn', text: 'QEMU runs' };
      if (!dryRun) machines.set(uuid, status);
      yield { done: { ...(dryRun ? {} : { status }), argv: ['qemu-system-x86_64'] } };
      return;
    }
    if (!there) throw new PxenError('WORKLOAD_STATE', `${name}: is not on this node`);
    if (verb === 'stop' || verb === 'soft-stop') machines.delete(uuid);
    else machines.set(uuid, { ...there, state: verb === 'pause' ? 'paused' : 'running' });
    yield { done: { status: machines.get(uuid) } };
  }

  async #answer(id: MachineId, request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    if (request.method === 'GET') {
      const { searchParams } = new URL(request.url ?? '', 'http://agent');
      this.received.push(`output ${searchParams}@${id}`);
      response.write(this.output);
      if (searchParams.get('follow') !== '1') response.end();
      return;
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const text = await textOf(request);
    if (request.url?.endsWith('/guest')) {
      this.received.push(`${request.url} ${text}@${id}`);
      response.end(JSON.stringify({ version: '7.2.22' }));
      return;
    }
    try {
      const run = agentRunSchema.parse(JSON.parse(text));
      this.received.push(`${run.verb} ${run.uuid.replace('uuid-', '')}@${id}`);
      this.runs.push(run);
      for await (const line of this.script(run, id, gone.signal)) response.write(`${JSON.stringify(line)}\n`);
      response.end();
    } catch (error) {
      if (!(error instanceof PxenError)) return void response.destroy();
      response.end(`${JSON.stringify(errorBody(error))}\n`);
    }
  }

  /** Says back what it hears, in capitals. */
  #upgrade(request: IncomingMessage, socket: Duplex): void {
    this.received.push(`console ${request.url}`);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${CONSOLE_PROTOCOL}\r\nConnection: Upgrade\r\n\r\nlogin: `,
    );
    socket.on('data', (piece: Buffer) => socket.write(piece.toString().toUpperCase()));
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
  }

  /** The nodes with what runs on them. */
  reported(at: number): Host[] {
    return this.#hosts.map(host => ({ ...host, reportedAt: at, workloads: this.on(host.id) }));
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request) text += String(piece);
  return text;
}
