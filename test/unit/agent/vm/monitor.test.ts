import { linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type MonitorOptions, QmpMonitor } from '../../../../src/agent/vm/monitor.ts';
import { PxenError } from '../../../../src/base/error.ts';
import type { QmpEvent } from '../../../../src/wire/qmp/message.ts';
import { ManualClock } from '../../../fakes/clock.ts';

const GREETING =
  '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}\r\n';

interface Command {
  readonly execute: string;
  readonly id: number;
}

/** Stands in for QEMU: greets, takes qmp_capabilities, and hands everything else to the test. */
class FakeQemu {
  readonly commands: Command[] = [];
  readonly #server: Server;
  #socket: Socket | undefined;

  constructor(path: string, greeting = GREETING) {
    this.#server = createServer(socket => {
      this.#socket = socket;
      socket.setEncoding('utf8').on('data', (text: unknown) => this.#take(String(text)));
      socket.write(greeting);
    }).listen(path);
  }

  #take(text: string): void {
    for (const line of text.split('\n').filter(line => line !== '')) {
      const command = JSON.parse(line) as Command;
      if (command.execute === 'qmp_capabilities') this.say({ return: {}, id: command.id });
      else this.commands.push(command);
    }
  }

  say(message: object): void {
    this.#socket?.write(`${JSON.stringify(message)}\r\n`);
  }

  hangUp(): void {
    this.#socket?.destroy();
  }

  /** The other end has gone. */
  get left(): boolean {
    return this.#socket?.destroyed === true;
  }

  async close(): Promise<void> {
    this.hangUp();
    await new Promise(resolve => this.#server.close(resolve));
  }
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise(resolve => setImmediate(resolve));
}

/** How it failed, for comparison. */
async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await promise.then(
    value => new Error(`it did not fail: ${JSON.stringify(value)}`),
    thrown => thrown,
  );
  return { code: error instanceof PxenError ? error.code : 'none', message: error.message };
}

let folder: string;
let path: string;
let clock: ManualClock;
let qemu: FakeQemu | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pxen-monitor-'));
  path = join(folder, 'qmp.sock');
  clock = new ManualClock();
  qemu = undefined;
});

afterEach(async () => {
  await qemu?.close();
  rmSync(folder, { recursive: true });
  expect(clock.waiting, 'alarms left behind').toBe(0);
});

const connect = (options: Partial<MonitorOptions> = {}): Promise<QmpMonitor> =>
  QmpMonitor.connect(path, { called: 'QEMU', timeout: 1000, clock, ...options });

async function connected(options: Partial<MonitorOptions> = {}): Promise<[FakeQemu, QmpMonitor]> {
  qemu = new FakeQemu(path);
  return [qemu, await connect(options)];
}

describe('connecting', () => {
  test('a socket that comes later is waited for', async () => {
    const monitor = connect();
    await until(() => clock.waiting === 1);
    qemu = new FakeQemu(path);
    clock.advance(10);
    (await monitor).close();
  });

  test('so is the owner of one that a dead QEMU has left', async () => {
    const dead = new FakeQemu(path);
    linkSync(path, `${path}.left`);
    await dead.close();
    linkSync(`${path}.left`, path);
    const monitor = connect();
    await until(() => clock.waiting === 1);
    rmSync(path);
    qemu = new FakeQemu(path);
    clock.advance(10);
    (await monitor).close();
  });

  test('but not for ever', async () => {
    const failed = failure(connect({ timeout: 100 }));
    for (let tries = 0; tries < 10; tries++) {
      await until(() => clock.waiting === 1);
      clock.advance(10);
    }
    expect(await failed).toEqual({
      code: 'TIMEOUT',
      message: `${path}: QEMU did not open its QMP socket in time`,
    });
  });

  test('a path that can never be one is refused at once', async () => {
    writeFileSync(path, '');
    path = join(path, 'qmp.sock');
    expect(await failure(connect())).toEqual({
      code: 'WORKLOAD_FAILED',
      message: `${path}: connect ENOTDIR ${path}`,
    });
  });

  test('a QEMU that is busy with another connection does not greet', async () => {
    qemu = new FakeQemu(path, '');
    const failed = failure(connect());
    await until(() => clock.waiting === 1);
    clock.advance(1000);
    expect(await failed).toEqual({
      code: 'TIMEOUT',
      message: `${path}: QEMU did not greet in time; it serves one QMP connection at a time`,
    });
    await until(() => qemu?.left === true);
  });

  test('something else that listens there is told', async () => {
    qemu = new FakeQemu(path, 'SSH-2.0-OpenSSH\r\n');
    expect(await failure(connect())).toEqual({
      code: 'WORKLOAD_FAILED',
      message: 'QEMU does not speak QMP: it sent what is no JSON object: "SSH-2.0-OpenSSH\\r"',
    });
  });

  test('a QEMU that ends before it greets is told', async () => {
    qemu = new FakeQemu(path, '');
    const failed = failure(connect());
    await until(() => clock.waiting === 1);
    qemu.hangUp();
    expect(await failed).toEqual({ code: 'WORKLOAD_FAILED', message: 'QEMU ended its QMP connection' });
  });

  test.each([
    [
      'with a reason',
      new PxenError('CONFLICT', 'QEMU ended with status 1'),
      'CONFLICT: QEMU ended with status 1',
    ],
    ['without one', undefined, 'WORKLOAD_FAILED: PATH: connecting to QEMU was given up'],
  ])('it can be called off %s, at any time', async (_, reason, expected) => {
    const shown = async (promise: Promise<unknown>): Promise<string> => {
      const { code, message } = await failure(promise);
      return `${code}: ${message}`.replace(path, 'PATH');
    };
    expect(await shown(connect({ signal: AbortSignal.abort(reason) }))).toBe(expected);

    const whileWaiting = new AbortController();
    const waiting = shown(connect({ signal: whileWaiting.signal }));
    await until(() => clock.waiting === 1);
    whileWaiting.abort(reason);
    clock.advance(10);
    expect(await waiting).toBe(expected);

    const whileGreeting = new AbortController();
    qemu = new FakeQemu(path, '');
    const greeting = shown(connect({ signal: whileGreeting.signal }));
    await until(() => clock.waiting === 1);
    whileGreeting.abort(reason);
    expect(await greeting).toBe(expected);
  });

  test('afterwards it cannot', async () => {
    const controller = new AbortController();
    const [qemu, monitor] = await connected({ signal: controller.signal });
    controller.abort();
    const answer = monitor.execute('stop');
    await until(() => qemu.commands.length === 1);
    qemu.say({ return: {}, id: 1 });
    expect(await answer).toEqual({});
    monitor.close();
  });
});

describe('commands', () => {
  test('several may be in flight; each gets its own answer', async () => {
    const [qemu, monitor] = await connected();
    const answers = Promise.all([
      monitor.execute('query-status'),
      failure(monitor.execute('device_del', { id: 'x' })),
      monitor.execute('query-cpus-fast'),
    ]);
    await until(() => qemu.commands.length === 3);
    expect(qemu.commands).toEqual([
      { execute: 'query-status', id: 1 },
      { execute: 'device_del', arguments: { id: 'x' }, id: 2 },
      { execute: 'query-cpus-fast', id: 3 },
    ]);
    qemu.say({ return: [{}], id: 3 });
    qemu.say({ error: { class: 'DeviceNotFound', desc: "Device 'x' not found" }, id: 2 });
    qemu.say({ return: { status: 'running' }, id: 1 });
    expect(await answers).toEqual([
      { status: 'running' },
      { code: 'WORKLOAD_FAILED', message: "QEMU refused device_del: Device 'x' not found" },
      [{}],
    ]);
    monitor.close();
  });

  test('one without an answer is given up, which does not harm the others', async () => {
    const [qemu, monitor] = await connected();
    const slow = failure(monitor.execute('stop', undefined, 200));
    const patient = monitor.execute('cont');
    await until(() => qemu.commands.length === 2);
    clock.advance(200);
    expect(await slow).toEqual({ code: 'TIMEOUT', message: 'QEMU did not answer stop within 0.2 s' });
    qemu.say({ return: 'late', id: 1 });
    qemu.say({ return: 'good', id: 2 });
    expect(await patient).toBe('good');
    monitor.close();
  });

  test('nobody waits longer than five seconds unasked', async () => {
    const [qemu, monitor] = await connected();
    const answer = failure(monitor.execute('stop'));
    await until(() => qemu.commands.length === 1);
    clock.advance(4999);
    expect(clock.waiting).toBe(1);
    clock.advance(1);
    expect(await answer).toEqual({ code: 'TIMEOUT', message: 'QEMU did not answer stop within 5 s' });
    monitor.close();
  });
});

test('events are told as they come', async () => {
  const events: QmpEvent[] = [];
  const [qemu, monitor] = await connected({ onEvent: event => events.push(event) });
  qemu.say({ event: 'STOP', timestamp: { seconds: 1, microseconds: 2000 } });
  qemu.say({
    event: 'SHUTDOWN',
    data: { guest: true, reason: 'guest-shutdown' },
    timestamp: { seconds: 2, microseconds: 0 },
  });
  await until(() => events.length === 2);
  expect(events).toEqual([
    { name: 'STOP', data: {}, at: 1002 },
    { name: 'SHUTDOWN', data: { guest: true, reason: 'guest-shutdown' }, at: 2000 },
  ]);
  monitor.close();
});

describe('the end of the connection', () => {
  test.each<[string, (qemu: FakeQemu, monitor: QmpMonitor) => void, string]>([
    ['QEMU ends', qemu => qemu.hangUp(), 'QEMU ended its QMP connection'],
    ['it is closed', (_, monitor) => monitor.close(), 'the QMP connection was closed'],
    [
      'QEMU sends nonsense',
      qemu => qemu.say([]),
      'QEMU does not speak QMP: it sent what is no JSON object: "[]\\r"',
    ],
  ])('%s: whoever waits is told, and whoever comes later', async (_, end, reason) => {
    const [qemu, monitor] = await connected();
    const waiting = [failure(monitor.execute('stop')), failure(monitor.execute('cont'))];
    await until(() => qemu.commands.length === 2);
    end(qemu, monitor);
    await monitor.closed;
    const told = (command: string) => ({
      code: 'WORKLOAD_FAILED',
      message: `no answer to ${command}: ${reason}`,
    });
    expect(await Promise.all(waiting)).toEqual([told('stop'), told('cont')]);
    monitor.close();
    expect(await failure(monitor.execute('quit'))).toEqual(told('quit'));
    await until(() => qemu.left);
  });
});
