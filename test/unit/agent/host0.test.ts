import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { reportSender } from '../../../src/agent/host0.ts';
import { ALPHA, fullReport } from '../../fakes/registry.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function send(answer: RequestListener, signal = new AbortController().signal): Promise<unknown> {
  const listening = createServer(answer);
  server = listening;
  await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  return reportSender(url, undefined)(fullReport(ALPHA), signal).then(
    value => value,
    error => `${error.code}: ${error.message.replace(url, 'URL')}`,
  );
}

test.each<[string, RequestListener, unknown]>([
  ['taken', (_, r) => r.end('{"interval":5,"full":true,"later":1}'), { interval: 5, full: true }],
  [
    'refused',
    (_, r) => r.writeHead(403).end('{"error":{"code":"FORBIDDEN","message":"not leased"}}'),
    'FORBIDDEN: not leased',
  ],
  [
    'refused by a newer host0',
    (_, r) => r.writeHead(418).end('{"error":{"code":"TEAPOT","message":"short and stout","details":[]}}'),
    'INTERNAL: short and stout',
  ],
  [
    'answered by something else',
    (_, r) => r.writeHead(200).end('<html>'),
    'SERVER_DOWN: URL answered 200 and nothing that pxend would say',
  ],
  [
    'answered without end',
    (_, r) => void r.write('x'.repeat(100_000)),
    'SERVER_DOWN: URL does not answer: the answer is too long',
  ],
  ['cut off', (_, r) => void r.destroy(), 'SERVER_DOWN: URL does not answer: socket hang up'],
])('a report that is %s', async (_, listener, expected) => {
  expect(await send(listener)).toEqual(expected);
});

test('a report ends with the agent', async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  expect(await send(() => {}, controller.signal)).toMatch(/^SERVER_DOWN: URL does not answer/);
});
