import { execFile } from 'node:child_process';
import { symlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { everything, noise, openHandles, type Running, running, until } from './running.ts';

const curl = async (...words: string[]): Promise<Buffer> =>
  (await promisify(execFile)('curl', ['-sS', ...words], { encoding: 'buffer', maxBuffer: 64 << 20 })).stdout;

const BIG = noise(20 << 20);
const SMALL = Buffer.from('a small file\n');

let here: Running;
beforeAll(async () => {
  here = await running();
  await here.put('boot/vmlinuz', BIG);
  await here.put('boot/small', SMALL);
  await here.put('isos/empty.iso', '');
  await here.put('boot/root.squashfs', SMALL);
  await here.put('secret', 'not below a folder that is served');
  await symlink('/etc/passwd', join(here.root, 'srv/boot/leak'));
});
afterEach(() => {
  here.events.length = 0;
  here.logged.length = 0;
});
afterAll(() => here.stop());

describe('GET', () => {
  test.each([
    ['small', '/boot/small', SMALL],
    ['empty', '/isos/empty.iso', Buffer.alloc(0)],
    ['20 MiB', '/boot/vmlinuz', BIG],
    ['escaped', '/boot/sm%61ll', SMALL],
    ['with a query', '/boot/small?v=2', SMALL],
  ])('a %s file arrives byte by byte, by fetch and by curl', async (_, path, content) => {
    const response = await fetch(here.url + path);
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
    expect((await curl(here.url + path)).equals(content)).toBe(true);
  });

  test('a slow reader gets the right bytes too: no buffer is filled again before it is sent', async () => {
    expect((await curl('--limit-rate', '40M', `${here.url}/boot/vmlinuz`)).equals(BIG)).toBe(true);
  });

  test('eight at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () =>
        Buffer.from(await (await fetch(`${here.url}/boot/vmlinuz`)).arrayBuffer()),
      ),
    );
    expect(answers.map(answer => answer.equals(BIG))).toEqual(Array(8).fill(true));
  });

  test('leaves the step on the timeline, with what it took', async () => {
    await (await fetch(`${here.url}/boot/vmlinuz`)).arrayBuffer();
    expect(await until(() => here.events.length > 0)).toBe(true);
    expect(here.events).toEqual([
      {
        at: expect.any(Number),
        stage: 'kernel',
        text: '/boot/vmlinuz',
        address: '127.0.0.1',
        bytes: BIG.length,
        milliseconds: expect.any(Number),
        machineId: undefined,
        protocol: 'http',
        file: '/boot/vmlinuz',
        total: BIG.length,
      },
    ]);
  });

  test("the root image is asked for by the node's own init, which tells its id", async () => {
    await fetch(`${here.url}/boot/root.squashfs`, { headers: { 'x-pxen-id': '91d5815f' } });
    expect(await until(() => here.events.length > 1)).toBe(true);
    expect(here.events).toMatchObject([
      {
        stage: 'init',
        text: 'init says it is 91d5815f',
        machineId: '91d5815f',
        idFrom: 'init',
        address: '127.0.0.1',
      },
      { stage: 'root', text: '/boot/root.squashfs', bytes: SMALL.length },
    ]);
  });

  test.each(['91D5815F', 'x', '91d5815f, 91d5815f'])('an id that is none, %j, is no event', async id => {
    await fetch(`${here.url}/boot/root.squashfs`, { headers: { 'x-pxen-id': id } });
    expect(here.events).toEqual([]);
  });
});

describe('HEAD', () => {
  test.each([
    ['/boot/vmlinuz', String(BIG.length)],
    ['/isos/empty.iso', '0'],
  ])('of %s tells the size and sends nothing', async (path, size) => {
    const response = await fetch(here.url + path, { method: 'HEAD' });
    const { headers } = response;
    expect([response.status, headers.get('content-length'), headers.get('content-type')]).toEqual([
      200,
      size,
      'application/octet-stream',
    ]);
    expect(headers.get('etag')).toMatch(/^"[\w-]+"$/);
    expect(Date.parse(headers.get('last-modified') ?? '')).toBeGreaterThan(0);
    expect((await response.arrayBuffer()).byteLength).toBe(0);
    expect(here.events).toEqual([]);
  });
});

/** fetch() tidies paths up before it sends them; this does not. */
async function raw(path: string): Promise<{ status: string; body: unknown }> {
  const text = (await curl('-i', '--path-as-is', here.url + path)).toString();
  const [head = '', body = ''] = text.split('\r\n\r\n');
  return { status: head.split(' ')[1] ?? '', body: JSON.parse(body) };
}

describe('what is not served', () => {
  const error = (code: string, message: string): unknown => ({ error: { code, message, details: [] } });

  test.each([
    ['/boot/none', '404', error('NOT_FOUND', '"/boot/none": no such file')],
    ['/secret', '404', error('NOT_FOUND', 'GET /secret: no such path')],
    ['/', '404', error('NOT_FOUND', 'GET /: no such path')],
    ['/boot', '404', error('NOT_FOUND', 'GET /boot: no such path')],
    ['/boot/', '403', error('FORBIDDEN', '"/boot/": this name is not allowed')],
    ['/boot/../secret', '403', error('FORBIDDEN', '"/boot/../secret": this name is not allowed')],
    ['/boot/%2e%2e/secret', '403', error('FORBIDDEN', '"/boot/../secret": this name is not allowed')],
    ['/boot/..%2fsecret', '403', error('FORBIDDEN', '"/boot/../secret": this name is not allowed')],
    ['/boot/%252e%252e/secret', '404', error('NOT_FOUND', '"/boot/%2e%2e/secret": no such file')],
    ['/boot//etc/passwd', '403', error('FORBIDDEN', '"/boot//etc/passwd": this name is not allowed')],
    ['/boot/..\\secret', '403', error('FORBIDDEN', '"/boot/..\\\\secret": this name is not allowed')],
    ['/boot/small%00.iso', '403', error('FORBIDDEN', '"/boot/small\\u0000.iso": this name is not allowed')],
    ['/boot/leak', '403', error('FORBIDDEN', '"/boot/leak": it leads out of the served folder')],
    ['//boot/small', '404', error('NOT_FOUND', 'GET //boot/small: no such path')],
    ['/../boot/small', '404', error('NOT_FOUND', 'GET /../boot/small: no such path')],
    ['/boot/%', '404', error('NOT_FOUND', 'GET /boot/%: no such path')],
    ['/boot/%ff', '404', error('NOT_FOUND', 'GET /boot/%ff: no such path')],
    ['/boot/%c0%ae%c0%ae/secret', '404', error('NOT_FOUND', 'GET /boot/%c0%ae%c0%ae/secret: no such path')],
  ])('%s', async (path, status, body) => expect(await raw(path)).toEqual({ status, body }));

  test('a file of the boot that is missing is a problem on the timeline', async () => {
    await fetch(`${here.url}/boot/initramfs`);
    await fetch(`${here.url}/boot/favicon.ico`);
    expect(here.events).toMatchObject([
      { stage: 'problem', text: '"/boot/initramfs": no such file', address: '127.0.0.1' },
    ]);
  });

  test('a name cannot write lines into the log', async () => {
    await fetch(`${here.url}/boot/%0aerror%20http:%20forged`);
    expect(here.logged).toEqual(['warn http: "/boot/\\nerror http: forged": no such file']);
  });

  test('other methods get 405 and are told which ones go', async () => {
    const response = await fetch(`${here.url}/boot/small`, { method: 'POST', body: 'x' });
    expect([response.status, response.headers.get('allow'), await response.json()]).toEqual([
      405,
      'GET, HEAD',
      error('BAD_REQUEST', 'POST is not allowed here, expected GET or HEAD'),
    ]);
  });
});

describe('a client that goes away', () => {
  test('in the middle leaves no open file, and a problem event', async () => {
    const before = await openHandles();
    for (let i = 0; i < 10; i++) {
      const socket = here.dial();
      socket.write('GET /boot/vmlinuz HTTP/1.1\r\nHost: x\r\n\r\n');
      await new Promise(resolve => socket.once('data', resolve));
      socket.destroy();
    }
    expect(await until(() => here.events.length === 10)).toBe(true);
    expect(await until(async () => (await openHandles()) <= before)).toBe(true);
    const text = /^\/boot\/vmlinuz: the client went away after (\d+) of 20971520 bytes$/;
    for (const event of here.events) {
      expect(event).toMatchObject({
        stage: 'problem',
        text: expect.stringMatching(text),
        address: '127.0.0.1',
      });
      expect(event.bytes).toBeLessThan(BIG.length);
    }
  });

  test('with requests waiting behind the one that is answered leaves none either', async () => {
    const before = await openHandles();
    const socket = here.dial();
    socket.write('GET /boot/vmlinuz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5));
    await new Promise(resolve => socket.once('data', resolve));
    expect(await openHandles()).toBeLessThanOrEqual(before + 3);
    socket.destroy();
    expect(await until(() => here.events.length > 0)).toBe(true);
    expect(await until(async () => (await openHandles()) <= before)).toBe(true);
  });
});

describe('pipelined requests', () => {
  const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

  test('are answered in order', async () => {
    const socket = here.dial();
    socket.write(
      get('/boot/small') +
        get('/boot/vmlinuz') +
        get('/boot/none') +
        get('/isos/empty.iso', 'Connection: close\r\n'),
    );
    const bytes = await everything(socket);
    const at = bytes.indexOf(BIG);
    expect(bytes.subarray(0, at).includes(SMALL)).toBe(true);
    const statuses = [bytes.subarray(0, at), bytes.subarray(at + BIG.length)].map(part =>
      Array.from(part.toString().matchAll(/HTTP\/1.1 (\d+)/g), match => match[1]),
    );
    expect(statuses).toEqual([
      ['200', '200'],
      ['404', '200'],
    ]);
  });

  test('without end cost the connection', async () => {
    const socket = here.dial();
    socket.write(get('/boot/small').repeat(200));
    const text = (await everything(socket)).toString();
    expect(text.match(/HTTP\/1.1 200/g)?.length ?? 0).toBeLessThan(200);
  });
});

test('a file that becomes shorter while it is sent ends the connection, so that nobody takes it for whole', async () => {
  const file = await here.put('boot/initramfs-short', BIG);
  const socket = here.dial();
  socket.write('GET /boot/initramfs-short HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise(resolve => socket.once('readable', resolve));
  await truncate(file, 1 << 20);
  const bytes = await everything(socket);
  expect(bytes.length).toBeLessThan(BIG.length);
  expect(await until(() => here.events.length > 0)).toBe(true);
  expect(here.events).toMatchObject([
    {
      stage: 'problem',
      text: expect.stringMatching(
        /^\/boot\/initramfs-short: the file became shorter while it was sent after \d+ of 20971520 bytes$/,
      ),
    },
  ]);
});
