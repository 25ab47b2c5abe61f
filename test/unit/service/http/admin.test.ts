import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import { type Context, control, localRoot } from '../../../../src/cli/context.ts';
import { screen } from '../../cli/screen.ts';
import { API_TOKEN, type Running, running, until } from './running.ts';

const started: Running[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
});

async function start(): Promise<Running> {
  const here = await running();
  started.push(here);
  return here;
}

const refusal = (work: () => unknown): Promise<unknown> =>
  Promise.resolve()
    .then(work)
    .then(
      answer => answer,
      (error: unknown) => (error instanceof PxenError ? `${error.code} ${error.message}` : error),
    );

/** `mesh --server .. --token-file ..` */
async function remote(here: Running, token = API_TOKEN, mode = 0o600): Promise<Context> {
  const tokenFile = join(here.root, 'token');
  await writeFile(tokenFile, `${token}\n`, { mode });
  return screen({ server: { url: here.url, tokenFile } }).context;
}

describe('the API on the network', () => {
  test('answers mesh as the control socket does', async () => {
    const here = await start();
    const client = control(await remote(here));
    expect(await client.get('/api/v1/nodes')).toEqual({ status: 200, body: { nodes: [] } });
    const lines: unknown[] = [];
    await client.postForLines('/api/v1/nodes/ctl', { nodes: 'ALL', command: 'true' }, line =>
      lines.push(line),
    );
    expect(lines).toEqual([
      { node: '91d5815f', stream: 'stdout', data: 'hello\n' },
      { node: '91d5815f', exit: 0 },
    ]);
  });

  test('forgets a node on DELETE, and says why it does not', async () => {
    const here = await start();
    const client = control(await remote(here));
    const path = '/api/v1/nodes/91d5815f';
    expect(await client.delete(path)).toEqual({ status: 200, body: { forgotten: '91d5815f' } });
    here.options.back.forget = () => Promise.reject(new PxenError('CONFLICT', '91d5815f is up'));
    expect(await client.delete(path)).toMatchObject({ status: 409, body: { error: { code: 'CONFLICT' } } });
    expect((await fetch(`${here.url}${path}`, { method: 'DELETE' })).status).toBe(401);
  });

  test('tells who is in why something failed, and nobody else', async () => {
    const here = await start();
    here.options.back.nodes = () => Promise.reject(new PxenError('STATE_UNUSABLE', 'pxen.db: disk full'));
    expect(await control(await remote(here)).get('/api/v1/nodes')).toMatchObject({
      status: 500,
      body: { error: { code: 'STATE_UNUSABLE', message: 'pxen.db: disk full' } },
    });
  });

  test('is shut to a wrong token, with 401 and the way in; to many of them with 429', async () => {
    const here = await start();
    const ask = async (authorization: string): Promise<[number, string | null, string | null]> => {
      const { status, headers } = await fetch(`${here.url}/api/v1/nodes`, { headers: { authorization } });
      return [status, headers.get('www-authenticate'), headers.get('retry-after')];
    };
    expect(await ask('Bearer x')).toEqual([401, 'Bearer', null]);
    for (let i = 0; i < 9; i++) await ask('Bearer y');
    expect(await ask(`Bearer ${API_TOKEN}`)).toEqual([429, null, '60']);
    expect((await fetch(`${here.url}/healthz`)).status).toBe(200);
  });

  test('a machine reports without the API token', async () => {
    const here = await start();
    const body = JSON.stringify({
      kind: 'wrong-identity',
      id: '91d5815f',
      identity: { bootMac: '52:54:00:12:34:56', macs: [] },
      bootId: 'b',
      configured: 'x',
    });
    const headers = { 'content-type': 'application/json', authorization: 'Bearer of-the-machine' };
    const response = await fetch(`${here.url}/api/v1/report`, { method: 'POST', body, headers });
    expect(response.status).toBe(200);
  });

  test('a report with a thousand wrong fields gets twenty lines back', async () => {
    const here = await start();
    const macs = Array.from({ length: 250 }, () => 'x'.repeat(100));
    const body = JSON.stringify({ kind: 'full', id: 'x', identity: { bootMac: 'x', macs } });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${here.url}/api/v1/report`, { method: 'POST', body, headers });
    const { error } = (await response.json()) as { error: { details: string[] } };
    expect([response.status, error.details.length, error.details.at(-1)]).toEqual([
      400,
      21,
      expect.stringMatching(/^and 2\d\d more$/),
    ]);
    expect(error.details.every(line => line.length <= 200)).toBe(true);
  });
});

describe('mesh --server', () => {
  test.each<[string, NonNullable<Context['server']>, string]>([
    [
      'no URL',
      { url: 'host0', tokenFile: '/x' },
      'USAGE --server: got "host0", expected a URL such as http://10.77.0.1',
    ],
    [
      'another protocol',
      { url: 'https://host0', tokenFile: '/x' },
      'USAGE --server: got "https://host0", expected a URL such as http://10.77.0.1',
    ],
    [
      'no token',
      { url: 'http://host0', tokenFile: undefined },
      'USAGE --server needs the API token: --token-file or PXEN_TOKEN_FILE',
    ],
    [
      'a token file that is not there',
      { url: 'http://host0', tokenFile: '/nowhere/token' },
      "FILE_MISSING API token in /nowhere/token: ENOENT: no such file or directory, stat '/nowhere/token'",
    ],
  ])('%s', async (_, server, message) => {
    expect(await refusal(() => control(screen({ server }).context))).toBe(message);
  });

  test('a token that others may read, or none in the file', async () => {
    const here = await start();
    const file = join(here.root, 'token');
    const open = await remote(here, API_TOKEN, 0o644);
    expect(await refusal(() => control(open))).toBe(
      `FILE_MISSING API token in ${file}: others may read it; chmod 600 it`,
    );
  });

  test('nobody there', async () => {
    const here = await start();
    const context = await remote(here);
    await here.service.stop();
    expect(await refusal(() => control(context).get('/api/v1/nodes'))).toMatch(
      /^SERVER_DOWN no pxend answers on http:\/\/127\.0\.0\.1:\d+: connect ECONNREFUSED/,
    );
  });

  test('a command on files of host0 says that it works there alone', async () => {
    const server = { url: 'http://host0', tokenFile: '/x' };
    expect(await refusal(() => localRoot(screen({ server }).context))).toBe(
      'USAGE this command works on files of host0, not through --server http://host0',
    );
    expect(localRoot(screen({ root: '/r' }).context)).toBe('/r');
  });
});

describe('stop', () => {
  const slow = async (here: Running, finish: Promise<void>): Promise<{ done: boolean }> => {
    const state = { done: false, begun: false };
    here.options.back.nodes = async () => {
      state.begun = true;
      await finish;
      state.done = true;
      return [];
    };
    const { server } = await remote(here);
    fetch(`${server?.url}/api/v1/nodes`, { headers: { authorization: `Bearer ${API_TOKEN}` } }).catch(
      () => {},
    );
    expect(await until(() => state.begun)).toBe(true);
    return state;
  };

  test('waits for a handler that is at work: the stores are closed next', async () => {
    const here = await start();
    const state = await slow(here, new Promise(resolve => setTimeout(resolve, 300)));
    await here.service.stop();
    expect(state.done).toBe(true);
  });

  test('does not wait longer than a second', async () => {
    const here = await start();
    let letGo = (): void => {};
    const state = await slow(
      here,
      new Promise(resolve => {
        letGo = resolve;
      }),
    );
    const from = Date.now();
    await here.service.stop();
    const took = Date.now() - from;
    expect([state.done, took > 900, took < 1400]).toEqual([false, true, true]);
    letGo();
  });
});
