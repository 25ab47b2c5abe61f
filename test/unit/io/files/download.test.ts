import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asPxenError } from '../../../../src/base/error.ts';
import type { Clock } from '../../../../src/base/ports.ts';
import { systemClock } from '../../../../src/io/clock.ts';
import { type DownloadOptions, download } from '../../../../src/io/files/download.ts';
import { fastClock } from '../../../fakes/fast-clock.ts';
import {
  type Behaviour,
  honest,
  raw,
  redirect,
  sha256,
  status,
  upTo,
  WebServer,
  wire,
} from '../../../fixtures/web-server.ts';

const MEBI = 1 << 20;
/** Bytes that differ from place to place, so that a part at the wrong offset is seen. */
const CONTENT = Buffer.from(Uint8Array.from({ length: 3 * MEBI }, (_, i) => (i * 7 + (i >> 8)) % 251));
const OTHER = Buffer.from(CONTENT.map(byte => byte ^ 1));

let folder = '';
let server: WebServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'download-'));
  server = await new WebServer(CONTENT).start();
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const target = (): string => join(folder, 'x.iso');

function get(options: Partial<DownloadOptions> = {}): ReturnType<typeof download> {
  return download({
    url: server.url(),
    to: target(),
    signal: new AbortController().signal,
    onProgress: () => {},
    clock: fastClock(),
    ...options,
  });
}

/** Code, message and details of the failure; the port differs every time. */
async function failure(options: Partial<DownloadOptions> = {}): Promise<string[]> {
  const error = asPxenError(
    await get(options).then(
      () => new Error('it did not fail'),
      thrown => thrown,
    ),
  );
  return [error.code, error.message, ...error.details].map(text =>
    text.replaceAll(server.url('/').origin, 'http://SERVER').replaceAll(folder, 'FOLDER'),
  );
}

/** Stops when so many bytes have come. */
async function stoppedAfter(bytes: number, options: Partial<DownloadOptions> = {}): Promise<string[]> {
  const stop = new AbortController();
  const onProgress = (received: number): void => {
    if (received >= bytes) stop.abort();
  };
  return failure({ ...options, signal: stop.signal, onProgress, clock: TALKATIVE });
}

/** Every chunk is told, and nothing else goes faster. */
const TALKATIVE: Clock = { ...systemClock, elapsed: () => performance.now() * 10_000 };

/** Of what was asked for, from the right place, with this as the size of the file. */
function tenBytes(total: number): Behaviour {
  return (request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1]);
    response.writeHead(206, { 'content-range': `bytes ${from}-${from + 9}/${total}` });
    response.end(CONTENT.subarray(from, from + 10));
  };
}

/** What was asked for; how much of a connection arrives before it breaks is chance. */
function asked(): string[] {
  return server.asked.map(line =>
    line.replace(/bytes=(\d+)-$/, (_, from) => (from > 0 && from <= 2 * MEBI ? 'rest' : from)),
  );
}

describe('download', () => {
  test('puts the whole file in place with its checksum, for everybody to read', async () => {
    expect(await get()).toEqual({
      bytes: CONTENT.length,
      sha256: sha256(CONTENT),
      validator: server.etag,
    });
    expect(readFileSync(target()).equals(CONTENT)).toBe(true);
    expect(statSync(target()).mode & 0o777).toBe(0o666 & ~process.umask());
    expect(readdirSync(folder)).toEqual(['x.iso']);
    expect(server.asked).toEqual(['GET all']);
  });

  test('replaces what was there, at the end and not before', async () => {
    writeFileSync(target(), 'before');
    server.next = [status(404)];
    await failure();
    expect(readFileSync(target(), 'utf8')).toBe('before');
    await get();
    expect(readFileSync(target()).equals(CONTENT)).toBe(true);
  });

  test('an empty file is a file', async () => {
    server.content = Buffer.alloc(0);
    expect(await get()).toMatchObject({ bytes: 0, sha256: sha256(Buffer.alloc(0)) });
    expect(readdirSync(folder)).toEqual(['x.iso']);
  });

  test('tells how far it is, and its end in any case', async () => {
    const told: [number, number | undefined][] = [];
    await get({ onProgress: (received, total) => told.push([received, total]), clock: TALKATIVE });
    expect(told.length).toBeGreaterThan(2);
    expect(told.every(([, total]) => total === CONTENT.length)).toBe(true);
    expect(told.map(([received]) => received)).toEqual(
      told.map(([received]) => received).toSorted((a, b) => a - b),
    );
    expect(told.at(-1)).toEqual([CONTENT.length, CONTENT.length]);
    const seldom: number[] = [];
    await get({ onProgress: received => seldom.push(received), clock: { ...fastClock(), elapsed: () => 0 } });
    expect(seldom).toHaveLength(2);
  });

  test('a name of 255 bytes has a part beside it all the same', async () => {
    const to = join(folder, 'y'.repeat(255));
    await get({ to });
    expect(readdirSync(folder)).toEqual(['y'.repeat(255)]);
  });
});

describe('a connection that is lost', () => {
  test('is taken up again where it broke', async () => {
    server.next = [upTo(MEBI, 'cut'), upTo(MEBI, 'cut')];
    expect(await get({ sha256: sha256(CONTENT) })).toMatchObject({ bytes: CONTENT.length });
    expect(asked()).toEqual(['GET all', 'GET rest', 'GET rest']);
  });

  test('so does a server that is restarted meanwhile', async () => {
    server.next = [upTo(MEBI, 'cut')];
    const done = get();
    while (server.asked.length === 0) await new Promise(resolve => setTimeout(resolve, 1));
    await server.stop();
    setTimeout(() => void server.start(), 50);
    expect(await done).toMatchObject({ sha256: sha256(CONTENT) });
  });

  test.each([
    ['a server that is not ready yet', [status(503), status(502)], ['GET all', 'GET all', 'GET all']],
    ['silence', [upTo(MEBI, 'silence')], ['GET all', 'GET rest']],
    ['another file meanwhile', [upTo(MEBI, 'cut'), changed], ['GET all', 'GET rest']],
    ['a range that is refused', [upTo(MEBI, 'cut'), status(416)], ['GET all', 'GET rest', 'GET all']],
    [
      'other bytes than those that were asked for',
      [
        upTo(MEBI, 'cut'),
        raw(206, { 'content-range': `bytes 5-9/${CONTENT.length}` }, OTHER.subarray(5, 10)),
      ],
      ['GET all', 'GET rest', 'GET all'],
    ],
    [
      'a rest of a file of another size',
      [upTo(MEBI, 'cut'), tenBytes(CONTENT.length + 1)],
      ['GET all', 'GET rest', 'GET all'],
    ],
    [
      'less of the rest than there is',
      [upTo(MEBI, 'cut'), tenBytes(CONTENT.length)],
      ['GET all', 'GET rest', 'GET rest'],
    ],
    ['a server that ignores ranges', [upTo(MEBI, 'cut'), raw(200, {}, CONTENT)], ['GET all', 'GET rest']],
  ] as [string, Behaviour[], string[]][])('%s is no end', async (_what, next, requests) => {
    server.next = next;
    const whole = await get({ clock: fastClock(30) });
    expect(whole).toMatchObject({ sha256: sha256(server.content) });
    expect(readFileSync(target()).equals(server.content)).toBe(true);
    expect(asked()).toEqual(requests);
    expect(readdirSync(folder)).toEqual(['x.iso']);
  });

  test('without a validator it starts over', async () => {
    server.etag = undefined;
    server.next = [upTo(MEBI, 'cut')];
    expect(await get()).toMatchObject({ sha256: sha256(CONTENT), validator: undefined });
    expect(server.asked).toEqual(['GET all', 'GET all']);
  });

  test('a connection that breaks after the last byte has lost nothing', async () => {
    // Without a length only the last chunk says that the body is over, and that one is missing here.
    const endless: Behaviour = (request, response) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1]);
      const range = `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}`;
      response.writeHead(206, { 'content-range': range });
      response.write(CONTENT.subarray(from), () => setTimeout(() => response.destroy(), 200));
    };
    server.next = [upTo(MEBI, 'cut'), endless];
    expect(await get()).toMatchObject({ sha256: sha256(CONTENT) });
    expect(asked()).toEqual(['GET all', 'GET rest']);
  });

  test('a server that never comes back is given up, and the part stays', async () => {
    server.next = Array.from({ length: 100 }, () => status(503));
    server.next[0] = upTo(MEBI, 'cut');
    expect(await failure({ clock: fastClock(500) })).toEqual([
      'DOWNLOAD_FAILED',
      expect.stringMatching(
        /^http:\/\/SERVER\/isos\/x\.iso: HTTP 503 Service Unavailable after [\d.]+ [KM]iB of 3\.0 MiB$/,
      ),
      'the same command goes on from there',
    ]);
    expect(server.asked.length).toBeLessThan(25);
    expect(readdirSync(folder)).toEqual(['.x.iso.pxen-part', '.x.iso.pxen-part.json']);
    server.next = [];
    await get();
    expect(asked().at(-1)).toBe('GET rest');
  });

  test('a server that is not there is given up sooner, and nothing stays', async () => {
    await server.stop();
    const [code, message] = await failure({ clock: fastClock(500) });
    expect([code, message]).toEqual([
      'DOWNLOAD_FAILED',
      expect.stringMatching(/^http:\/\/SERVER\/isos\/x\.iso: connect ECONNREFUSED 127\.0\.0\.1:\d+$/),
    ]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a server that keeps silent from the first is named so', async () => {
    server.next = Array.from({ length: 10 }, () => () => {});
    expect(await failure({ clock: fastClock(500) })).toEqual([
      'DOWNLOAD_FAILED',
      'http://SERVER/isos/x.iso: no byte came for 30 s',
    ]);
  });
});

function changed(...[request, response, from]: Parameters<Behaviour>): void {
  from.content = OTHER;
  from.etag = '"other"';
  honest(request, response, from);
}

describe('a download that was stopped', () => {
  test('is gone on with by the next one', async () => {
    expect(await stoppedAfter(MEBI)).toEqual([
      'DOWNLOAD_FAILED',
      expect.stringMatching(/^http:\/\/SERVER\/isos\/x\.iso: stopped after [12]\.\d MiB of 3\.0 MiB$/),
      'the same command goes on from there',
    ]);
    const kept = statSync(join(folder, '.x.iso.pxen-part'));
    expect(kept.mode & 0o777).toBe(0o600);
    expect(await get()).toMatchObject({ bytes: CONTENT.length, sha256: sha256(CONTENT) });
    expect(server.asked).toEqual(['GET all', `GET bytes=${kept.size}-`]);
  });

  test('before it began leaves nothing', async () => {
    expect(await failure({ signal: AbortSignal.abort() })).toEqual([
      'DOWNLOAD_FAILED',
      'http://SERVER/isos/x.iso: stopped',
    ]);
    expect(readdirSync(folder)).toEqual([]);
    expect(server.asked).toEqual([]);
  });

  test('stopping while the part is looked through keeps it', async () => {
    await stoppedAfter(MEBI);
    const { size } = statSync(join(folder, '.x.iso.pxen-part'));
    expect(await failure({ signal: AbortSignal.abort() })).toEqual([
      'DOWNLOAD_FAILED',
      'FOLDER/x.iso: stopped',
    ]);
    expect(statSync(join(folder, '.x.iso.pxen-part')).size).toBe(size);
  });

  test.each<[string, () => void, string]>([
    ['another URL', () => {}, '/isos/other.iso'],
    [
      'a record that is none',
      () => writeFileSync(join(folder, '.x.iso.pxen-part.json'), '{"url":7}'),
      '/isos/x.iso',
    ],
    ['no record', () => rmSync(join(folder, '.x.iso.pxen-part.json')), '/isos/x.iso'],
    ['no part', () => rmSync(join(folder, '.x.iso.pxen-part')), '/isos/x.iso'],
    ['a link in place of the part', plantLink, '/isos/x.iso'],
  ])('%s: it starts over', async (_what, change, path) => {
    await stoppedAfter(MEBI);
    change();
    expect(await get({ url: server.url(path) })).toMatchObject({ sha256: sha256(CONTENT) });
    expect(server.asked.at(-1)).toBe('GET all');
    expect(readdirSync(folder).filter(name => name.startsWith('.'))).toEqual([]);
  });

  test('a link in place of the part is not followed', async () => {
    await stoppedAfter(MEBI);
    plantLink();
    await get();
    expect(readFileSync(join(folder, 'victim'), 'utf8')).toBe('do not touch');
  });

  test('a part that lost its end in a power cut counts as far as it was on the disk', async () => {
    await stoppedAfter(MEBI);
    const file = join(folder, '.x.iso.pxen-part.json');
    const record = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...record, boot: 'another', flushed: 4096 }));
    expect(await get()).toMatchObject({ sha256: sha256(CONTENT) });
    expect(server.asked.at(-1)).toBe('GET bytes=4096-');
  });

  test('a part that has everything asks for its last byte only', async () => {
    await stoppedAfter(MEBI);
    writeFileSync(join(folder, '.x.iso.pxen-part'), CONTENT);
    expect(await get()).toMatchObject({ sha256: sha256(CONTENT) });
    expect(server.asked.at(-1)).toBe(`GET bytes=${CONTENT.length - 1}-`);
  });
});

function plantLink(): void {
  writeFileSync(join(folder, 'victim'), 'do not touch');
  rmSync(join(folder, '.x.iso.pxen-part'));
  symlinkSync('victim', join(folder, '.x.iso.pxen-part'));
}

describe('what no further try can mend', () => {
  test('another checksum: nothing stays', async () => {
    expect(await failure({ sha256: sha256(OTHER).toUpperCase() })).toEqual([
      'CHECKSUM_MISMATCH',
      `http://SERVER/isos/x.iso: its SHA-256 is ${sha256(CONTENT)}, expected ${sha256(OTHER)}`,
      'nothing of it was kept; either the checksum is of another file, or the one at its source is bad',
    ]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('bytes that were changed in the part: the checksum tells', async () => {
    await stoppedAfter(MEBI);
    writeFileSync(join(folder, '.x.iso.pxen-part'), OTHER.subarray(0, MEBI));
    expect((await failure({ sha256: sha256(CONTENT) }))[0]).toBe('CHECKSUM_MISMATCH');
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each<[string, Behaviour[], string[]]>([
    [
      'no such file',
      [status(404)],
      ['http://SERVER/isos/x.iso: HTTP 404 Not Found', 'what host0 has: mesh iso list'],
    ],
    ['a file that is forbidden', [status(403)], ['http://SERVER/isos/x.iso: HTTP 403 Forbidden']],
    [
      'another protocol instead of the file',
      [wire('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')],
      ['http://SERVER/isos/x.iso: HTTP 101 Switching Protocols'],
    ],
    ['an answer without a body', [status(204)], ['http://SERVER/isos/x.iso: HTTP 204 No Content']],
    [
      'redirects in a circle',
      Array.from({ length: 6 }, () => redirect('/isos/x.iso')),
      ['http://SERVER/isos/x.iso: more than 5 redirects, the last one to http://SERVER/isos/x.iso'],
    ],
    ['a redirect to nowhere', [status(302)], ['http://SERVER/isos/x.iso: the server redirects to nowhere']],
    [
      'a redirect to what is no web server',
      [redirect('file:///etc/passwd')],
      ['file:///etc/passwd: got a URL of file:, expected http: or https:'],
    ],
  ])('%s', async (_what, next, text) => {
    server.next = next;
    expect(await failure()).toEqual(['DOWNLOAD_FAILED', ...text]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a password in the URL goes to the server and into no message', async () => {
    const url = server.url();
    url.username = 'me';
    url.password = 'secret';
    let authorization: string | undefined;
    server.next = [
      (request, response) => {
        authorization = request.headers.authorization;
        response.writeHead(404).end();
      },
    ];
    expect((await failure({ url })).join()).not.toMatch(/secret|me:/);
    expect(authorization).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`);
  });

  test('a file in place of the folder, and a folder in place of the file', async () => {
    writeFileSync(target(), '');
    expect(await failure({ to: join(target(), 'y') })).toEqual([
      'DOWNLOAD_FAILED',
      expect.stringMatching(/^FOLDER\/x\.iso\/y cannot be written: ENOTDIR/),
    ]);
    expect(await failure({ to: folder })).toEqual([
      'DOWNLOAD_FAILED',
      'FOLDER is a folder, expected the name of a file',
    ]);
  });

  test('what `accept` refuses is not placed, and nothing stays', async () => {
    const accept = async (file: string): Promise<void> => {
      expect(readFileSync(file).equals(CONTENT)).toBe(true);
      throw new Error('I do not like it');
    };
    expect((await failure({ accept }))[1]).toBe('I do not like it');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('redirects', () => {
  test.each([301, 302, 303, 307, 308])('%i is followed, and a range goes along', async code => {
    server.next = [redirect('/mirror/x.iso', code), upTo(MEBI, 'cut'), redirect('/mirror/x.iso', code)];
    expect(await get()).toMatchObject({ sha256: sha256(CONTENT) });
    expect(asked()).toEqual(['GET all', 'GET all', 'GET rest', 'GET rest']);
  });
});

describe('limits', () => {
  test('a file longer than allowed is refused before it comes', async () => {
    const limits = { maxBytes: MEBI, maxReason: 'isos.quota is 1G' };
    expect(await failure({ limits })).toEqual([
      'NO_SPACE',
      'http://SERVER/isos/x.iso: it has 3.0 MiB or more, but at most 1.0 MiB may come: isos.quota is 1G',
    ]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('so is one whose server does not tell, when it gets too long', async () => {
    server.next = [(_request, response) => void response.writeHead(200).end(CONTENT)];
    const limits = { maxBytes: MEBI };
    expect(await failure({ limits })).toEqual([
      'NO_SPACE',
      expect.stringMatching(
        /^http:\/\/SERVER\/isos\/x\.iso: it has 1\.\d MiB or more, but at most 1\.0 MiB may come$/,
      ),
    ]);
  });

  test('what has to stay free stays free', async () => {
    expect(await failure({ limits: { keepFree: 2 ** 60 } })).toEqual([
      'NO_SPACE',
      expect.stringMatching(
        /^http:\/\/SERVER\/isos\/x\.iso: no space: 3\.0 MiB needed, and 1048576 TiB have to stay free; \/\S* has .* free$/,
      ),
      expect.stringMatching(/^make room below \/\S* and try again; what was fetched so far is deleted$/),
    ]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('so does room for a part that would not fit as a whole', async () => {
    const needed = 2 ** 49;
    server.next = [
      (_request, response) => void response.writeHead(200, { 'content-length': needed }).write('x'),
    ];
    expect((await failure())[1]).toMatch(/no space: 512 TiB needed; \/\S* has .* free$/);
  });
});

describe('a server that lies about the length', () => {
  test('less than announced is no whole file', async () => {
    const short: Behaviour = (_request, response) => {
      response.writeHead(200, { 'content-length': CONTENT.length, etag: '"short"' });
      response.write(CONTENT.subarray(0, 100), () => response.destroy());
    };
    server.next = Array.from({ length: 100 }, () => short);
    expect((await failure({ clock: fastClock(500) }))[0]).toBe('DOWNLOAD_FAILED');
    expect(readdirSync(folder)).not.toContain('x.iso');
  });
});
