import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { PxenError } from '../../../src/base/error.ts';
import { ControlClient } from '../../../src/io/control.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'pxen-control-'));
  stops.push(() => rm(path, { recursive: true }));
  return path;
}

function serving(listener: RequestListener): Promise<ControlClient> {
  return listening(createServer(listener));
}

async function listening(server: Server, silence?: number): Promise<ControlClient> {
  const socket = join(await folder(), 's');
  server.listen(socket);
  server.on('connection', connection => stops.push(() => connection.destroy()));
  stops.push(() => server.close());
  await new Promise(resolve => server.once('listening', resolve));
  return new ControlClient(socket, silence);
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const thrown = await promise.catch((error: unknown) => error);
  return thrown instanceof PxenError
    ? `${thrown.code} ${thrown.message}`
    : `no error: ${JSON.stringify(thrown)}`;
}

test('an answer comes back with its status, whatever that is', async () => {
  const client = await serving((request, response) =>
    response.writeHead(418).end(JSON.stringify({ path: request.url })),
  );
  expect(await client.get('/a')).toEqual({ status: 418, body: { path: '/a' } });
});

describe('lines', () => {
  test('come one by one, however the bytes are cut', async () => {
    const client = await serving(async (request, response) => {
      request.resume();
      for (const byte of Buffer.from('{"a":"ä"}\n{"b":2}\n{"c":3}')) {
        response.write(Buffer.of(byte));
        await new Promise(resolve => setImmediate(resolve));
      }
      response.end();
    });
    const lines: unknown[] = [];
    expect(await client.postForLines('/', {}, line => lines.push(line))).toBeUndefined();
    expect(lines).toEqual([{ a: 'ä' }, { b: 2 }, { c: 3 }]);
  });

  test('of a refusal are an answer', async () => {
    const client = await serving((_request, response) => response.writeHead(400).end('{"error":1}'));
    expect(await client.postForLines('/', {}, () => {})).toEqual({ status: 400, body: { error: 1 } });
  });

  test('what the caller does with a line may fail, and the caller hears of it', async () => {
    const client = await serving((_request, response) => response.end('{"a":1}\n{"b":2}\n'));
    const fault = new PxenError('TIMEOUT', 'mine');
    expect(
      await refusal(
        client.postForLines('/', {}, () => {
          throw fault;
        }),
      ),
    ).toBe('TIMEOUT mine');
  });
});

describe('a body', () => {
  const slow: RequestListener = async (_request, response) => {
    for (const part of ['\xff', 'b', 'c']) {
      response.write(Buffer.from(part, 'latin1'));
      await new Promise(resolve => setTimeout(resolve, 150));
    }
    response.end();
  };

  test('comes piece by piece, as bytes', async () => {
    const client = await serving(slow);
    const parts: string[] = [];
    const take = (part: Uint8Array): void => void parts.push(Buffer.from(part).toString('latin1'));
    expect(await client.getParts('/', take)).toBeUndefined();
    expect(parts).toEqual(['\xff', 'b', 'c']);
  });

  test('may be silent as long as the caller says, or for ever', async () => {
    const client = await serving(slow);
    expect(await refusal(client.getParts('/', () => {}, 50))).toMatch(/^TIMEOUT pxend /);
    expect(await client.getParts('/', () => {}, 0)).toBeUndefined();
  });

  test('of a refusal is an answer', async () => {
    const client = await serving((_request, response) => response.writeHead(404).end('{"error":1}'));
    expect(await client.getParts('/', () => {})).toEqual({ status: 404, body: { error: 1 } });
  });
});

describe('a connection', () => {
  const upgrading = async (take: (connection: Duplex, request: IncomingMessage) => void) => {
    const server = createServer().on('upgrade', (request, connection) => take(connection, request));
    return listening(server);
  };
  const ACCEPTED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x-echo\r\n\r\n';

  test('is handed over, with what came right behind the answer', async () => {
    const asked: unknown[] = [];
    const client = await upgrading((connection, { headers, method, url }) => {
      asked.push(method, url, headers.connection, headers.upgrade);
      connection.write(`${ACCEPTED}hello `);
      connection.pipe(connection);
    });
    const connection = await client.upgrade('/c', 'x-echo');
    if ('status' in connection) throw new Error('refused');
    connection.end('you');
    let heard = '';
    for await (const part of connection) heard += part;
    expect(heard).toBe('hello you');
    expect(asked).toEqual(['GET', '/c', 'Upgrade', 'x-echo']);
  });

  test('may be silent longer than an answer may', async () => {
    const server = createServer().on('upgrade', (_request, connection) => {
      connection.write(ACCEPTED);
      setTimeout(() => connection.end('late'), 250);
    });
    const client = await listening(server, 100);
    const connection = await client.upgrade('/', 'x-echo');
    if ('status' in connection) throw new Error('refused');
    let heard = '';
    for await (const part of connection) heard += part;
    expect(heard).toBe('late');
  });

  test('that is refused is an answer', async () => {
    const body = '{"error":1}';
    const client = await upgrading(connection =>
      connection.end(`HTTP/1.1 409 Conflict\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
    );
    expect(await client.upgrade('/', 'x-echo')).toEqual({ status: 409, body: { error: 1 } });
  });

  test('goes through the network too, with the token', async () => {
    const tokens: unknown[] = [];
    const server = createServer().on('upgrade', ({ headers }, connection) => {
      tokens.push(headers.authorization);
      connection.end(`${ACCEPTED}x`);
    });
    server.listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    stops.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const client = new ControlClient({ url: new URL(`http://127.0.0.1:${port}`), token: 'secret' });
    expect(await client.upgrade('/', 'x-echo')).toMatchObject({ remotePort: port });
    expect(tokens).toEqual(['Bearer secret']);
  });

  test.each<[string, (connection: Duplex) => void, RegExp]>([
    ['hangs up', connection => connection.destroy(), /^SERVER_DOWN \S+: socket hang up$/],
    ['says nothing', () => {}, /^TIMEOUT pxend \(\S+\) said nothing for 0\.1 s$/],
  ])('of a pxend that %s is an error', async (_, take, message) => {
    const server = createServer().on('upgrade', (_request, connection) => take(connection));
    const client = await listening(server, 100);
    expect(await refusal(client.upgrade('/', 'x-echo'))).toMatch(message);
  });
});

describe('what can go wrong', () => {
  test('nobody there', async () => {
    expect(await refusal(new ControlClient('/nowhere/s').get('/'))).toBe(
      'SERVER_DOWN pxend is not running (nothing answers on /nowhere/s); start it, or name its folder with --root',
    );
  });

  test('a file that is no socket', async () => {
    const file = join(await folder(), 's');
    await writeFile(file, '');
    expect(await refusal(new ControlClient(file).get('/'))).toBe(
      `SERVER_DOWN pxend is not running (nothing answers on ${file}); start it, or name its folder with --root`,
    );
  });

  test.each<[string, RequestListener, string]>([
    [
      'no JSON',
      (_q, response) => response.end('<html>\u001b'),
      'INTERNAL pxend answered with something that is not JSON: "<html>\\u001b"',
    ],
    [
      'an answer cut off',
      (_q, response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('{', () => response.destroy());
      },
      'SERVER_DOWN pxend ended before its answer was complete',
    ],
  ])('%s', async (_, listener, message) => {
    const client = await serving(listener);
    expect(await refusal(client.get('/'))).toBe(message);
    expect(await refusal(client.postForLines('/', {}, () => {}))).toBe(message);
  });

  test('pxend hangs up without an answer', async () => {
    const client = await serving(request => request.socket.destroy());
    expect(await refusal(client.get('/'))).toMatch(/^SERVER_DOWN \/\S+\/s: socket hang up$/);
  });
});

describe('a pxend that hangs', () => {
  const hanging = (listener: RequestListener): Promise<ControlClient> =>
    listening(createServer(listener), 100);
  const silent = /^TIMEOUT pxend \(\/\S+\/s\) said nothing for 0\.1 s$/;

  test.each<[string, RequestListener]>([
    ['before its answer', () => {}],
    ['in the middle of it', (_request, response) => void response.writeHead(200).write('{"a":1}\n{')],
  ])('%s is given up', async (_, listener) => {
    const client = await hanging(listener);
    expect(await refusal(client.get('/'))).toMatch(silent);
    expect(await refusal(client.getBytes('/'))).toMatch(silent);
    expect(await refusal(client.postForLines('/', {}, () => {}))).toMatch(silent);
  });

  test('may take longer where the caller says so', async () => {
    const client = await hanging((_request, response) => void setTimeout(() => response.end('{}'), 300));
    const lines: unknown[] = [];
    await client.postForLines('/', {}, line => lines.push(line), 5000);
    expect(lines).toEqual([{}]);
  });

  test('may take longer in all, as long as it says something', async () => {
    const client = await hanging(async (_request, response) => {
      for (const part of ['{"a"', ':1', '}', '\n', '{}', '\n']) {
        response.write(part);
        await new Promise(resolve => setTimeout(resolve, 50));
      }
      response.end();
    });
    const lines: unknown[] = [];
    await client.postForLines('/', {}, line => lines.push(line));
    expect(lines).toEqual([{ a: 1 }, {}]);
  });
});
