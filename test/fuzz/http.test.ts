import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noise, openHandles, type Running, running, until } from '../unit/service/http/running.ts';
import { budget, FUZZ_TIME } from './budget.ts';

let here: Running;
beforeAll(async () => {
  here = await running({}, { known: ['91d5815f'] });
  await here.put('boot/vmlinuz', noise(300_000));
});
afterAll(() => here.stop());

const piece = fc.oneof(
  fc.constantFrom(
    'GET ',
    'HEAD ',
    'POST ',
    'PUT ',
    'OPTIONS ',
    'CONNECT ',
    'get ',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    ' HTTP/1.1',
    ' HTTP/1.0',
    ' HTTP/9.9',
    '\r\n',
    '\n',
    '\r',
  ),
  fc.constantFrom(
    '/',
    '/boot/',
    '/boot/vmlinuz',
    '/boot.ipxe',
    '/boot.ipxe?uuid=a&mac=525400123456',
    '/apkovl/91d5815f.apkovl.tar.gz',
    '/apkovl/91d5815f.apkovl.tar.gz?token=',
    '?token=%00&token=x',
    '/api/v1/nodes/',
    '/metrics',
    '/apkovl/',
    '/api/v1/report',
    '/healthz',
    '/isos/',
    '*',
    'http://x/boot/vmlinuz',
  ),
  fc.constantFrom(
    '..',
    '%2e%2e',
    '%',
    '%00',
    '%ff',
    '?',
    '#',
    '//',
    '\\',
    ';',
    '&',
    '=',
    '\u0000',
    '\u007f',
    'ä',
    ' ',
  ),
  fc.constantFrom(
    'Host: x\r\n',
    'Connection: close\r\n',
    'Content-Length: 5\r\n',
    'Content-Length: -1\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Expect: 100-continue\r\n',
    'Upgrade: websocket\r\nConnection: Upgrade\r\n',
    'X-Pxen-Id: 91d5815f\r\n',
    'Content-Type: application/json\r\n',
    'Content-Encoding: gzip\r\n',
    'Range: bytes=0-\r\n',
    'Range: bytes=99999999999999999999-1,-,--,5-\r\n',
    'Range: bytes=-5\r\nIf-Range: "\r\n',
    'If-None-Match: ",",W/"\r\n',
    'If-Modified-Since: \u00ff GMT\r\n',
    'Authorization: Bearer x\r\n',
    'Authorization: Bearer \u0001\r\n',
    '{"kind":"full"}',
    '5\r\nhello\r\n0\r\n\r\n',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const lines = fc
  .array(piece, { minLength: 1, maxLength: 12 })
  .map(parts => Buffer.from(parts.join(''), 'latin1'));
/** Well-formed enough to get past the parser of node:http. */
const shaped = fc
  .tuple(
    fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'),
    fc.array(piece, { maxLength: 5 }),
    fc.array(piece, { maxLength: 3 }),
  )
  .map(([method, path, headers]) =>
    Buffer.from(
      `${method} /${path.join('').replace(/\p{Cc}|\s/gu, '')} HTTP/1.1\r\nHost: x\r\n${headers.join('')}\r\n\r\n`,
      'latin1',
    ),
  );

/** Sends it, and goes away: at once, after the first answer, or when the other side has finished. */
async function send(bytes: Buffer, leave: 'at once' | 'early' | 'late'): Promise<void> {
  const socket = here.dial();
  await new Promise(resolve => socket.once('connect', resolve));
  if (leave === 'late') socket.end(bytes);
  else socket.write(bytes);
  if (leave !== 'at once') {
    await new Promise<void>(resolve => {
      const patience = setTimeout(resolve, 100);
      const go = (): void => {
        clearTimeout(patience);
        resolve();
      };
      socket.once(leave === 'early' ? 'data' : 'close', go);
      if (leave === 'late') socket.resume();
    });
  }
  socket.destroy();
}

test(
  'whatever bytes arrive, the service stays up and its file handles come back',
  async () => {
    const before = await openHandles();
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(lines, shaped), { minLength: 8, maxLength: 8 }),
        fc.constantFrom('at once', 'early', 'late'),
        async (inputs, leave) => {
          runs += inputs.length;
          await Promise.all(inputs.map(bytes => send(bytes, leave)));
          const response = await fetch(`${here.url}/boot.ipxe`);
          expect([response.status, await response.text()]).toEqual([200, '#!ipxe\n']);
        },
      ),
      budget('http'),
    );
    console.log(`fuzz http: ${runs} connections`);
    // The keep-alive connection of fetch() itself may stay a few seconds.
    expect(await until(async () => (await openHandles()) <= before + 2, 8000)).toBe(true);
    expect(here.logged.filter(line => line.startsWith('error'))).toEqual([]);
  },
  FUZZ_TIME + 30_000,
);
