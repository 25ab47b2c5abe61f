import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Report, reportSchema } from '../../../src/api/report.ts';

let root: string;
let host0: Server;
let url: string;
let agent: ChildProcess | undefined;
let output: string;
let heard: { report: Report; authorization: string | undefined; path: string | undefined }[];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'pxen-agent-'));
  cpSync(join(import.meta.dirname, '../../fixtures/nodes/server'), root, {
    recursive: true,
    verbatimSymlinks: true,
  });
  [heard, output] = [[], ''];
  host0 = createServer((request, response) => {
    let body = '';
    request.on('data', piece => {
      body += piece;
    });
    request.on('end', () => {
      const report = reportSchema.parse(JSON.parse(body));
      heard.push({ report, authorization: request.headers.authorization, path: request.url });
      const answer =
        report.kind === 'wrong-identity'
          ? { status: 409, body: { error: { code: 'IDENTITY_MISMATCH', message: 'no', details: [] } } }
          : { status: 200, body: { interval: 0.2, full: false } };
      response.writeHead(answer.status).end(JSON.stringify(answer.body));
    });
  });
  await new Promise<void>(resolve => host0.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(host0.address() as AddressInfo).port}`;
});

afterEach(() => {
  agent?.kill('SIGKILL');
  host0.close();
  host0.closeAllConnections();
  rmSync(root, { recursive: true });
});

function start(config: object | string): void {
  mkdirSync(join(root, 'etc/pxen'), { recursive: true });
  writeFileSync(
    join(root, 'etc/pxen/agent.json'),
    typeof config === 'string' ? config : JSON.stringify(config),
  );
  const main = join(import.meta.dirname, '../../../src/agent/main.ts');
  agent = spawn(process.execPath, [main, '--root', root], { stdio: ['ignore', 'pipe', 'inherit'] });
  agent.stdout?.on('data', piece => {
    output += piece;
  });
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await new Promise(resolve => setTimeout(resolve, 25));
  expect({ reached: condition(), output }).toEqual({ reached: true, output });
}

/** The exit status, and how many milliseconds it took. */
async function ended(signal?: NodeJS.Signals): Promise<[number | null, number]> {
  const from = performance.now();
  const status = new Promise<number | null>(resolve => agent?.once('close', resolve));
  if (signal) agent?.kill(signal);
  return [await status, performance.now() - from];
}

test('the agent reports everything with its token, then goes on, and ends within a second', async () => {
  mkdirSync(join(root, 'run/pxen'), { recursive: true });
  writeFileSync(join(root, 'run/pxen/modules-loaded'), '');
  start({ host0: url, id: '6e6da274', token: 'secret' });
  await until(() => heard.length >= 3);
  expect(heard[0]).toMatchObject({
    path: '/api/v1/report',
    authorization: 'Bearer secret',
    report: {
      kind: 'full',
      id: '6e6da274',
      facts: { cpu: { threads: 8 } },
      bootId: '7c1f8c0e-5a54-4f6d-9a59-3f6f6a0a9a11',
    },
  });
  expect(heard[0]?.report).toHaveProperty('sshHostKey');
  expect(heard[0]?.report).toHaveProperty('workloads', []);
  await until(() =>
    heard.some(({ report }) => report.kind === 'heartbeat' && report.facts.kvm !== undefined),
  );
  expect(output).toBe(`pxen-agent: 6e6da274 reported to ${url}, 11.3 s after kernel start\n`);
  const [status, milliseconds] = await ended('SIGTERM');
  expect([status, milliseconds < 1000]).toEqual([0, true]);
});

test('the agent of another machine says so and does not act', async () => {
  start({ host0: url, id: '00000000' });
  await until(() => heard.length > 0);
  expect(heard[0]?.report).toMatchObject({ kind: 'wrong-identity', id: '6e6da274', configured: '00000000' });
  await until(() => output.endsWith('IDENTITY_MISMATCH: no\n'));
});

test('without host0 the agent goes on trying and ends when it is told to', async () => {
  host0.close();
  start({ host0: 'http://127.0.0.1:1' });
  await until(() => output !== '');
  expect(output).toBe(
    'pxen-agent: SERVER_DOWN: http://127.0.0.1:1 does not answer: connect ECONNREFUSED 127.0.0.1:1\n',
  );
  expect((await ended('SIGTERM'))[0]).toBe(0);
});

test('a bad configuration is told line by line, with status 2', async () => {
  start('{"interval": 5000}');
  expect((await ended())[0]).toBe(2);
  expect(output.split('\n')).toEqual([
    `pxen-agent: AGENT_CONFIG: ${root}/etc/pxen/agent.json: 2 problems`,
    `pxen-agent: ${root}/etc/pxen/agent.json: host0: is missing, expected a URL such as http://10.77.0.1`,
    `pxen-agent: ${root}/etc/pxen/agent.json: interval: got "5000", expected seconds from 0.1 to 3600`,
    '',
  ]);
});
