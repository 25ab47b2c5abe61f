import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { MAX_REPORT_BYTES } from '../../../../src/api/paths.ts';
import { PxenError } from '../../../../src/base/error.ts';
import { ControlClient } from '../../../../src/io/control.ts';
import { HttpService } from '../../../../src/service/http/service.ts';
import { everything, noise, OVERLAY, type Running, running, TOKEN, until } from './running.ts';

const started: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of started.splice(0).reverse()) await one.stop();
});

async function start(...options: Parameters<typeof running>): Promise<Running> {
  const here = await running(...options);
  started.push(here);
  return here;
}

async function folderFor(prefix: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  started.push({ stop: () => rm(folder, { recursive: true }) });
  return folder;
}

async function refusalOf(promise: Promise<unknown>): Promise<[string, string]> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof PxenError)) throw new Error(`expected a PxenError, got ${thrown}`);
  return [thrown.code, thrown.message];
}

describe('overlays', () => {
  const ask = async (here: Running, name: string, method = 'GET'): Promise<[number, string]> => {
    const response = await fetch(`${here.url}/apkovl/${name}`, { method });
    return [response.status, await response.text()];
  };
  const error = (code: string, message: string): string =>
    `${JSON.stringify({ error: { code, message, details: [] } })}\n`;
  const WHOLE = OVERLAY.join('');
  const MINE = '91d5815f.apkovl.tar.gz';
  const known = ['91d5815f'];
  const conflict = '2 machines go by id 91d5815f: a, b';
  const forbidden = (holder: string): string =>
    `the overlay of 91d5815f goes only to that machine; 127.0.0.1 is leased to ${holder}`;
  const mayWait = 'machine 91d5815f has no folder under /host0/machines and boot.unknown is wait';

  test.each<[string, NonNullable<Parameters<typeof running>[1]>, [number, string], object]>([
    [
      'to its own machine',
      { known, leasedTo: '91d5815f' },
      [200, WHOLE],
      { stage: 'overlay', text: 'overlay rack1-07', machineId: '91d5815f', bytes: 22 },
    ],
    [
      'not to another machine',
      { known, leasedTo: 'deadbeef' },
      [403, error('FORBIDDEN', forbidden('machine deadbeef'))],
      { stage: 'problem', text: forbidden('machine deadbeef') },
    ],
    [
      'not to an address without a lease',
      { known },
      [403, error('FORBIDDEN', forbidden('no known machine'))],
      { stage: 'problem', text: forbidden('no known machine') },
    ],
    [
      'not while two machines claim the id',
      { known, leasedTo: '91d5815f', conflict },
      [409, error('CONFLICT', `no overlay for 91d5815f: ${conflict}`)],
      { stage: 'problem', text: `no overlay for 91d5815f: ${conflict}` },
    ],
    [
      'the default one to an unknown machine',
      {},
      [200, WHOLE],
      { stage: 'overlay', text: 'overlay default', machineId: '91d5815f', bytes: 22 },
    ],
  ])('%s', async (_, site, answer, event) => {
    const here = await start({}, site);
    expect(await ask(here, `${MINE}?token=${TOKEN}`)).toEqual(answer);
    expect(await until(() => here.events.length > 0)).toBe(true);
    expect(here.events).toMatchObject([{ ...event, address: '127.0.0.1' }]);
  });

  test('none to an unknown machine that has to wait', async () => {
    const here = await start({}, { unknown: 'wait' });
    expect(await ask(here, MINE)).toEqual([404, error('NOT_FOUND', mayWait)]);
    expect(here.events).toMatchObject([{ stage: 'problem', step: 'overlay', fault: 'waits', text: mayWait }]);
  });

  test.each<[string, string, string]>([
    ['no token', '', 'the URL has no token; the boot script of the machine brings one'],
    [
      'a wrong one',
      '?token=x',
      'this boot token is none of host0, or one of an earlier boot; reboot the machine',
    ],
  ])('not with %s, wherever it comes from', async (_, query, trouble) => {
    const here = await start({}, { known, leasedTo: '91d5815f' });
    const message = `the overlay of 91d5815f is refused: ${trouble}`;
    expect(await ask(here, MINE + query)).toEqual([403, error('FORBIDDEN', message)]);
    expect(here.events).toMatchObject([
      { stage: 'problem', step: 'overlay', fault: 'forbidden', text: message, address: '127.0.0.1' },
    ]);
    expect(here.delivered).toEqual([]);
  });

  test('the default one needs no token, and uses none up', async () => {
    const here = await start();
    expect(await ask(here, MINE)).toEqual([200, WHOLE]);
    expect(await ask(here, `${MINE}?token=${TOKEN}`)).toEqual([200, WHOLE]);
    expect(here.delivered).toEqual([]);
  });

  test('a token counts as used when the last byte has gone out, and not before', async () => {
    const here = await start({}, { known, leasedTo: '91d5815f' });
    const url = `${here.url}/apkovl/${MINE}?token=${TOKEN}`;
    const get = async (headers: Record<string, string>, method = 'GET'): Promise<[number, string]> => {
      const response = await fetch(url, { headers, method });
      return [response.status, await response.text()];
    };
    expect(await get({}, 'HEAD')).toEqual([200, '']);
    expect(await get({ range: 'bytes=0-12' })).toEqual([206, 'base membernod'.slice(0, 13)]);
    expect(await get({ 'if-none-match': '"c0ffee"' })).toEqual([304, '']);
    expect((await get({ range: 'bytes=99-' }))[0]).toBe(416);
    expect(here.delivered).toEqual([]);
    expect(here.events).toEqual([]);
    expect(await get({ range: 'bytes=9-' })).toEqual([206, WHOLE.slice(9)]);
    expect(await until(() => here.delivered.length > 0)).toBe(true);
    expect(here.delivered).toEqual([TOKEN]);
  });

  test('HEAD tells size and hash, and counts as no delivery', async () => {
    const here = await start();
    const { status, headers } = await fetch(`${here.url}/apkovl/${MINE}`, { method: 'HEAD' });
    expect([status, headers.get('content-length'), headers.get('etag'), headers.get('content-type')]).toEqual(
      [200, '22', '"c0ffee"', 'application/gzip'],
    );
    expect(here.events).toEqual([]);
  });

  test.each(['default.apkovl.tar.gz', '91D5815F.apkovl.tar.gz', '%2e%2e.apkovl.tar.gz'])(
    '%s is no machine id',
    async name => {
      const here = await start();
      expect(await ask(here, name)).toEqual([
        404,
        error('NOT_FOUND', 'an overlay is asked for by machine id, 8 lower-case hex digits'),
      ]);
    },
  );

  test('that cannot be built are an answer and a problem, not the reason in full', async () => {
    const here = await start({ overlay: () => Promise.reject(new TypeError('x is not a function')) });
    expect(await ask(here, MINE)).toEqual([
      500,
      error('INTERNAL', 'the answer could not be made; the log of pxend tells why'),
    ]);
    expect(here.logged).toEqual(['error http: the answer could not be made: x is not a function']);
    expect(here.events).toMatchObject([{ stage: 'problem', text: 'the answer could not be made' }]);
  });
});

describe('boot scripts', () => {
  test.each([
    ['/boot.ipxe', '#!ipxe\n'],
    ['/boot.ipxe?mac=52-54-00-12-34-56', '#!ipxe\n# 52:54:00:12:34:56\n'],
    ['/boot.ipxe?uuid=%', '#!ipxe\n'],
  ])('%s', async (path, script) => {
    const here = await start();
    const response = await fetch(here.url + path);
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'text/plain; charset=utf-8',
      script,
    ]);
    const head = await fetch(here.url + path, { method: 'HEAD' });
    const length = path.includes('mac=') ? null : String(script.length);
    expect([head.headers.get('content-length'), await head.text()]).toEqual([length, '']);
  });
});

describe('reports', () => {
  const REPORT = {
    kind: 'wrong-identity',
    id: '91d5815f',
    identity: { bootMac: '52:54:00:12:34:56', macs: [] },
    bootId: 'b',
    configured: 'x',
  };
  const post = async (
    here: Running,
    body: string,
    headers: Record<string, string> = { 'content-type': 'application/json' },
  ) => {
    const response = await fetch(`${here.url}/api/v1/report`, {
      method: 'POST',
      body,
      headers,
    });
    return [response.status, await response.json()];
  };
  const refused = (message: string, ...details: string[]): [number, unknown] => [
    400,
    { error: { code: 'BAD_REQUEST', message, details } },
  ];
  const noObject = refused(
    'the report does not have the expected form',
    'body: Invalid input: expected object, received undefined',
  );
  const noKind = refused(
    'the report does not have the expected form',
    "kind: Invalid discriminator value. Expected 'full' | 'heartbeat' | 'wrong-identity'",
  );

  test('a good one reaches the registry with its address and token', async () => {
    const calls: unknown[] = [];
    const here = await start();
    here.options.back.report = async (...call) => {
      calls.push(call);
      return { interval: 5, full: true };
    };
    expect(
      await post(here, JSON.stringify(REPORT), {
        'content-type': 'application/json',
        authorization: 'Bearer s3cret',
      }),
    ).toEqual([200, { interval: 5, full: true }]);
    expect(calls).toEqual([[REPORT, '127.0.0.1', 's3cret']]);
  });

  test('of one machine that sends them without end, most are refused before they are read', async () => {
    const here = await start();
    const statuses: unknown[] = [];
    for (let i = 0; i < 50; i++)
      statuses.push((await post(here, '{', { 'content-type': 'application/json' }))[0]);
    expect(statuses.slice(0, 30)).toEqual(Array(30).fill(400));
    expect(statuses.slice(35)).toEqual(Array(15).fill(429));
  });

  test.each<[string, string, Record<string, string>, [number, unknown]]>([
    ['nothing', '', { 'content-type': 'application/json' }, noKind],
    [
      'not JSON',
      '{"kind":',
      { 'content-type': 'application/json' },
      refused('the body is no JSON: Unexpected end of JSON input'),
    ],
    ['another content type', JSON.stringify(REPORT), { 'content-type': 'text/plain' }, noObject],
    [
      'wrong fields, all named',
      JSON.stringify({ ...REPORT, id: 'X', identity: { bootMac: 'x' } }),
      { 'content-type': 'application/json' },
      refused(
        'the report does not have the expected form',
        'id: expected a machine id: 8 lower-case hex digits',
        'identity.bootMac: expected a MAC address such as 52:54:00:12:34:56',
        'identity.macs: Invalid input: expected array, received undefined',
      ),
    ],
    [
      'too much',
      JSON.stringify('x'.repeat(MAX_REPORT_BYTES)),
      { 'content-type': 'application/json' },
      refused('the body is larger than 512 KiB'),
    ],
    [
      'an unknown encoding',
      '{}',
      { 'content-type': 'application/json', 'content-encoding': 'lzma' },
      refused('unsupported content encoding "lzma"'),
    ],
  ])('%s: 400 with the whole error body', async (_, body, headers, answer) => {
    expect(await post(await start(), body, headers)).toEqual(answer);
  });

  test('a fault of the registry is an answer, and in the log', async () => {
    const here = await start();
    here.options.back.report = () => Promise.reject(new Error('disk is gone'));
    expect(await post(here, JSON.stringify(REPORT))).toEqual([
      500,
      {
        error: {
          code: 'INTERNAL',
          message: 'the answer could not be made; the log of pxend tells why',
          details: [],
        },
      },
    ]);
    expect(here.logged).toEqual(['error http: POST /api/v1/report: disk is gone']);
  });
});

describe('what the machines can reach', () => {
  test('is not what mesh can reach', async () => {
    const here = await start();
    const statuses = await Promise.all(
      ['/api/v1/nodes', '/api/v1/nodes/91d5815f', '/api/v1/none', '/healthz', '/metrics'].map(
        async path => (await fetch(here.url + path)).status,
      ),
    );
    expect(statuses).toEqual([401, 401, 401, 200, 200]);
  });

  test('figures are plain text for Prometheus', async () => {
    const here = await start();
    const response = await fetch(`${here.url}/metrics`);
    expect([response.headers.get('content-type'), await response.text()]).toEqual([
      'text/plain; version=0.0.4; charset=utf-8',
      'pxen_nodes 0\n',
    ]);
  });

  test('what goes wrong inside is in the log and not on the network, whatever its code', async () => {
    const here = await start();
    here.options.back.health = () => {
      throw new PxenError('STATE_UNUSABLE', '/var/pxen/state/pxen.db: disk full');
    };
    const response = await fetch(`${here.url}/healthz`);
    expect([response.status, await response.text()]).toEqual([
      500,
      JSON.stringify({
        error: {
          code: 'INTERNAL',
          message: 'the answer could not be made; the log of pxend tells why',
          details: [],
        },
      }),
    ]);
    expect(here.logged).toEqual(['error http: GET /healthz: /var/pxen/state/pxen.db: disk full']);
  });

  test('health is 503 when a part complains', async () => {
    const here = await start();
    const state = { ok: false, version: '1', parts: { dhcp: 'not listening' } };
    here.options.back.health = () => state;
    const response = await fetch(`${here.url}/healthz`);
    expect([response.status, await response.json()]).toEqual([503, state]);
  });
});

describe('the control socket', () => {
  test('is for root alone', async () => {
    const here = await start();
    expect((await stat(here.options.controlSocket)).mode & 0o7777).toBe(0o600);
    expect((await stat(join(here.root, 'run'))).mode & 0o7777).toBe(0o700);
  });

  test('answers mesh: list, error, stream', async () => {
    const here = await start();
    const client = new ControlClient(here.options.controlSocket);
    const lines: unknown[] = [];
    expect(await client.get('/api/v1/nodes')).toEqual({ status: 200, body: { nodes: [] } });
    expect(await client.get('/api/v1/nodes/x')).toEqual({
      status: 400,
      body: {
        error: {
          code: 'BAD_REQUEST',
          message: 'x is no machine id, expected 8 lower-case hex digits',
          details: [],
        },
      },
    });
    expect(
      await client.postForLines('/api/v1/nodes/ctl', { nodes: 'ALL', command: 'true' }, line =>
        lines.push(line),
      ),
    ).toBeUndefined();
    expect(lines).toEqual([
      { node: '91d5815f', stream: 'stdout', data: 'hello\n' },
      { node: '91d5815f', exit: 0 },
    ]);
  });

  test('a fault before the first line is an error body in JSON', async () => {
    const here = await start();
    here.options.back.ctl = () => Promise.reject(new PxenError('NOT_FOUND', 'no node 91d5815f'));
    const answer = await new Promise<[number | undefined, string | undefined]>(resolve => {
      const outgoing = request(
        {
          socketPath: here.options.controlSocket,
          path: '/api/v1/nodes/ctl',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
        },
        response => {
          response.resume();
          resolve([response.statusCode, response.headers['content-type']]);
        },
      );
      outgoing.end('{"nodes":"ALL","command":"true"}');
    });
    expect(answer).toEqual([404, 'application/json; charset=utf-8']);
  });

  test('mesh going away ends the command', async () => {
    const here = await start();
    let ended = false;
    here.options.back.ctl = async (_request, onLine, abort) => {
      await onLine({ node: '91d5815f' as never, stream: 'stdout', data: 'x' });
      await new Promise<void>(resolve => abort.addEventListener('abort', () => resolve()));
      ended = true;
    };
    const outgoing = request({
      socketPath: here.options.controlSocket,
      path: '/api/v1/nodes/ctl',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    outgoing.on('error', () => {});
    outgoing.on('response', () => outgoing.destroy());
    outgoing.end('{"nodes":"ALL","command":"sleep 1000"}');
    expect(await until(() => ended)).toBe(true);
  });

  test('of a pxend that runs is refused to a second one, and stays', async () => {
    const here = await start();
    const second = new HttpService({ ...here.options, port: here.options.port + 1 });
    started.push(second);
    expect(await refusalOf(second.start())).toEqual([
      'PORT_IN_USE',
      `another pxend already serves ${here.options.controlSocket}; stop it first or use another --root`,
    ]);
    expect((await new ControlClient(here.options.controlSocket).get('/healthz')).status).toBe(200);
  });

  test('that a killed pxend left behind is replaced', async () => {
    const folder = await folderFor('pxen-stale-');
    const controlSocket = join(folder, 'pxend.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(controlSocket)}, () => process.kill(process.pid, 'SIGKILL'))`;
    expect(spawnSync(process.execPath, ['-e', script]).signal).toBe('SIGKILL');
    expect((await stat(controlSocket)).isSocket()).toBe(true);
    await start({ controlSocket });
    expect((await new ControlClient(controlSocket).get('/healthz')).status).toBe(200);
  });

  test('with too long a path is refused with the reason', async () => {
    const folder = await folderFor('pxen-long-');
    const controlSocket = join(folder, 'x'.repeat(108 - folder.length), 's');
    expect(await refusalOf(start({ controlSocket }))).toEqual([
      'STATE_UNUSABLE',
      `control socket ${controlSocket}: the path is longer than the 107 bytes of a socket; use another --root`,
    ]);
  });

  test('where a file is in the way is refused with the reason', async () => {
    const folder = await folderFor('pxen-file-');
    await writeFile(join(folder, 'run'), '');
    const [code, message] = await refusalOf(start({ controlSocket: join(folder, 'run/pxend.sock') }));
    expect([
      code,
      message.startsWith(`control socket ${folder}/run/pxend.sock: E`),
      message.endsWith('; use another --root'),
    ]).toEqual(['STATE_UNUSABLE', true, true]);
  });
});

describe('starting and stopping', () => {
  test('a port in use is refused with what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise(resolve => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    expect(await refusalOf(start({ port }))).toEqual([
      'PORT_IN_USE',
      `TCP 127.0.0.1:${port} is in use by another program; find it with: ss -lpn 'sport = :${port}'`,
    ]);
    await new Promise(resolve => other.close(resolve));
  });

  test('stop takes less than a second while a download, a silent and a half-sent request are under way', async () => {
    const here = await start();
    await here.put('boot/vmlinuz', noise(20 << 20));
    const [download, silent, half] = [here.dial(), here.dial(), here.dial()];
    download.write('GET /boot/vmlinuz HTTP/1.1\r\nHost: x\r\n\r\n');
    half.write('GET /boot/vm');
    await new Promise(resolve => download.once('readable', resolve));
    const from = Date.now();
    const ends = [everything(download), everything(silent), everything(half)];
    await here.service.stop();
    expect(Date.now() - from).toBeLessThan(1000);
    expect((await Promise.all(ends))[0]!.length).toBeLessThan(20 << 20);
  });

  test('health tells whether it listens; it can be stopped twice and started again', async () => {
    const here = await start();
    const states = [here.service.health()];
    await here.service.stop();
    await here.service.stop();
    states.push(here.service.health());
    await here.service.start();
    states.push(here.service.health());
    expect(states).toEqual([undefined, 'not listening', undefined]);
    expect((await fetch(`${here.url}/healthz`)).status).toBe(200);
  });

  test('a request whose header never ends costs the connection after a while', async () => {
    const here = await start();
    const socket = here.dial();
    socket.write('GET /boot/vmlinuz HTTP/1.1\r\nHost: x\r\nX: ');
    expect((await everything(socket)).toString()).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
  }, 20_000);
});
