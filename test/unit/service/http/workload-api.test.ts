import { request } from 'node:http';
import { type Duplex, duplexPair, PassThrough, type Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { CONSOLE_PROTOCOL } from '../../../../src/api/agent.ts';
import { MOST_GUEST_BYTES } from '../../../../src/api/guest.ts';
import { workloadConsolePath, workloadGuestPath, workloadOutputPath } from '../../../../src/api/paths.ts';
import { PxenError } from '../../../../src/base/error.ts';
import { ControlClient } from '../../../../src/io/control.ts';
import { API_TOKEN, backstage, everything, type Running, running, until } from './running.ts';

const started: Running[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
});

async function start(back: Partial<typeof backstage> = {}): Promise<Running> {
  const here = await running({ back: { ...backstage, ...back } });
  started.push(here);
  return here;
}

const local = (here: Running): ControlClient => new ControlClient(here.options.controlSocket);
const remote = (here: Running, token = API_TOKEN): ControlClient =>
  new ControlClient({ url: new URL(here.url), token });

describe.each(['control socket', 'network'] as const)('over the %s', place => {
  const client = (here: Running): ControlClient => (place === 'network' ? remote(here) : local(here));

  test('the list is told', async () => {
    const view = { name: 'web', problems: [], state: 'stopped' as const };
    const here = await start({ workloads: async () => [view] });
    expect(await client(here).get('/api/v1/workloads')).toEqual({ status: 200, body: { workloads: [view] } });
  });

  test('a verb runs, and each line comes', async () => {
    const here = await start();
    const lines: unknown[] = [];
    const body = { verb: 'start', workloads: ['web', 'db'] };
    await client(here).postForLines('/api/v1/workloads/run', body, line => lines.push(line));
    expect(lines).toEqual([
      { workload: 'web', node: '91d5815f', step: 'start', text: 'one step' },
      { workload: 'web', node: '91d5815f', done: {} },
      { workload: 'db', node: '91d5815f', step: 'start', text: 'one step' },
      { workload: 'db', node: '91d5815f', done: {} },
    ]);
  });

  test('a request in the wrong form is refused', async () => {
    const here = await start();
    const body = { verb: 'explode', workloads: [] };
    expect(await client(here).postForLines('/api/v1/workloads/run', body, () => {})).toEqual({
      status: 400,
      body: {
        error: {
          code: 'BAD_REQUEST',
          message: 'the request does not have the expected form',
          details: [
            'verb: Invalid option: expected one of "download"|"start"|"stop"|"soft-stop"|"pause"|"resume"|"restart"|"balloon"|"replace"',
            'workloads: Too small: expected array to have >=1 items',
          ],
        },
      },
    });
  });

  test('4096 names of 256 characters fit, and what is refused before anything is done has its status', async () => {
    const names: string[] = [];
    const here = await start({
      runWorkloads: async ({ workloads }) => {
        names.push(...workloads);
        throw new PxenError('NOT_FOUND', 'no workload is called that');
      },
    });
    const workloads = Array.from({ length: 4096 }, (_, at) => String(at).padEnd(256, 'x'));
    const answer = await client(here).postForLines(
      '/api/v1/workloads/run',
      { verb: 'stop', workloads },
      () => {},
    );
    expect([answer?.status, names.length]).toEqual([404, 4096]);
  });

  test('output comes as text, with what was asked for', async () => {
    const here = await start();
    const path = `${workloadOutputPath('a b/ü')}?of=serial&lines=7&follow=1`;
    const bytes = await client(here).getBytes(path);
    expect(Buffer.from(bytes as Uint8Array).toString()).toBe(
      'a b/ü {"of":"serial","lines":7,"follow":true}\n',
    );
    expect(await client(here).get(`${workloadOutputPath('web')}?lines=-1`)).toMatchObject({
      status: 400,
      body: { error: { details: ['lines: Too small: expected number to be >=0'] } },
    });
  });

  test('output that breaks off at the node is seen to break off', async () => {
    const text = new PassThrough();
    const here = await start({ workloadOutput: async () => text });
    const reading = client(here).getBytes(workloadOutputPath('web'));
    text.write('half');
    setTimeout(() => text.destroy(new Error('the node is gone')), 50);
    await expect(reading).rejects.toMatchObject({ code: 'SERVER_DOWN' });
    expect(here.logged.filter(line => line.startsWith('error'))).toEqual([]);
  });

  test('what a guest agent answers comes back, with files of four MiB both ways', async () => {
    const content = Buffer.alloc(MOST_GUEST_BYTES, 'abc').toString('base64');
    const heard: unknown[] = [];
    const here = await start({
      workloadGuest: async (name, request) => {
        heard.push(name, request);
        return { content };
      },
    });
    const body = { ask: 'write', path: '/x', content };
    expect(await client(here).post(workloadGuestPath('a b/ü'), body)).toEqual({
      status: 200,
      body: { content },
    });
    expect(heard).toEqual(['a b/ü', { ...body, append: false }]);
  });

  test.each([
    [
      { ask: 'explode' },
      "ask: Invalid discriminator value. Expected 'ping' | 'info' | 'exec' | 'read' | 'write'",
    ],
    [{ ask: 'exec', path: '' }, 'path: Too small: expected string to have >=1 characters'],
    [{ ask: 'write', path: '/x', content: '?' }, 'content: Invalid base64-encoded string'],
  ])('a guest agent is not asked for %j', async (body, detail) => {
    const here = await start();
    const message = 'the request for a guest agent does not have the expected form';
    expect(await client(here).post(workloadGuestPath('web'), body)).toEqual({
      status: 400,
      body: { error: { code: 'BAD_REQUEST', message, details: [detail] } },
    });
  });

  test('what a guest agent refuses has its status', async () => {
    const here = await start({
      workloadGuest: async name => {
        throw new PxenError('TIMEOUT', `${name}: its guest agent does not answer within 5 s`);
      },
    });
    expect(await client(here).post(workloadGuestPath('web'), { ask: 'ping' })).toMatchObject({
      status: 504,
      body: { error: { code: 'TIMEOUT', message: 'web: its guest agent does not answer within 5 s' } },
    });
  });

  test('a console is a pipe, and a name may have any character', async () => {
    const [near, far] = duplexPair();
    const asked: string[] = [];
    const here = await start({
      workloadConsole: async name => {
        asked.push(name);
        return near;
      },
    });
    const console = await connected(client(here), 'a b/ü');
    far.write('login: ');
    console.write('root\n');
    expect([await read(console, 7), await read(far, 5), asked]).toEqual(['login: ', 'root\n', ['a b/ü']]);
    far.end();
    await new Promise(resolve => console.once('end', resolve).resume());
  });

  test('a console that cannot be had is refused in JSON', async () => {
    const here = await start();
    expect(await client(here).upgrade(workloadConsolePath('web'), CONSOLE_PROTOCOL)).toEqual({
      status: 409,
      body: { error: { code: 'WORKLOAD_STATE', message: 'web is on no node', details: [] } },
    });
    expect(await client(here).upgrade('/api/v1/nodes', CONSOLE_PROTOCOL)).toMatchObject({
      status: 404,
      body: { error: { message: 'GET /api/v1/nodes: no such console' } },
    });
    expect(await client(here).get(workloadConsolePath('web'))).toMatchObject({
      status: 400,
      body: { error: { message: 'a console is asked for with Upgrade: pxen-console' } },
    });
  });
});

describe('a console', () => {
  test('is for those who have the token', async () => {
    let asked = 0;
    const here = await start({
      workloadConsole: async () => {
        asked++;
        throw new PxenError('NODE_UNREACHABLE', 'a fact of this site');
      },
    });
    const path = workloadConsolePath('web');
    expect(await remote(here, 'wrong-token-of-somebody').upgrade(path, CONSOLE_PROTOCOL)).toMatchObject({
      status: 401,
      body: { error: { code: 'UNAUTHORIZED', message: 'this is not the API token, or no more' } },
    });
    const stranger = here.dial();
    stranger.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${CONSOLE_PROTOCOL}\r\n\r\n`,
    );
    expect((await everything(stranger)).toString()).toMatch(/^HTTP\/1\.1 401 /);
    expect(asked).toBe(0);
    expect(await remote(here).upgrade(path, CONSOLE_PROTOCOL)).toMatchObject({
      status: 502,
      body: { error: { message: 'a fact of this site' } },
    });
  });

  test('counts wrong tokens like every other request', async () => {
    const here = await start();
    const path = workloadConsolePath('web');
    for (let i = 0; i < 10; i++)
      await remote(here, `wrong-token-number-${i}`).upgrade(path, CONSOLE_PROTOCOL);
    expect(await remote(here).get('/api/v1/nodes')).toMatchObject({ status: 429 });
  });

  test('does not outlive its visitor, nor the service', async () => {
    const pairs = [duplexPair(), duplexPair()];
    let next = 0;
    const here = await start({
      workloadConsole: async () => pairs[next++]?.[0] as Duplex,
    });
    const first = await connected(local(here), 'web');
    first.destroy();
    expect(await until(() => pairs[0]?.[0].writableEnded === true)).toBe(true);
    const second = await connected(remote(here), 'web');
    second.on('error', () => {}).resume();
    const closed = new Promise(resolve => second.once('close', resolve));
    await here.service.stop();
    await closed;
    expect(await until(() => pairs[1]?.[0].destroyed === true)).toBe(true);
  });

  test('that comes when the visitor is gone already is closed', async () => {
    const [near] = duplexPair();
    const { promise: gone, resolve: leave } = Promise.withResolvers<void>();
    const here = await start({
      workloadConsole: async (_, signal) => {
        leave();
        await new Promise(resolve => signal.addEventListener('abort', resolve));
        return near;
      },
    });
    const socket = here.dial();
    socket.write(
      `GET ${workloadConsolePath('web')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_TOKEN}\r\n` +
        `Connection: Upgrade\r\nUpgrade: ${CONSOLE_PROTOCOL}\r\n\r\n`,
    );
    await gone;
    socket.resetAndDestroy();
    expect(await until(() => near.destroyed)).toBe(true);
  });
});

test('figures that name workloads are for those who have the token, and for this host', async () => {
  const here = await running({ metrics: async audience => `for_${audience} 1\n` });
  started.push(here);
  const get = async (token?: string): Promise<string> => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(`${here.url}/metrics`, { headers });
    return `${response.status} ${(await response.text()).slice(0, 12)}`;
  };
  expect([await get(), await get(API_TOKEN), await get('wrong-token-of-somebody')]).toEqual([
    '200 for_anybody ',
    '200 for_trusted ',
    '401 {"error":{"c',
  ]);
  const text = await local(here).getBytes('/metrics');
  expect(Buffer.from(text as Uint8Array).toString()).toBe('for_trusted 1\n');
});

test('who offers to upgrade to anything else is answered as if they did not', async () => {
  const here = await start();
  await here.put('boot/vmlinuz', 'kernel');
  const { port, hostname } = new URL(here.url);
  const text = await new Promise<string>((resolve, reject) => {
    const outgoing = request({
      ...{ port, hostname, path: '/boot/vmlinuz' },
      headers: {
        connection: 'Upgrade, HTTP2-Settings',
        upgrade: 'h2c',
        'http2-settings': 'AAMAAABkAAQAAP__',
      },
    });
    outgoing.once('response', async response => resolve((await response.toArray()).join('')));
    outgoing.once('error', reject);
    outgoing.end();
  });
  expect(text).toBe('kernel');
});

async function connected(client: ControlClient, name: string): Promise<Duplex> {
  const answer = await client.upgrade(workloadConsolePath(name), CONSOLE_PROTOCOL);
  if ('status' in answer) throw new Error(JSON.stringify(answer));
  return answer;
}

async function read(from: Readable, bytes: number): Promise<string> {
  let text = '';
  while (text.length < bytes) {
    const piece: Buffer | null = from.read();
    if (piece) text += piece.toString();
    else await new Promise(resolve => from.once('readable', resolve));
  }
  return text;
}
