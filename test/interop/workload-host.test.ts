import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AgentApi } from '../../src/agent/api/server.ts';
import { treeUnder } from '../../src/agent/tree.ts';
import type { GuestAgent } from '../../src/agent/vm/guest-agent.ts';
import { AGENT_SOCKET, type AgentRun, CONSOLE_PROTOCOL } from '../../src/api/agent.ts';
import { type GuestAnswer, type GuestRequest, MOST_GUEST_BYTES } from '../../src/api/guest.ts';
import { workloadConsolePath, workloadGuestPath, workloadOutputPath } from '../../src/api/paths.ts';
import type { Ipv4 } from '../../src/base/ipv4.ts';
import { silentLog } from '../../src/base/ports.ts';
import { systemClock } from '../../src/io/clock.ts';
import { ControlClient } from '../../src/io/control.ts';
import { generateSshKey, type SshKeyPair } from '../../src/io/keys/openssh.ts';
import { fingerprint } from '../../src/io/ssh/fingerprint.ts';
import { type LinkTarget, SshLinks } from '../../src/io/ssh/link.ts';
import { Workloads } from '../../src/service/workload/workloads.ts';
import { ManualClock } from '../fakes/clock.ts';
import { ALPHA_HOST, fileOf, MemoryFiles, MemoryWorkloads, statusOf } from '../fakes/host-workloads.ts';
import { placementOn } from '../fakes/placement.ts';
import { backstage, type Running, running, until } from '../unit/service/http/running.ts';
import { NodeSshd } from './sshd.ts';

/** host0's side of workloads through the sshd of the node image. */
const sshd = new NodeSshd(22_032);
beforeAll(() => sshd.start());
afterAll(() => sshd.stop());

const forever = new AbortController().signal;
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of cleanUp.splice(0).reverse()) await each();
});

/** Listens where the agent of a node does. */
async function agentServer(
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server> {
  const path = join(sshd.root, AGENT_SOCKET);
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  const server = createServer(onRequest);
  await new Promise<void>(resolve => server.listen(path, resolve));
  cleanUp.push(() => {
    server.closeAllConnections();
    server.close();
    rmSync(path, { force: true });
  });
  return server;
}

/** An agent that gives back every byte. */
async function echoAgent(): Promise<{ readonly sockets: Set<Duplex> }> {
  const sockets = new Set<Duplex>();
  const server = await agentServer((_, response) => void response.end('hello\n'));
  server.on('upgrade', (_request, socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${CONSOLE_PROTOCOL}\r\nConnection: Upgrade\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  return { sockets };
}

function links(key: SshKeyPair = sshd.host0, clock = systemClock, port = sshd.port): SshLinks {
  const made = new SshLinks({
    privateKey: async () => key.privateKey,
    user: 'root',
    port,
    socket: AGENT_SOCKET,
    clock,
  });
  cleanUp.push(() => made.close());
  return made;
}

const target = (change: Partial<LinkTarget> = {}): LinkTarget => ({
  node: 'rack1-01 (91d5815f)',
  address: sshd.address,
  hostKey: sshd.hostKey.publicKey,
  bootId: 'boot-1',
  ...change,
});

/** What the agent answers to a plain request over a link of its own. */
async function ask(over: SshLinks, change: Partial<LinkTarget> = {}): Promise<string> {
  const link = await over.open(target(change), forever);
  link.end('GET / HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n');
  return text(link);
}

const logins = (): number => sshd.log.match(/Accepted publickey/g)?.length ?? 0;

describe('links', () => {
  test('share one connection for each boot of a node', async () => {
    await echoAgent();
    const over = links();
    const before = logins();
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(over)));
    expect(
      answers.filter(answer => answer.endsWith('hello\n\r\n0\r\n\r\n') || answer.endsWith('hello\n')),
    ).toHaveLength(30);
    expect(logins() - before).toBe(1);
    await ask(over, { bootId: 'boot-2' });
    expect(logins() - before).toBe(2);
  });

  test('outlive a connection that died: the next one makes a new one', async () => {
    await echoAgent();
    const over = links();
    await ask(over);
    const before = logins();
    // Every process that serves a connection; the daemon that listens stays.
    const pids = sshd.sessions();
    expect(pids.length).toBeGreaterThan(0);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    expect(await ask(over)).toContain('hello');
    expect(logins() - before).toBe(1);
  });

  test('close their connection after some idle minutes, and not while one is open', async () => {
    const { sockets } = await echoAgent();
    const clock = new ManualClock();
    const over = links(sshd.host0, clock);
    const before = logins();
    const held = await over.open(target(), forever);
    held.write(
      `GET / HTTP/1.1\r\nHost: agent\r\nConnection: Upgrade\r\nUpgrade: ${CONSOLE_PROTOCOL}\r\n\r\n`,
    );
    expect(await until(() => sockets.size === 1)).toBe(true);
    clock.advance(3_600_000);
    expect(await ask(over)).toContain('hello');
    expect(logins() - before).toBe(1);
    held.destroy();
    expect(await until(() => sockets.size === 0)).toBe(true);
    expect(await until(() => clock.waiting === 1)).toBe(true);
    const sessions = sshd.sessions().length;
    clock.advance(600_000);
    expect(await until(() => sshd.sessions().length < sessions)).toBe(true);
    await ask(over);
    expect(logins() - before).toBe(2);
  });

  test('close their connection to a node that does not confirm that they ended', async () => {
    await echoAgent();
    const clock = new ManualClock();
    const before = sshd.sessions();
    const link = await links(sshd.host0, clock).open(target(), forever);
    const mine = sshd.sessions().filter(pid => !before.includes(pid));
    for (const pid of mine) process.kill(pid, 'SIGSTOP');
    try {
      link.destroy();
      expect(await until(() => clock.waiting === 1)).toBe(true);
      clock.advance(600_000);
      expect(clock.waiting).toBe(0);
    } finally {
      for (const pid of mine) process.kill(pid, 'SIGCONT');
    }
    expect(await until(() => sshd.sessions().every(pid => !mine.includes(pid)))).toBe(true);
  });

  test('make an agent wait for a slow reader, and lose nothing', async () => {
    const sent = Buffer.alloc(64 * 1024, 'a');
    let written = 0;
    await agentServer((_, response) => {
      const more = (): void => {
        while (!response.destroyed && written < 64 * 1024 * 1024) {
          written += sent.length;
          if (!response.write(sent)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const link = await links().open(target(), forever);
    link.write('GET / HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n');
    await until(() => written > 0);
    await new Promise(resolve => setTimeout(resolve, 500));
    const stuck = written;
    expect(stuck).toBeLessThan(16 * 1024 * 1024);
    let received = 0;
    for await (const piece of link) received += (piece as Buffer).length;
    expect(written).toBe(64 * 1024 * 1024);
    expect(received).toBeGreaterThan(written);
  });
});

test('short lines come when they are written, not 40 ms later with an acknowledgement', async () => {
  await agentServer(async (_, response) => {
    for (let line = 0; line < 5; line++) {
      response.write(`${performance.now()}\n`);
      await new Promise(resolve => setTimeout(resolve, 5));
    }
    response.end();
  });
  const over = links();
  await ask(over);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const link = await over.open(target(), forever);
    link.write('GET / HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n');
    let worst = 0;
    for await (const piece of link)
      for (const [, sent] of String(piece).matchAll(/^(\d+\.\d+)$/gm))
        worst = Math.max(worst, performance.now() - Number(sent));
    best = Math.min(best, worst);
  }
  console.log(`the latest of five lines came ${best.toFixed(1)} ms after it was written`);
  expect(best).toBeLessThan(20);
});

describe('no link is opened', () => {
  test('to a node that shows another host key', async () => {
    let asked = 0;
    await agentServer((_, response) => {
      asked++;
      response.end();
    });
    const other = generateSshKey('other');
    const print = (key: SshKeyPair): string =>
      fingerprint(Buffer.from(key.publicKey.split(' ')[1] ?? '', 'base64'));
    await expect(ask(links(), { hostKey: other.publicKey })).rejects.toMatchObject({
      code: 'HOST_KEY_MISMATCH',
      message: `${sshd.address}:${sshd.port}: shows host key ${print(sshd.hostKey)}, expected ${print(other)}; nothing was sent to it`,
    });
    expect(asked).toBe(0);
  });

  test("to a node that does not know host0's key", async () => {
    await expect(ask(links(generateSshKey('stranger')))).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: `${sshd.address}:${sshd.port}: the node does not accept host0's SSH key`,
    });
  });

  test('where nobody listens', async () => {
    await expect(ask(links(sshd.host0, systemClock, sshd.port + 1))).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
      details: ['the node is up but sshd does not listen: on its console, rc-service sshd status'],
    });
  });

  const agentDown = {
    code: 'AGENT_DOWN',
    message: `the agent of rack1-01 (91d5815f) does not answer: nothing listens on ${AGENT_SOCKET} there`,
    details: ['on the node: rc-service pxen-agent status; tail /var/log/pxen-agent.log'],
  };

  test('to an agent that was never there', async () => {
    await expect(ask(links())).rejects.toMatchObject(agentDown);
  });

  test('to an agent that was killed, and one is to the next', async () => {
    const server = await agentServer((_, response) => void response.end('hello\n'));
    const over = links();
    const path = join(sshd.root, AGENT_SOCKET);
    server.close();
    writeFileSync(path, '');
    await expect(ask(over)).rejects.toMatchObject(agentDown);
    await agentServer((_, response) => void response.end('hello\n'));
    expect(await ask(over)).toContain('hello');
  });

  test('for a caller who has left', async () => {
    await echoAgent();
    const over = links();
    await expect(over.open(target(), AbortSignal.abort())).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: 'the caller went away',
    });
    expect(await ask(over)).toContain('hello');
  });
});

/** pxend's part for workloads on the loopback: control socket, API, service; its only node is behind the sshd. */
async function host0(): Promise<{ here: Running; workloads: Workloads; store: MemoryWorkloads }> {
  const host = {
    ...ALPHA_HOST,
    address: sshd.address as Ipv4,
    hostKey: sshd.hostKey.publicKey,
    workloads: [statusOf('web')],
  };
  const store = new MemoryWorkloads();
  const workloads: Workloads = new Workloads({
    files: new MemoryFiles(fileOf('web')),
    store,
    hosts: () => [host],
    host: () => host,
    links: links(),
    placer: placementOn([host], () => workloads.holdings()),
    accel: 'tcg',
    clock: systemClock,
    log: silentLog,
  });
  await workloads.start();
  const here = await running({
    back: {
      ...backstage,
      workloads: () => workloads.list(),
      runWorkloads: (request, onLine, abort) => workloads.run(request, onLine, abort),
      workloadOutput: (name, wanted, abort) => workloads.output(name, wanted, abort),
      workloadConsole: (name, abort) => workloads.console(name, abort),
      workloadGuest: (name, request, abort) => workloads.guest(name, request, abort),
    },
  });
  cleanUp.push(async () => {
    await workloads.stop();
    await here.stop();
  });
  return { here, workloads, store };
}

/** The agent's own HTTP server, with workloads that only keep what they are told, and a guest that does this. */
async function realAgent(answer?: GuestAgent['answer']): Promise<AgentRun[]> {
  const runs: AgentRun[] = [];
  const api = new AgentApi({
    root: sshd.root,
    tree: treeUnder(sshd.root),
    clock: systemClock,
    say: () => {},
    workloads: {
      run: async (run: AgentRun, tell: (line: object) => void) => {
        runs.push(run);
        tell({ step: 'spawn', text: 'QEMU runs' });
        return { status: statusOf('web'), argv: ['qemu-system-x86_64'] };
      },
      statuses: () => [],
      refresh: async () => {},
      find: () => answer && { name: 'web', state: 'running', guest: { answer } },
    } as never,
  });
  await api.start();
  cleanUp.push(() => api.stop());
  return runs;
}

describe('from mesh to the agent', () => {
  test('the agent in a guest is asked, with 4 MiB both ways', async () => {
    const content = Buffer.alloc(MOST_GUEST_BYTES, 'abc').toString('base64');
    const heard: GuestRequest[] = [];
    await realAgent(async request => {
      heard.push(request);
      return request.ask === 'write' ? { content: request.content } : {};
    });
    const { here } = await host0();
    const client = new ControlClient(here.options.controlSocket);
    const request = { ask: 'write', path: '/x', content };
    const { body, status } = await client.post(workloadGuestPath('web'), request);
    expect([status, (body as GuestAnswer).content === content, heard.length]).toEqual([200, true, 1]);
    expect(heard[0]).toEqual({ ...request, append: false });
  });

  test('a caller who hangs up is known to the agent, which stops looking at the program in the guest', async () => {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    let asked = false;
    await realAgent(
      (_request, signal) =>
        new Promise(() => {
          asked = true;
          signal.addEventListener('abort', () => resolve());
        }),
    );
    const { here } = await host0();
    const socket = connect(here.options.controlSocket);
    const question = JSON.stringify({ ask: 'exec', path: 'sleep' });
    socket.write(
      `POST ${workloadGuestPath('web')} HTTP/1.1\r\nHost: host0\r\nContent-Type: application/json\r\nContent-Length: ${question.length}\r\n\r\n${question}`,
    );
    expect(await until(() => asked)).toBe(true);
    socket.destroy();
    await over;
  });

  test('a start goes through and its lines come back', async () => {
    const runs = await realAgent();
    const { here, store } = await host0();
    const lines: unknown[] = [];
    await new ControlClient(here.options.controlSocket).postForLines(
      '/api/v1/workloads/run',
      { verb: 'start', workloads: ['web'] },
      line => lines.push(line),
    );
    expect(lines).toEqual([
      { workload: 'web', node: '91d5815f', step: 'spawn', text: 'QEMU runs' },
      {
        workload: 'web',
        node: '91d5815f',
        done: { status: statusOf('web'), argv: ['qemu-system-x86_64'] },
      },
    ]);
    expect(runs.map(({ verb, accel, config }) => [verb, accel, config?.text])).toEqual([
      ['start', 'tcg', fileOf('web').text],
    ]);
    expect(store.history).toEqual(['web running sent', 'web running confirmed']);
  });

  test('what the agent refuses comes back as it said it', async () => {
    await realAgent();
    const { here } = await host0();
    const client = new ControlClient(here.options.controlSocket);
    expect(await client.get(workloadOutputPath('web'))).toEqual({
      status: 404,
      body: {
        error: {
          code: 'NOT_FOUND',
          message: 'no workload "uuid-web" runs on this node or was started on it',
          details: [],
        },
      },
    });
    expect(await client.upgrade(workloadConsolePath('web'), CONSOLE_PROTOCOL)).toMatchObject({
      status: 404,
      body: { error: { code: 'NOT_FOUND', message: 'no workload "uuid-web" runs on this node' } },
    });
  });

  test('host0 that is killed during an upload leaves an agent that does nothing', async () => {
    const runs = await realAgent();
    const key = join(sshd.folder, 'host0.key');
    writeFileSync(key, sshd.host0.privateKey, { mode: 0o600 });
    const fixture = join(import.meta.dirname, '../fixtures/half-upload.ts');
    const wanted = [key, sshd.address, String(sshd.port), sshd.hostKey.publicKey, AGENT_SOCKET];
    const child = spawn(process.execPath, ['--no-warnings', fixture, ...wanted], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise(resolve => child.stdout.once('data', resolve));
    const ended = new Promise(resolve => child.once('close', resolve));
    const sessions = sshd.sessions().length;
    child.kill('SIGKILL');
    await ended;
    expect(await until(() => sshd.sessions().length < sessions)).toBe(true);
    expect(runs).toEqual([]);
    const { here } = await host0();
    const lines: unknown[] = [];
    await new ControlClient(here.options.controlSocket).postForLines(
      '/api/v1/workloads/run',
      { verb: 'start', workloads: ['web'] },
      line => lines.push(line),
    );
    expect([lines.length, runs.length]).toEqual([2, 1]);
  });
});

describe('the console', () => {
  async function opened(here: Running): Promise<Duplex> {
    const answer = await new ControlClient(here.options.controlSocket).upgrade(
      workloadConsolePath('web'),
      CONSOLE_PROTOCOL,
    );
    if ('status' in answer) throw new Error(JSON.stringify(answer));
    return answer;
  }

  test('is a pipe to the agent: every byte, both ways, and each end can be closed on its own', async () => {
    const { sockets } = await echoAgent();
    const { here } = await host0();
    const console = await opened(here);
    const sent = Buffer.alloc(3_000_000, 'keys ');
    console.end(sent);
    const back = Buffer.concat(await console.toArray());
    expect(back.equals(sent)).toBe(true);
    expect(await until(() => sockets.size === 0)).toBe(true);
  });

  test('of a visitor who goes away is closed at the agent', async () => {
    const { sockets } = await echoAgent();
    const { here } = await host0();
    const console = await opened(here);
    expect(await until(() => sockets.size === 1)).toBe(true);
    console.destroy();
    expect(await until(() => sockets.size === 0)).toBe(true);
  });

  test('ends for the visitor when the agent goes away', async () => {
    const { sockets } = await echoAgent();
    const { here } = await host0();
    const console = await opened(here);
    console.resume();
    await until(() => sockets.size === 1);
    const ended = new Promise(resolve => console.once('close', resolve));
    for (const socket of sockets) socket.destroy();
    await ended;
  });

  test('does not keep pxend from stopping', async () => {
    const { sockets } = await echoAgent();
    const { here } = await host0();
    const console = await opened(here);
    console.on('error', () => {}).resume();
    await until(() => sockets.size === 1);
    const ended = new Promise(resolve => console.once('close', resolve));
    const before = performance.now();
    await here.service.stop();
    await ended;
    expect(performance.now() - before).toBeLessThan(1000);
    expect(await until(() => sockets.size === 0)).toBe(true);
  });

  test('that nobody reads fills no memory, and neither does output; pxend stops all the same', async () => {
    let written = 0;
    const pour = (into: Duplex | ServerResponse): void => {
      const piece = Buffer.alloc(64 * 1024, 'a');
      const more = (): void => {
        while (!into.destroyed && written < 256 * 1024 * 1024) {
          written += piece.length;
          if (!into.write(piece)) return void into.once('drain', more);
        }
      };
      into.on('error', () => {});
      more();
    };
    const server = await agentServer((_, response) => pour(response));
    server.on('upgrade', (_request, socket: Duplex) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${CONSOLE_PROTOCOL}\r\nConnection: Upgrade\r\n\r\n`,
      );
      pour(socket);
    });
    const { here, workloads } = await host0();
    const console = (await opened(here)).pause().on('error', () => {});
    const follower = connect(here.options.controlSocket).on('error', () => {});
    follower.write(`GET ${workloadOutputPath('web')}?follow=1 HTTP/1.1\r\nHost: host0\r\n\r\n`);
    await until(() => written > 0);
    await new Promise(resolve => setTimeout(resolve, 500));
    expect(written).toBeLessThan(32 * 1024 * 1024);
    const before = performance.now();
    await Promise.all([workloads.stop(), here.service.stop()]);
    expect(performance.now() - before).toBeLessThan(1000);
    for (const each of [console, follower]) each.destroy();
  });
});
