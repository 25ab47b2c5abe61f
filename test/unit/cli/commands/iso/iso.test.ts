import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asPxenError } from '../../../../../src/base/error.ts';
import { isoAdd } from '../../../../../src/cli/commands/iso/add.ts';
import { isoList } from '../../../../../src/cli/commands/iso/list.ts';
import { isoRemove } from '../../../../../src/cli/commands/iso/remove.ts';
import { isoVerify } from '../../../../../src/cli/commands/iso/verify.ts';
import type { Context } from '../../../../../src/cli/context.ts';
import { withFileLock } from '../../../../../src/io/files/lock.ts';
import { sha256, status, upTo, WebServer } from '../../../../fixtures/web-server.ts';
import { screen } from '../../screen.ts';

const CONTENT = Buffer.alloc(3 << 20, 'an ISO');
const SUM = sha256(CONTENT);
const FOLDER = 'srv/pxen/http/isos';

let root = '';
let server: WebServer;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'isos-'));
  server = await new WebServer(CONTENT).start();
});
afterEach(async () => {
  await server.stop();
  rmSync(root, { recursive: true });
});

interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What a command prints; an error is told as `CODE: message` and its details. */
async function told(
  action: (context: Context) => Promise<number>,
  options: Parameters<typeof screen>[0] = {},
): Promise<Told> {
  const shown = screen({ root, ...options });
  try {
    return { code: await action(shown.context), out: clean(shown.out), err: clean(shown.err) };
  } catch (thrown) {
    const { code, details, message } = asPxenError(thrown);
    return { code: -1, out: clean(shown.out), err: clean([`${code}: ${message}`, ...details].join('\n')) };
  }
}

function clean(text: string): string {
  return text.replaceAll(server.url('/').origin, 'http://SERVER').replaceAll(root, 'ROOT');
}

function put(path: string, content: string | Uint8Array): string {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
  return join(root, path);
}

const add = (
  source = server.url().href,
  options: Partial<Parameters<typeof isoAdd>[2]> = {},
): Promise<Told> => told(context => isoAdd(context, source, { force: false, ...options }));
const verify = (...names: string[]): Promise<Told> => told(context => isoVerify(context, names));
const remove = (...names: string[]): Promise<Told> => told(context => isoRemove(context, names));
const list = (): Promise<Told> => told(isoList);
const files = (): string[] => (existsSync(join(root, FOLDER)) ? readdirSync(join(root, FOLDER)).sort() : []);

describe('mesh iso add', () => {
  test('a URL', async () => {
    expect(await add()).toEqual({
      code: 0,
      out: `x.iso: added, 3.0 MiB, SHA-256 ${SUM}\nnodes fetch it from http://host0/isos/x.iso\n`,
      err: '',
    });
    expect(readFileSync(join(root, FOLDER, 'x.iso')).equals(CONTENT)).toBe(true);
    expect(files()).toEqual(['x.iso']);
  });

  test('a file, under another name; pxend at another port', async () => {
    put('etc/pxen/pxen.yaml', 'http:\n  port: 8080\n');
    const file = put('root/disk image', 'a disk');
    expect(await add(file, { name: 'disk+1.qcow2', sha256: sha256(Buffer.from('a disk')) })).toEqual({
      code: 0,
      out: `disk+1.qcow2: added, 6 B, SHA-256 ${sha256(Buffer.from('a disk'))}\nnodes fetch it from http://host0:8080/isos/disk%2B1.qcow2\n`,
      err: '',
    });
  });

  test('as JSON', async () => {
    const { out } = await told(
      context => isoAdd({ ...context, json: true }, server.url().href, { force: false }),
      { columns: 80 },
    );
    expect(JSON.parse(out)).toEqual({
      name: 'x.iso',
      url: 'http://host0/isos/x.iso',
      outcome: 'added',
      bytes: CONTENT.length,
      sha256: SUM,
    });
  });

  test('what is there already is not fetched again', async () => {
    await add();
    const there = `x.iso: already there, 3.0 MiB, SHA-256 ${SUM}\nnodes fetch it from http://host0/isos/x.iso\n`;
    expect((await add()).out).toBe(there);
    expect(server.asked).toEqual(['GET all', 'HEAD all']);
    expect((await add(server.url().href, { sha256: SUM })).out).toBe(there);
    expect((await add(server.url().href, { force: true })).out).toBe(there);
    expect((await add(join(root, FOLDER, 'x.iso'))).out).toBe(there);
    expect(server.asked.filter(line => line.startsWith('GET'))).toEqual(['GET all']);
  });

  test('where only the content can tell it is fetched, compared, and thrown away', async () => {
    await add();
    const { ino } = statSync(join(root, FOLDER, 'x.iso'));
    expect((await add(server.url('/mirror/x.iso').href)).out).toMatch(/^x\.iso: already there/);
    expect((await add(put('root/x.iso', CONTENT))).out).toMatch(/^x\.iso: already there/);
    expect([files(), statSync(join(root, FOLDER, 'x.iso')).ino]).toEqual([['x.iso'], ino]);
  });

  test('another content of the same name is refused, before it is fetched where that can be known', async () => {
    await add();
    const err = [
      'CONFLICT: x.iso is there already, with another content (3.0 MiB from http://SERVER/isos/x.iso)',
      '--force replaces it, --name gives the new one another name',
    ].join('\n');
    server.content = Buffer.alloc(CONTENT.length, 'another');
    server.etag = '"another"';
    expect(await add()).toEqual({ code: -1, out: '', err });
    server.content = Buffer.from('shorter');
    expect(await add()).toEqual({ code: -1, out: '', err });
    expect(await add(put('root/x.iso', 'a file'))).toEqual({ code: -1, out: '', err });
    expect(await add(server.url().href, { sha256: sha256(Buffer.from('?')) })).toEqual({
      code: -1,
      out: '',
      err,
    });
    expect(server.asked.filter(line => line.startsWith('GET'))).toHaveLength(2);
    expect([files(), sha256(readFileSync(join(root, FOLDER, 'x.iso')))]).toEqual([['x.iso'], SUM]);
  });

  test('--force replaces it', async () => {
    await add();
    server.content = Buffer.from('a newer one');
    server.etag = '"newer"';
    expect((await add(server.url().href, { force: true })).out).toMatch(/^x\.iso: replaced, 11 B, /);
    expect(readFileSync(join(root, FOLDER, 'x.iso'), 'utf8')).toBe('a newer one');
    expect((await verify()).code).toBe(0);
  });

  test('what a broken try has left is gone on with, and listed until then', async () => {
    const part = join(root, FOLDER, '.x.iso.pxen-part');
    server.next = [upTo(1 << 20, 'silence')];
    const begun = add();
    while (!existsSync(part) || statSync(part).size === 0)
      await new Promise(resolve => setTimeout(resolve, 5));
    process.emit('SIGINT');
    expect((await begun).err).toMatch(
      /^DOWNLOAD_FAILED: http:\/\/SERVER\/isos\/x\.iso: stopped after [\d.]+ [KM]iB of 3\.0 MiB\nthe same command goes on from there$/,
    );
    expect((await list()).out).toMatch(
      /^NAME +SIZE +SHA256 +ADDED +SOURCE\nx\.iso +[\d.]+ [KM]iB of 3\.0 MiB +unfinished +- +http:\/\/SERVER\/isos\/x\.iso\n/,
    );
    expect((await add()).out).toMatch(/^x\.iso: added/);
    expect(server.asked).toEqual(['GET all', expect.stringMatching(/^GET bytes=\d+-$/)]);
  });

  test.each([
    [
      'ftp://mirror/x.iso',
      {},
      'USAGE: source: got "ftp://mirror/x.iso", expected a URL with http:// or https://, or a file',
    ],
    ['http://', {}, 'USAGE: source: got "http://", expected a URL with http:// or https://, or a file'],
    [
      '/root/x.iso',
      { sha256: 'abc' },
      'USAGE: --sha256: got "abc", expected 64 hex digits, as sha256sum prints them',
    ],
    ['/none/x.iso', {}, 'FILE_MISSING: /none/x.iso: there is no such file'],
    ['/dev/null', { name: 'x' }, 'FILE_MISSING: /dev/null is no regular file'],
  ])('%s is refused', async (source, options, err) => {
    expect(await add(source, options)).toEqual({ code: -1, out: '', err });
    expect(files()).toEqual([]);
  });

  test('what looks like a web page is said so: the URL leads to a page about the image', async () => {
    server.content = Buffer.from('<!DOCTYPE html><title>Thank you for downloading</title>');
    expect((await add()).err).toBe(
      'mesh: x.iso looks like a web page; does the URL lead to the image itself?\n',
    );
  });

  test('an empty file is no image', async () => {
    expect((await add(put('root/empty.iso', ''))).err).toBe('DOWNLOAD_FAILED: ROOT/root/empty.iso is empty');
    server.content = Buffer.alloc(0);
    expect((await add()).err).toBe('DOWNLOAD_FAILED: http://SERVER/isos/x.iso is empty');
    expect(files()).toEqual([]);
  });

  test('the quota counts all images and parts, and not the one that is replaced', async () => {
    put('etc/pxen/pxen.yaml', 'isos:\n  quota: 5M\n');
    await add();
    const err =
      'NO_SPACE: http://SERVER/isos/y.iso: it has 3.0 MiB or more, but at most 2.0 MiB may come: isos.quota is 5.0 MiB, and 3.0 MiB of it are taken';
    expect(await add(server.url('/isos/y.iso').href)).toEqual({ code: -1, out: '', err });
    put(`${FOLDER}/.z.iso.pxen-part`, Buffer.alloc(1 << 20));
    expect((await add(put('root/y.iso', Buffer.alloc(3 << 19)))).err).toContain('at most 1.0 MiB may come');
    server.content = Buffer.alloc(4 << 20);
    server.etag = '"four"';
    expect((await add(server.url().href, { force: true })).code).toBe(0);
  });

  test('two at once cannot exceed it together', async () => {
    put('etc/pxen/pxen.yaml', 'isos:\n  quota: 5M\n');
    const outcomes = await Promise.all(
      ['/isos/a.iso', '/isos/b.iso'].map(path => add(server.url(path).href)),
    );
    expect(outcomes.map(({ code }) => code).sort()).toEqual([-1, 0]);
    expect(files()).toHaveLength(1);
  });

  test('so much has to stay free', async () => {
    put('etc/pxen/pxen.yaml', 'isos:\n  keepFree: 999999T\n');
    expect((await add()).err).toMatch(
      /^NO_SPACE: http:\/\/SERVER\/isos\/x\.iso: no space: 3\.0 MiB needed, and 999999 TiB have to stay free; \/\S* has .* free\n/,
    );
    expect(files()).toEqual([]);
  });

  test('a second one for the same name is told so at once', async () => {
    mkdirSync(join(root, 'var/pxen/state/isos'), { recursive: true });
    await withFileLock(join(root, 'var/pxen/state/isos/x.iso.lock'), 0, async () => {
      expect((await add()).err).toBe('CONFLICT: x.iso: another mesh iso is at work on it; wait for its end');
      expect((await remove('y.iso')).err).toBe('NOT_FOUND: no image "y.iso"; see: mesh iso list');
      expect((await add(server.url().href, { name: 'y.iso' })).code).toBe(0);
    });
    expect((await add()).code).toBe(0);
  });

  test('a failure leaves what was there', async () => {
    await add();
    server.next = [status(404), status(404)];
    expect((await add(server.url().href, { force: true })).err).toBe(
      'DOWNLOAD_FAILED: http://SERVER/isos/x.iso: HTTP 404 Not Found\nwhat host0 has: mesh iso list',
    );
    expect((await verify()).out).toBe(`x.iso: good, 3.0 MiB, SHA-256 ${SUM}\n`);
  });

  test('a password in the URL is in no message and no list', async () => {
    const url = server.url();
    url.username = 'me';
    url.password = 'secret';
    await add(url.href);
    expect((await list()).out).not.toContain('secret');
    expect(readFileSync(join(root, 'var/pxen/state/isos.json'), 'utf8')).not.toContain('secret');
  });

  test('files of host0 are not for --server', async () => {
    const { err } = await told(context => isoAdd(context, 'x', { force: false }), {
      server: { url: 'http://host0', tokenFile: undefined },
    });
    expect(err).toMatch(
      /^USAGE: this command works on files of host0, not through --server http:\/\/host0\n/,
    );
  });

  test('the progress is written over itself on a terminal, after a second, and nowhere else', async () => {
    let now = 0;
    const clock = { now: () => (now += 600) };
    const source = put('root/big.iso', Buffer.alloc(40 << 20));
    const shown = await told(context => isoAdd(context, source, { force: false }), { columns: 60, ...clock });
    expect(shown.out.replaceAll('\u001b[K', '<CLEAR>')).toMatch(
      /^\r[^\n]*big\.iso {2}[^\n]*<CLEAR>\r<CLEAR>big\.iso: added, 40\.0 MiB in \d+ s, /,
    );
    await remove('big.iso');
    const piped = await told(context => isoAdd(context, source, { force: false }), clock);
    expect(piped.out).toMatch(/^big\.iso: added/);
  });
});

describe('mesh iso list', () => {
  test('nothing yet', async () => {
    expect(await list()).toEqual({
      code: 0,
      out: 'There are no images yet: mesh iso add URL|FILE\n',
      err: '',
    });
    expect(JSON.parse((await told(context => isoList({ ...context, json: true }))).out)).toEqual({
      isos: [],
      unfinished: [],
    });
  });

  test('images with checksum and source, those put there by hand too; no hidden files and no folders', async () => {
    put('etc/pxen/pxen.yaml', 'isos:\n  quota: 1G\n');
    await add();
    put(`${FOLDER}/by hand.iso`, 'x');
    put(`${FOLDER}/.notes`, 'x');
    put(`${FOLDER}/folder/y.iso`, 'x');
    const { out } = await list();
    expect(out.replace(/[\d.]+ [GT]iB free/, 'N free')).toBe(
      [
        'NAME         SIZE     SHA256        ADDED  SOURCE',
        'by hand.iso  1 B      -             -      -',
        `x.iso        3.0 MiB  ${SUM.slice(0, 12)}  now    http://SERVER/isos/x.iso`,
        '',
        '2 images, 3.0 MiB of 1.0 GiB (isos.quota); the disk has N free',
        '',
      ].join('\n'),
    );
    const json = JSON.parse((await told(context => isoList({ ...context, json: true }))).out);
    expect(json).toEqual({
      isos: [
        { name: 'by hand.iso', bytes: 1, changed: false, url: 'http://host0/isos/by%20hand.iso' },
        {
          name: 'x.iso',
          bytes: CONTENT.length,
          sha256: SUM,
          addedAt: 1_700_000_100_000,
          source: 'http://SERVER/isos/x.iso',
          changed: false,
          url: 'http://host0/isos/x.iso',
        },
      ],
      unfinished: [],
      quota: 2 ** 30,
      free: expect.any(Number),
    });
  });

  test('a file that was changed since is marked', async () => {
    await add();
    put(`${FOLDER}/x.iso`, 'changed');
    expect((await list()).out).toMatch(/^x\.iso +7 B +changed +now/m);
  });

  test('records that cannot be read are no reason to guess', async () => {
    put('var/pxen/state/isos.json', '{');
    expect((await list()).err).toMatch(
      /^STATE_UNUSABLE: ROOT\/var\/pxen\/state\/isos\.json cannot be read: .*\ndelete it and run: mesh iso verify$/s,
    );
  });
});

describe('mesh iso verify', () => {
  test('good ones, and the checksum of those put there by hand is noted', async () => {
    await add();
    put(`${FOLDER}/hand.iso`, 'by hand');
    const sum = sha256(Buffer.from('by hand'));
    expect(await verify()).toEqual({
      code: 0,
      out: `hand.iso: recorded, 7 B, SHA-256 ${sum}\nx.iso: good, 3.0 MiB, SHA-256 ${SUM}\n`,
      err: '',
    });
    expect((await verify('hand.iso')).out).toBe(`hand.iso: good, 7 B, SHA-256 ${sum}\n`);
    expect((await list()).out).toContain(`hand.iso  7 B      ${sum.slice(0, 12)}  now    -\n`);
  });

  test('one that differs: exit status 1, and what to do', async () => {
    await add();
    put(`${FOLDER}/x.iso`, 'changed');
    expect(await verify()).toEqual({
      code: 1,
      out: '',
      err: [
        `mesh: x.iso is not what it was: its SHA-256 is ${sha256(Buffer.from('changed'))}, expected ${SUM}`,
        '  fetch it again: mesh iso add http://SERVER/isos/x.iso --name x.iso --force',
        '',
      ].join('\n'),
    });
    const json = await told(context => isoVerify({ ...context, json: true }, []));
    expect([json.code, JSON.parse(json.out)]).toEqual([
      1,
      {
        isos: [
          {
            name: 'x.iso',
            outcome: 'differs',
            bytes: 7,
            sha256: sha256(Buffer.from('changed')),
            expected: SUM,
          },
        ],
      },
    ]);
    expect((await add(server.url().href, { name: 'x.iso', force: true })).out).toMatch(/^x\.iso: replaced/);
    expect((await verify()).code).toBe(0);
  });

  test('one that was only touched is good, and not marked any longer', async () => {
    await add();
    utimesSync(join(root, FOLDER, 'x.iso'), 1, 1);
    expect((await list()).out).toContain('changed');
    expect((await verify()).out).toBe(`x.iso: good, 3.0 MiB, SHA-256 ${SUM}\n`);
    expect((await list()).out).not.toContain('changed');
  });

  test('an unknown name', async () => {
    await add();
    expect(await verify('x.is')).toEqual({
      code: -1,
      out: '',
      err: 'NOT_FOUND: no image "x.is"; did you mean x.iso?',
    });
  });
});

describe('mesh iso remove', () => {
  test('all that are named, parts too, or none', async () => {
    await add();
    put(`${FOLDER}/y.iso`, 'y');
    put(`${FOLDER}/.z.iso.pxen-part`, 'part of z');
    expect(await remove('x.iso', 'y.is')).toEqual({
      code: -1,
      out: '',
      err: 'NOT_FOUND: no image "y.is"; did you mean y.iso?',
    });
    expect(files()).toEqual(['.z.iso.pxen-part', 'x.iso', 'y.iso']);
    expect((await remove('x.iso', 'z.iso', 'x.iso')).out).toBe('x.iso: removed\nz.iso: removed\n');
    expect(files()).toEqual(['y.iso']);
    expect(JSON.parse(readFileSync(join(root, 'var/pxen/state/isos.json'), 'utf8'))).toEqual({});
    const json = await told(context => isoRemove({ ...context, json: true }, ['y.iso']));
    expect(JSON.parse(json.out)).toEqual({ removed: ['y.iso'] });
  });

  test('a name cannot lead out of the folder', async () => {
    put('srv/pxen/http/boot/vmlinuz', 'kernel');
    await add();
    expect((await remove('../boot/vmlinuz')).err).toBe(
      'NOT_FOUND: no image "../boot/vmlinuz"; see: mesh iso list',
    );
    expect(existsSync(join(root, 'srv/pxen/http/boot/vmlinuz'))).toBe(true);
  });
});

test('what was deleted by hand is forgotten', async () => {
  await add();
  rmSync(join(root, FOLDER, 'x.iso'));
  expect((await verify()).out).toBe('');
  await add(server.url('/isos/y.iso').href);
  expect(Object.keys(JSON.parse(readFileSync(join(root, 'var/pxen/state/isos.json'), 'utf8')))).toEqual([
    'y.iso',
  ]);
});
