import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RemoteCommand, RemoteEnd } from '../../src/domain/node/remote.ts';
import { generateSshKey, type SshKeyPair } from '../../src/io/keys/openssh.ts';
import { fingerprint } from '../../src/io/ssh/fingerprint.ts';
import { sshRunner } from '../../src/io/ssh/run.ts';
import { NodeSshd } from './sshd.ts';

const sshd = new NodeSshd(22_022);
const { address: ADDRESS, folder, host0, hostKey, port: PORT } = sshd;

beforeAll(() => sshd.start());
afterAll(() => sshd.stop());

interface Outcome extends RemoteEnd {
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  command: string,
  change: Partial<RemoteCommand> = {},
  key: SshKeyPair = host0,
  port = PORT,
): Promise<Outcome> {
  const output = { stdout: '', stderr: '' };
  const runner = sshRunner({ privateKey: async () => key.privateKey, user: 'root', port });
  const end = await runner({
    address: ADDRESS,
    hostKey: hostKey.publicKey,
    command,
    timeout: 20_000,
    signal: new AbortController().signal,
    onOutput: (stream, data) => {
      output[stream] += data;
    },
    ...change,
  });
  return { ...end, ...output };
}

describe('with the right keys on both sides', () => {
  test('a command runs, and its output, error output and status come back', async () => {
    const outcome = await run('echo out; echo err >&2; exit 7');
    expect(outcome).toEqual({ exit: 7, signal: undefined, stdout: 'out\n', stderr: 'err\n' });
  });

  test('standard input is empty, so that a command which reads it ends', async () => {
    expect(await run('cat; echo done')).toMatchObject({ exit: 0, stdout: 'done\n' });
  });

  test('a command that a signal ended says so', async () => {
    expect(await run('kill -KILL $$')).toMatchObject({ exit: null, signal: 'SIGKILL' });
  });

  test('eight megabytes come whole and in order, also to a slow reader', async () => {
    let bytes = 0;
    let pieces = 0;
    const { exit } = await run(
      'i=0; while [ $i -lt 8 ]; do head -c 1048576 /dev/zero | tr "\\0" a; i=$((i+1)); done',
      {
        onOutput: async (_, data) => {
          bytes += data.length;
          if (++pieces % 50 === 0) await new Promise(resolve => setTimeout(resolve, 5));
        },
      },
    );
    expect([exit, bytes]).toEqual([0, 8 * 1024 * 1024]);
  });

  test('characters are never cut in two', async () => {
    const pieces: string[] = [];
    await run('printf "\\303"; sleep 0.3; printf "\\244\\342\\202\\254"', {
      onOutput: (_, data) => void pieces.push(data),
    });
    expect(pieces.join('')).toBe('ä€');
    expect(pieces.some(piece => piece.includes('\ufffd'))).toBe(false);
  });

  test('sixteen at once all end well', async () => {
    const all = await Promise.all(Array.from({ length: 16 }, (_, i) => run(`echo ${i}`)));
    expect(all.map(outcome => outcome.stdout)).toEqual(Array.from({ length: 16 }, (_, i) => `${i}\n`));
  });

  test('a command that takes too long is given up', async () => {
    await expect(run('sleep 30', { timeout: 1500 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: `${ADDRESS}:${PORT}: the command did not end within 1.5 s`,
    });
  });

  test('a caller who leaves ends the connection', async () => {
    const caller = new AbortController();
    setTimeout(() => caller.abort(), 500);
    await expect(run('sleep 30', { signal: caller.signal })).rejects.toMatchObject({ code: 'TIMEOUT' });
  });
});

describe('otherwise no command runs', () => {
  test('when the node shows another host key; both fingerprints are named as ssh-keygen prints them', async () => {
    const other = generateSshKey('other');
    const mark = join(folder, 'ran');
    const print = (key: SshKeyPair): string =>
      execFileSync('ssh-keygen', ['-l', '-f', '-'], { input: key.publicKey, encoding: 'utf8' }).split(
        ' ',
      )[1] ?? '';
    await expect(run(`touch ${mark}`, { hostKey: other.publicKey })).rejects.toMatchObject({
      code: 'HOST_KEY_MISMATCH',
      message: `${ADDRESS}:${PORT}: shows host key ${print(hostKey)}, expected ${print(other)}; the command was not run`,
    });
    expect(() => execFileSync('test', ['-e', mark])).toThrow();
    expect(fingerprint(Buffer.from(hostKey.publicKey.split(' ')[1] ?? '', 'base64'))).toBe(print(hostKey));
  });

  test("when the node does not know host0's key", async () => {
    await expect(run('true', {}, generateSshKey('stranger'))).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: `${ADDRESS}:${PORT}: the node does not accept host0's SSH key`,
    });
  });

  test('when the pinned line is no key', async () => {
    await expect(run('true', { hostKey: 'ssh-rsa AAAA' })).rejects.toMatchObject({
      code: 'HOST_KEY_MISMATCH',
    });
  });

  test('when nobody listens', async () => {
    await expect(run('true', {}, host0, PORT + 1)).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
      message: `${ADDRESS}:${PORT + 1}: connect ECONNREFUSED ${ADDRESS}:${PORT + 1}`,
      details: ['the node is up but sshd does not listen: on its console, rc-service sshd status'],
    });
  });

  test('when whoever listens is silent, and after ten seconds that is known', async () => {
    const silent = await listening(createServer());
    const started = performance.now();
    await expect(run('true', {}, host0, PORT + 2)).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
      message: `${ADDRESS}:${PORT + 2}: Timed out while waiting for handshake`,
    });
    expect(performance.now() - started).toBeLessThan(11_000);
    silent.close();
  });

  test('when whoever listens is no SSH server', async () => {
    const web = await listening(createServer(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    await expect(run('true', {}, host0, PORT + 2)).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
    web.close();
  });

  function listening(server: Server): Promise<Server> {
    return new Promise(resolve => server.listen(PORT + 2, ADDRESS, () => resolve(server)));
  }
});
