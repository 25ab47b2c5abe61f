/** Real clients against the real server, on loopback and on an unprivileged port. `scripts/deps` installs them. */
import { execFile } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../src/base/ipv4.ts';
import { silentLog } from '../../src/base/ports.ts';
import type { BootEvent } from '../../src/domain/node/timeline.ts';
import { systemClock } from '../../src/io/clock.ts';
import { MountedFiles } from '../../src/io/files/served.ts';
import { openUdp } from '../../src/io/udp.ts';
import { TftpService } from '../../src/service/tftp/service.ts';

const HOST = '127.0.0.1' as Ipv4;
const run = promisify(execFile);

let folder = '';
let service: TftpService;
let port = 0;
const events: BootEvent[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tftp-interop-'));
  service = new TftpService({
    openUdp,
    clock: systemClock,
    log: silentLog,
    timeline: { record: event => events.push(event) },
    files: new MountedFiles([{ prefix: '', root: folder }]),
    addresses: [HOST],
    port: 0,
    limits: { mtu: 1500, transfers: 100, transfersPerClient: 100 },
  });
  await service.start();
  port = service.endpoints[0]?.port ?? 0;
});

afterAll(async () => {
  await service.stop();
  rmSync(folder, { recursive: true });
});

function make(name: string, size: number): string {
  writeFileSync(join(folder, name), randomFillSync(Buffer.alloc(size)));
  return name;
}

/** Fetches a file of the folder to `local` from this port; rejects when the client fails. */
type Fetch = (name: string, local: string, port: number) => Promise<unknown>;

function atftp(...options: string[]): Fetch {
  const asked = options.flatMap(option => ['--option', option]);
  return (name, local, at) => run('atftp', ['--get', ...asked, '-r', name, '-l', local, HOST, String(at)]);
}

function curl(blksize: number): Fetch {
  return (name, local, at) =>
    run('curl', ['-sS', '--tftp-blksize', String(blksize), '-o', local, `tftp://${HOST}:${at}/${name}`]);
}

function busybox(blksize: number): Fetch {
  return (name, local, at) =>
    run('busybox', ['tftp', '-g', '-r', name, '-l', local, '-b', String(blksize), HOST, String(at)]);
}

/** tftp-hpa: its exit status is 0 whatever happens. It knows no options, and asks in the mode given. */
function hpa(mode: 'binary' | 'ascii'): Fetch {
  return (name, local, at) => run('tftp', ['-m', mode, HOST, String(at), '-c', 'get', name, local]);
}

interface NodeTftp {
  createClient(options: object): {
    get(remote: string, local: string, done: (error: Error | null) => void): void;
  };
}

function nodeTftp(blockSize: number, windowSize: number): Fetch {
  const tftp = createRequire(import.meta.url)('tftp') as NodeTftp;
  return (name, local, at) =>
    new Promise<void>((resolve, reject) => {
      const client = tftp.createClient({ host: HOST, port: at, blockSize, windowSize });
      client.get(name, local, error => (error ? reject(error) : resolve()));
    });
}

const CLIENTS: readonly [string, number, Fetch][] = [
  ['tftp-hpa', 512, hpa('binary')],
  ['atftp without options', 512, atftp()],
  ['atftp, blksize 1468', 1468, atftp('blksize 1468', 'tsize 0')],
  ['atftp, windowsize 8', 1468, atftp('blksize 1468', 'windowsize 8')],
  ['atftp, windowsize 64 of the smallest blocks', 8, atftp('blksize 8', 'windowsize 64')],
  ['curl', 512, curl(512)],
  ['curl, blksize 1428', 1428, curl(1428)],
  ['busybox', 512, busybox(512)],
  ['busybox, blksize 1468', 1468, busybox(1468)],
  ['node-tftp, windowsize 1', 1468, nodeTftp(1468, 1)],
  ['node-tftp, windowsize 4', 1468, nodeTftp(1468, 4)],
  ['node-tftp, windowsize 16', 1024, nodeTftp(1024, 16)],
];

async function fetched(fetch: Fetch, name: string, at = port): Promise<void> {
  const local = join(folder, `${name}.got`);
  writeFileSync(local, '');
  await fetch(name, local, at);
  const same = Buffer.compare(readFileSync(join(folder, name)), readFileSync(local)) === 0;
  expect(same, `${name}: ${readFileSync(local).length} bytes came`).toBe(true);
}

describe('every byte arrives', () => {
  test.each(CLIENTS)('%s', async (name, blksize, fetch) => {
    // curl refuses an OACK with tsize=0, the size of an empty file ("invalid tsize").
    const empty = name.startsWith('curl') ? [] : [0];
    for (const size of [...empty, 1, blksize - 1, blksize, blksize + 1, 3 * blksize, 100_000])
      await fetched(fetch, make(`size-${size}`, size));
  });

  test.each(CLIENTS.filter(([, blksize]) => blksize > 8))('%s: 1 MiB', async (_, __, fetch) => {
    await fetched(fetch, make('mebibyte', 1024 * 1024));
  });

  test.each<[string, Fetch]>([
    ['tftp-hpa', hpa('binary')],
    ['atftp', atftp()],
    ['curl', curl(512)],
    ['busybox', busybox(512)],
    ['node-tftp', nodeTftp(512, 4)],
  ])('%s: 40 MB in blocks of 512, over block 65,535', async (_, fetch) => {
    await fetched(fetch, make('rollover', 40_000_000));
  });

  test('netascii brings the same bytes on a system whose line ends are LF', async () => {
    writeFileSync(join(folder, 'text'), 'one\ntwo\n'.repeat(200));
    await fetched(hpa('ascii'), 'text');
  });

  test('sixteen clients at once', async () => {
    const names = Array.from({ length: 16 }, (_, i) => make(`many-${i}`, 300_000 + i));
    await Promise.all(names.map(name => fetched(atftp('blksize 1468', 'windowsize 4'), name)));
  });
});

describe('what the clients are told', () => {
  test.each<[string, Fetch, RegExp]>([
    ['atftp', atftp(), /no such file/i],
    // Status 68 is "file not found"; curl 7.88 puts a message of its own over it.
    ['curl', curl(512), /\(68\)/],
    ['busybox', busybox(512), /no such file/i],
    ['node-tftp', nodeTftp(1468, 4), /no such file/i],
  ])('%s: a missing file', async (_, fetch, text) => {
    const failure = await fetch('missing', join(folder, 'missing.got'), port).then(
      () => 'no failure',
      (error: Error & { stderr?: string }) => `${error.message} ${error.stderr ?? ''}`,
    );
    expect(failure).toMatch(text);
  });

  test('tftp-hpa: a missing file', async () => {
    const { stdout } = await run('tftp', [
      '-m',
      'binary',
      HOST,
      String(port),
      '-c',
      'get',
      'missing',
      '/dev/null',
    ]);
    expect(stdout).toContain('no such file');
  });

  test('an upload is refused', async () => {
    make('upload', 10);
    const args = ['--put', '-l', join(folder, 'upload'), '-r', 'new', HOST, String(port)];
    const failure = await run('atftp', args).then(
      () => 'no failure',
      (error: Error) => error.message,
    );
    expect(failure).toContain('this server is read-only');
  });

  test('a boot file ends as an event with its size', async () => {
    await fetched(atftp('blksize 1468'), make('snponly.efi', 200_000));
    expect(
      events.filter(event => event.stage === 'nbp').map(({ bytes, address }) => [bytes, address]),
    ).toEqual([[200_000, HOST]]);
  });
});

/** Forwards UDP between clients and the server and loses some of it, both ways. Each client gets a transfer port of its own. */
class LossyRelay {
  readonly #loss: number;
  readonly #sockets: Socket[] = [];
  #random = 20_260_101;

  constructor(loss: number) {
    this.#loss = loss;
  }

  /** The port to ask at. */
  async start(): Promise<number> {
    const transfers = new Map<number, { up: Socket; down: Socket; tid?: number }>();
    const entrance = await this.#open();
    entrance.on('message', async (bytes, from) => {
      if (this.#lost()) return;
      const known = transfers.get(from.port);
      if (known) return known.up.send(bytes, port, HOST);
      const transfer: { up: Socket; down: Socket; tid?: number } = {
        up: await this.#open(),
        down: await this.#open(),
      };
      transfers.set(from.port, transfer);
      transfer.up.on('message', (answer, server) => {
        transfer.tid = server.port;
        if (!this.#lost()) transfer.down.send(answer, from.port, HOST);
      });
      transfer.down.on('message', answer => {
        if (!this.#lost()) transfer.up.send(answer, transfer.tid, HOST);
      });
      transfer.up.send(bytes, port, HOST);
    });
    return entrance.address().port;
  }

  stop(): void {
    for (const socket of this.#sockets) socket.close();
  }

  async #open(): Promise<Socket> {
    const socket = createSocket('udp4');
    this.#sockets.push(socket);
    await new Promise<void>(resolve => socket.bind(0, HOST, resolve));
    return socket;
  }

  #lost(): boolean {
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    return this.#random / 2_147_483_647 < this.#loss;
  }
}

describe('a link that loses packets, both ways', () => {
  test.each<[string, number, Fetch]>([
    ['atftp', 0.01, atftp('blksize 1468')],
    ['atftp, windowsize 8', 0.01, atftp('blksize 1468', 'windowsize 8')],
    ['curl', 0.01, curl(1428)],
    ['atftp', 0.05, atftp('blksize 1468')],
    ['atftp, windowsize 8', 0.05, atftp('blksize 1468', 'windowsize 8')],
    ['curl', 0.05, curl(1428)],
  ])('%s at a loss of %d: 1 MiB arrives', async (client, loss, fetch) => {
    const relay = new LossyRelay(loss);
    try {
      const name = make('lossy', 1024 * 1024);
      const at = await relay.start();
      const begin = performance.now();
      await fetched(fetch, name, at);
      console.log(`${client}, ${loss * 100} % lost both ways: ${Math.round(performance.now() - begin)} ms`);
    } finally {
      relay.stop();
    }
  });
});
