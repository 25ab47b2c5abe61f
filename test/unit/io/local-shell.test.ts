import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LocalShell } from '../../../src/io/local-shell.ts';

const shell = new LocalShell();
const forever = new AbortController().signal;
let folder: string;
let server: Server | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shell-'));
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

describe('the command line of this computer', () => {
  test('runs a program to its end, however that is', async () => {
    const end = await shell.run(['sh', '-c', 'cat; echo oh >&2; exit 3'], { timeout: 5000, input: 'in' });
    expect(end).toMatchObject({ exitCode: 3, stdout: 'in', stderr: 'oh\n' });
  });

  test('says what is not there, and what takes too long', async () => {
    await expect(shell.run(['/no/such'], { timeout: 1000 })).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
      message: '/no/such cannot be started: spawn /no/such ENOENT',
    });
    await expect(shell.run(['sleep', '5'], { timeout: 50 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: 'sleep did not end within 0.05 s',
    });
  });

  test('passes an output on as it comes, and ends the program with it', async () => {
    expect(await text(await shell.follow(['echo', 'a line'], forever))).toBe('a line\n');
    const endless = await shell.follow(['sh', '-c', 'echo begun; sleep 60'], forever);
    const [piece] = (await endless.take(1).toArray()) as Buffer[];
    expect(String(piece)).toBe('begun\n');
    expect(endless.destroyed).toBe(true);
  });
});

describe('a socket of this computer', () => {
  test('of a path: bytes both ways', async () => {
    const path = join(folder, 'x.sock');
    server = createServer(socket => socket.pipe(socket));
    await new Promise<void>(resolve => server?.listen(path, resolve));
    const stream = await shell.connect({ path }, forever);
    stream.end('hello');
    expect(await text(stream)).toBe('hello');
  });

  test('of a port, until the caller goes away', async () => {
    server = createServer(() => {});
    await new Promise<void>(resolve => server?.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const abort = new AbortController();
    const port = typeof address === 'object' && address ? address.port : 0;
    const stream = await shell.connect({ port }, abort.signal);
    const closed = new Promise(resolve => stream.once('close', resolve));
    abort.abort();
    await closed;
  });

  test('that nobody listens on', async () => {
    const path = join(folder, 'none.sock');
    await expect(shell.connect({ path }, forever)).rejects.toMatchObject({
      code: 'WORKLOAD_FAILED',
      message: expect.stringContaining(`${path} does not answer: connect ENOENT`),
    });
  });
});
