import { execFile } from 'node:child_process';
import { readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { everything, noise, openHandles, type Running, running, until } from './running.ts';

const BIG = noise(20 << 20);
const SMALL = Buffer.from('a small file\n');

let here: Running;
beforeAll(async () => {
  here = await running();
  await here.put('boot/vmlinuz', BIG);
  await here.put('boot/small', SMALL);
});
afterEach(() => {
  here.events.length = 0;
});
afterAll(() => here.stop());

/** Name, size and modes of what curl wrote are not of interest here: only its exit status and the bytes. */
async function curl(...words: string[]): Promise<number> {
  return promisify(execFile)('curl', ['-sS', ...words]).then(
    () => 0,
    error => Number(error.code),
  );
}

async function get(path: string, headers: Record<string, string>): Promise<[number, string | null, Buffer]> {
  const response = await fetch(here.url + path, { headers });
  const content = Buffer.from(await response.arrayBuffer());
  return [response.status, response.headers.get('content-range'), content];
}

describe.each([
  ['small', '/boot/small', SMALL],
  ['big', '/boot/vmlinuz', BIG],
])('a range of a %s file', (_, path, content) => {
  const size = content.length;
  test.each([
    ['bytes=0-3', 0, 4],
    ['bytes=-5', size - 5, size],
    [`bytes=${size - 1}-`, size - 1, size],
    [`bytes=5-${2 * size}`, 5, size],
  ])('%s arrives', async (range, start, end) => {
    const [status, header, bytes] = await get(path, { range });
    expect([status, header]).toEqual([206, `bytes ${start}-${end - 1}/${size}`]);
    expect(bytes.equals(content.subarray(start, end))).toBe(true);
  });

  test('that is not there is 416 with the size', async () => {
    const [status, header, body] = await get(path, { range: `bytes=${size}-` });
    expect([status, header, JSON.parse(body.toString()).error.code]).toEqual([
      416,
      `bytes */${size}`,
      'BAD_REQUEST',
    ]);
  });

  test('several at once get everything', async () => {
    const [status, header, bytes] = await get(path, { range: 'bytes=0-1,5-6' });
    expect([status, header, bytes.length]).toEqual([200, null, size]);
  });

  test('a condition that fails or holds', async () => {
    const etag = (await fetch(here.url + path, { method: 'HEAD' })).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    const statuses = await Promise.all(
      [{ 'if-none-match': etag }, { 'if-match': '"x"' }, { 'if-range': '"x"', range: 'bytes=0-1' }].map(
        async headers => {
          const [status, , bytes] = await get(path, headers);
          return [status, status === 412 ? 'error' : bytes.length];
        },
      ),
    );
    expect(statuses).toEqual([
      [304, 0],
      [412, 'error'],
      [200, size],
    ]);
  });
});

test('a part in the middle is no step of a boot, the end of it is', async () => {
  await get('/boot/vmlinuz', { range: 'bytes=0-99' });
  await get('/boot/vmlinuz', { range: `bytes=100-` });
  expect(await until(() => here.events.length > 0)).toBe(true);
  expect(here.events).toMatchObject([{ stage: 'kernel', bytes: BIG.length - 100, total: BIG.length }]);
});

describe('curl', () => {
  test('goes on with a download that was cut', async () => {
    const file = join(here.root, 'part');
    await writeFile(file, BIG.subarray(0, 7_000_001));
    expect(await curl('-C', '-', '-o', file, `${here.url}/boot/vmlinuz`)).toBe(0);
    expect((await readFile(file)).equals(BIG)).toBe(true);
  });

  test('fetches nothing again that has not changed', async () => {
    const [tag, file] = [join(here.root, 'tag'), join(here.root, 'small')];
    const words = ['--etag-compare', tag, '--etag-save', tag, '-o', file, `${here.url}/boot/small`];
    expect(await curl(...words)).toBe(0);
    expect((await readFile(file)).equals(SMALL)).toBe(true);
    await writeFile(file, 'mine');
    expect(await curl(...words)).toBe(0);
    expect(await readFile(file, 'utf8')).toBe('mine');
  });
});

describe('a file that changes while it is sent', () => {
  const request = 'GET /boot/changing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  const OTHER = noise(20 << 20);

  const during = async (change: (file: string) => Promise<unknown>): Promise<Buffer> => {
    const file = await here.put('boot/changing', BIG);
    const socket = here.dial();
    socket.write(request);
    await new Promise(resolve => socket.once('readable', resolve));
    await change(file);
    const bytes = await everything(socket);
    return bytes.subarray(bytes.indexOf('\r\n\r\n') + 4);
  };

  test('by another one in its place: the client gets the old one, whole', async () => {
    const bytes = await during(async file => {
      await writeFile(`${file}.new`, OTHER.subarray(1));
      await rename(`${file}.new`, file);
    });
    expect(bytes.equals(BIG)).toBe(true);
    const after = Buffer.from(await (await fetch(`${here.url}/boot/changing`)).arrayBuffer());
    expect(after.equals(OTHER.subarray(1))).toBe(true);
  });

  test.each<[string, (file: string) => Promise<unknown>]>([
    ['written over', file => writeFile(file, OTHER)],
    ['longer', file => writeFile(file, 'x', { flag: 'a' })],
    ['shorter', file => truncate(file, 1 << 20)],
  ])('in its place, %s: the client gets too little, and no mixture that looks whole', async (_, change) => {
    const before = await openHandles();
    expect((await during(change)).length).toBeLessThan(BIG.length);
    expect(await until(async () => (await openHandles()) <= before)).toBe(true);
  });
});
