import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Duplex, PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConsoleDoor } from '../../../../src/agent/api/console.ts';
import { AgentApi, type ApiPorts } from '../../../../src/agent/api/server.ts';
import { treeUnder } from '../../../../src/agent/tree.ts';
import { Workloads } from '../../../../src/agent/workload/workloads.ts';
import {
  AGENT_PATHS,
  AGENT_SOCKET,
  agentConsolePath,
  agentLineSchema,
  agentListSchema,
  agentOutputPath,
} from '../../../../src/api/agent.ts';
import { systemClock } from '../../../../src/io/clock.ts';
import { FakeNode } from '../../../fakes/qemu.ts';

let node: FakeNode;
let workloads: Workloads;
let api: AgentApi;
let ports: ApiPorts;
let said: string[];

beforeEach(async () => {
  node = new FakeNode();
  said = [];
  workloads = new Workloads({ ...node.ports(), clock: systemClock });
  ports = {
    root: node.root,
    tree: treeUnder(node.root),
    workloads,
    clock: systemClock,
    say: line => said.push(line),
  };
  api = new AgentApi(ports);
  await api.start();
});

afterEach(async () => {
  await workloads.stop();
  await api.stop();
  node.remove();
});

const socket = (): string => join(node.root, AGENT_SOCKET);

function ask(
  method: string,
  path: string,
  body?: string,
): Promise<{ status: number | undefined; type: string | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: socket(), method, path }, async response => {
      resolve({
        status: response.statusCode,
        type: response.headers['content-type'],
        text: await textOf(response),
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += piece;
  return text;
}

const file = (console: string): string =>
  `name=web\nuuid=w1\nplatform.memory.size=1M\nplatform.cpu.threads=1\nplatform.cpu.mode=max\nruntime.console.type=${console}\n`;
const startRequest = (console = 'serial-socket'): string =>
  JSON.stringify({
    verb: 'start',
    uuid: 'w1',
    accel: 'tcg',
    config: { file: 'web.conf', text: file(console) },
  });
const start = (console?: string): ReturnType<typeof ask> =>
  ask('POST', AGENT_PATHS.run, startRequest(console));

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await sleep(5);
  expect(condition()).toBe(true);
}

describe('the socket', () => {
  test('is for root alone, and takes the place of a dead one', async () => {
    await api.stop();
    expect(existsSync(socket())).toBe(false);
    const folder = join(node.root, 'run/pxen');
    chmodSync(folder, 0o755);
    writeFileSync(socket(), 'left behind');
    api = new AgentApi(ports);
    await api.start();
    expect([statSync(folder).mode & 0o777, statSync(socket()).mode & 0o777]).toEqual([0o700, 0o600]);
    expect((await ask('GET', AGENT_PATHS.workloads)).status).toBe(200);
  });

  test('is left to an agent that answers on it', async () => {
    await expect(new AgentApi(ports).start()).rejects.toThrow(`${socket()}: another agent answers on it`);
    expect((await ask('GET', AGENT_PATHS.workloads)).status).toBe(200);
  });
});

describe('requests', () => {
  test('for the list are answered with fresh figures', async () => {
    await start();
    const { text, type } = await ask('GET', AGENT_PATHS.workloads);
    expect(type).toBe('application/json');
    expect(agentListSchema.parse(JSON.parse(text)).workloads).toMatchObject([
      { name: 'web', state: 'running', accel: 'tcg', usage: { cpuSeconds: 2, diskReadBytes: 4096 } },
    ]);
  });

  test('for a command are answered line by line, the last one is done or error', async () => {
    const first = await start();
    expect([first.status, first.type]).toEqual([200, 'application/x-ndjson']);
    const lines = first.text
      .trimEnd()
      .split('\n')
      .map(line => agentLineSchema.parse(JSON.parse(line)));
    expect(lines.flatMap(line => ('step' in line ? [line.step] : []))).toEqual([
      'validate',
      'fetch',
      'check',
      'folder',
      'spawn',
      'handshake',
      'boot',
    ]);
    expect(lines.at(-1)).toMatchObject({ done: { status: { state: 'running' }, argv: expect.any(Array) } });
    const second = await start();
    expect([second.status, JSON.parse(second.text)]).toMatchObject([
      200,
      {
        error: { code: 'WORKLOAD_STATE', message: 'web: runs already on this node (pid 1000)', details: [] },
      },
    ]);
  });

  test.each([
    ['POST', AGENT_PATHS.run, '{', 400, /^the request is no JSON/],
    [
      'POST',
      AGENT_PATHS.run,
      '{"verb":"explode","uuid":"w1"}',
      400,
      /^the command for a workload does not have the expected form/,
    ],
    ['POST', AGENT_PATHS.run, `"${'x'.repeat(5_500_000)}"`, 400, /^the request has more than \d+ bytes$/],
    ['PUT', AGENT_PATHS.run, '', 404, /^nothing answers to PUT \/v1\/run$/],
    ['GET', '/', undefined, 404, /^nothing answers to GET \/$/],
    ['GET', '//%', undefined, 404, /^nothing answers/],
    ['GET', agentConsolePath('w1'), undefined, 400, /Upgrade: pxen-console/],
    ['GET', agentOutputPath('w1'), undefined, 404, /^no workload "w1" runs/],
    ['GET', agentOutputPath('../../etc'), undefined, 404, /^no workload "..\/..\/etc" runs/],
    ['GET', '/v1/workloads/%ff/output', undefined, 404, /^no workload "" runs/],
    ['GET', `${agentOutputPath('w1')}?lines=-1`, undefined, 400, /^the request for output/],
  ])('%s %s is refused', async (method, path, body, status, message) => {
    const answer = await ask(method, path, body);
    expect([answer.status, answer.type, JSON.parse(answer.text).error.message]).toEqual([
      status,
      'application/json',
      expect.stringMatching(message),
    ]);
  });

  test('that are cut off do nothing', async () => {
    const body = startRequest();
    const client = createConnection(socket());
    client.write(`POST /v1/run HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length + 10}\r\n\r\n${body}`);
    await sleep(30);
    client.destroy();
    await sleep(30);
    expect([node.qemus, workloads.statuses()]).toEqual([[], []]);
  });

  test('whose sender goes away are carried out', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    node.volumes.fetch = async on => {
      await promise;
      for (let i = 0; i < 5000; i++) on.progress(0, '/v/x', i);
    };
    const body = startRequest();
    const client = createConnection(socket());
    client.write(`POST /v1/run HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await until(() => workloads.statuses().length === 1);
    client.destroy();
    resolve();
    await until(() => workloads.statuses()[0]?.state === 'running');
  });
});

describe('output', () => {
  const path = agentOutputPath('w1');

  test('is sent as it is, the last lines of it', async () => {
    await start();
    node.qemu.say('one\ntwo\nthree\n');
    expect(await ask('GET', `${path}?lines=2`)).toEqual({
      status: 200,
      type: 'text/plain; charset=utf-8',
      text: 'two\nthree\n',
    });
    expect((await ask('GET', path)).text).toBe('one\ntwo\nthree\n');
    expect((await ask('GET', `${path}?of=serial`)).text).toBe('');
  });

  test('of a start that failed can be read', async () => {
    node.onLaunch = qemu => {
      qemu.hangs = true;
      qemu.end(1);
    };
    await start();
    expect((await ask('GET', path)).text).toBe('pxen: WORKLOAD_FAILED: web: QEMU ended at once\n');
    expect((await ask('GET', `${path}?follow=1`)).text).toContain('QEMU ended at once');
  });

  test('is followed through a cut of the log to the end of the workload', async () => {
    await start();
    const line = `${'x'.repeat(1023)}\n`;
    const following = ask('GET', `${path}?follow=1&lines=0`);
    await sleep(50);
    node.qemu.say(line.repeat(1500));
    await sleep(300);
    await workloads.find('w1')?.lookAfter();
    expect(statSync(join(node.root, 'tmp/pxen/w1/output.log')).size).toBe(512 * 1024);
    node.qemu.say('the end\n');
    node.qemu.shutDown('guest-shutdown');
    expect((await following).text).toBe(`${line.repeat(1500)}the end\n`);
  });
});

describe('a console', () => {
  let serial: Server;
  let guests: Socket[];

  async function serveSerial(): Promise<void> {
    guests = [];
    serial = createServer(guest => {
      guests.push(guest);
      guest.on('error', () => {});
      guest.write('login: ');
    });
    await new Promise<void>(resolve => serial.listen(join(node.root, 'tmp/pxen/w1/serial.sock'), resolve));
  }

  function open(uuid = 'w1', upgrade = 'pxen-console'): Promise<Duplex | { code: string; message: string }> {
    return new Promise((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade };
      const sent = request({ socketPath: socket(), path: agentConsolePath(uuid), headers });
      sent.on('upgrade', (response, stream, head) => {
        expect(response.headers.upgrade).toBe('pxen-console');
        stream.unshift(head);
        resolve(stream);
      });
      sent.on('response', async response => resolve(JSON.parse(await textOf(response)).error));
      sent.on('error', reject);
      sent.end();
    });
  }

  async function heard(stream: Duplex, wanted: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    const take = (piece: Buffer): void => void pieces.push(piece);
    stream.on('data', take).resume();
    await until(() => pieces.reduce((sum, piece) => sum + piece.length, 0) >= wanted);
    stream.pause().off('data', take);
    return Buffer.concat(pieces);
  }

  const isStream = (console: unknown): console is Duplex => console instanceof Object && 'pipe' in console;
  async function opened(): Promise<Duplex> {
    const console = await open();
    if (isStream(console)) return console;
    throw new Error(console.message);
  }

  test('carries bytes both ways, all of them', async () => {
    await start();
    await serveSerial();
    const console = await opened();
    expect((await heard(console, 7)).toString()).toBe('login: ');
    const bytes = Buffer.alloc(3_000_000, 0).map((_, i) => i % 251);
    const guest = guests[0];
    if (!guest) throw new Error('nobody came');
    guest.write(bytes);
    expect((await heard(console, bytes.length)).equals(bytes)).toBe(true);
    console.write(bytes);
    expect((await heard(guest, bytes.length)).equals(bytes)).toBe(true);
    serial.close();
  });

  test('is for one at a time, and free again when that one has gone', async () => {
    await start();
    await serveSerial();
    const first = await opened();
    expect(await open()).toMatchObject({
      code: 'WORKLOAD_BUSY',
      message: 'web: its console is in use, and it serves one at a time',
    });
    first.destroy();
    await until(() => guests[0]?.destroyed === true);
    const second = await opened();
    guests[1]?.destroy();
    second.resume();
    await new Promise(resolve => second.once('close', resolve));
    mkdirSync(join(node.root, 'proc/net'), { recursive: true });
    writeFileSync(
      join(node.root, 'proc/net/unix'),
      `0000: 00000003 00000000 00000000 0001 03 123 ${node.root}/tmp/pxen/w1/serial.sock\n`,
    );
    expect(await open()).toMatchObject({ code: 'WORKLOAD_BUSY' });
    serial.close();
  });

  test('is not kept by a visitor who is gone before it answers', async () => {
    await start();
    await serveSerial();
    const visitor = new PassThrough();
    const asked = { method: 'GET', headers: { upgrade: 'pxen-console' } } as IncomingMessage;
    const opening = new ConsoleDoor(ports).open({
      uuid: 'w1',
      request: asked,
      socket: visitor,
      head: Buffer.alloc(0),
    });
    visitor.destroy();
    await opening;
    await until(() => guests[0]?.destroyed === true);
    serial.close();
  });

  test('is refused with the reason where there is none', async () => {
    expect(await open()).toMatchObject({ code: 'NOT_FOUND', message: 'no workload "w1" runs on this node' });
    expect(await open('w1', 'websocket')).toMatchObject({
      code: 'BAD_REQUEST',
      message: 'expected GET with Upgrade: pxen-console',
    });
    await start();
    expect(await open()).toMatchObject({
      code: 'WORKLOAD_FAILED',
      message: expect.stringMatching(/^web: its console does not answer: connect ENOENT/),
    });
    node.qemu.shutDown('guest-shutdown');
    await until(() => workloads.statuses()[0]?.state === 'ended');
    expect(await open()).toMatchObject({
      code: 'WORKLOAD_STATE',
      message: 'web: has no console any more: the guest shut down',
    });
    await start('vnc\nruntime.console.id=3');
    expect(await open()).toMatchObject({
      code: 'WORKLOAD_STATE',
      message: 'web: its console is a screen; open it with a VNC viewer on port 5903 of the node',
    });
  });

  test('ends with the agent', async () => {
    await start();
    await serveSerial();
    const console = await opened();
    const closed = new Promise(resolve => console.once('close', resolve));
    console.resume();
    await api.stop();
    await closed;
    serial.close();
  });
});
