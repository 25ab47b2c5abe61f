import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RoomProcess } from '../../scripts/room/process.ts';
import { Room } from '../../scripts/room/room.ts';
import { HEAD_BYTES } from '../../src/domain/volume/content.ts';
import { judgeContent } from '../../src/domain/volume/judge.ts';
import { parseQcow2 } from '../../src/domain/volume/qcow2.ts';

/** Long enough that something can happen in the middle. */
const SIZE = 256 << 20;
const FETCH = join(import.meta.dirname, '../fixtures/fetch.ts');

const room = new Room();
let here = '';
let sum = '';
let other = '';

beforeAll(async () => {
  room.open();
  here = join(room.root, 'node');
  mkdirSync(here);
  sum = fill('srv/pxen/http/isos/big.iso');
  other = fill('other.iso');
  // 128 MB a second: a fast computer would be done before anything can happen to it.
  const slow = 'tc qdisc add dev lo root tbf rate 1gbit burst 1m latency 100ms';
  execFileSync('ip', ['netns', 'exec', room.network.namespace, ...slow.split(' ')]);
  await room.startPxend();
});
afterEach(() => {
  rmSync(here, { recursive: true, force: true });
  mkdirSync(here);
});
afterAll(() => room.close());

/** A file of random bytes; returns its SHA-256. */
function fill(path: string): string {
  const bytes = randomFillSync(Buffer.allocUnsafe(SIZE));
  room.write(path, '');
  writeFileSync(join(room.root, path), bytes);
  return createHash('sha256').update(bytes).digest('hex');
}

let fetches = 0;

function fetchTo(to: string, url: string, ...more: string[]): RoomProcess {
  const argv = [process.execPath, '--no-warnings', FETCH, url, join(here, to), ...more];
  return room.spawn(`fetch${fetches++}`, argv);
}

/** The last line. */
async function end(child: RoomProcess): Promise<string> {
  await child.ended();
  return child.output.trimEnd().replaceAll(room.root, 'ROOT').split('\n').at(-1) ?? '';
}

/** Waits until some of the file is there, which is not the whole. */
async function underWay(child: RoomProcess): Promise<void> {
  await child.saw(/^at [1-9]\d{6,} of/m, 60_000);
}

/** By a program that is not ours. */
const sumOf = (file: string): string =>
  execFileSync('sha256sum', [join(here, file)], { encoding: 'utf8' }).slice(0, 64);

/** What the resumed download began with. */
const firstOf = (child: RoomProcess): number => Number(/^at (\d+)/m.exec(child.output)?.[1]);

describe('from pxend', () => {
  const url = 'http://10.77.0.1/isos/big.iso';

  test('a file arrives as curl gets it', async () => {
    expect(await end(fetchTo('big.iso', url, sum))).toBe(`whole ${SIZE} ${sum}`);
    const curl = [...room.network.enter(), 'curl', '-sSo', join(here, 'curl.iso'), url];
    execFileSync(curl[0] ?? '', curl.slice(1));
    expect([sumOf('big.iso'), sumOf('curl.iso')]).toEqual([sum, sum]);
  });

  test('what a process leaves that was killed, curl can go on with, and so can we', async () => {
    const killed = fetchTo('big.iso', url);
    await underWay(killed);
    await killed.stop('SIGKILL');
    expect(readdirSync(here).sort()).toEqual(['.big.iso.pxen-part', '.big.iso.pxen-part.json']);
    const part = statSync(join(here, '.big.iso.pxen-part')).size;
    expect(part).toBeGreaterThan(1 << 20);
    expect(part).toBeLessThan(SIZE);
    copyFileSync(join(here, '.big.iso.pxen-part'), join(here, 'curl.iso'));
    const [program = '', ...enter] = room.network.enter();
    execFileSync(program, [...enter, 'curl', '-sS', '-C', '-', '-o', join(here, 'curl.iso'), url]);
    const again = fetchTo('big.iso', url);
    expect(await end(again)).toBe(`whole ${SIZE} ${sum}`);
    expect(firstOf(again)).toBeGreaterThanOrEqual(part);
    expect([sumOf('big.iso'), sumOf('curl.iso')]).toEqual([sum, sum]);
    expect(readdirSync(here).sort()).toEqual(['big.iso', 'curl.iso']);
  });

  test('pxend is killed in the middle and started again: the download does not notice but by a pause', async () => {
    const child = fetchTo('big.iso', url);
    await underWay(child);
    await room.pxend.stop('SIGKILL');
    await room.startPxend();
    expect(await end(child)).toBe(`whole ${SIZE} ${sum}`);
    expect(sumOf('big.iso')).toBe(sum);
  });

  test('the file is exchanged in the middle: what arrives is the new one, and no mixture', async () => {
    const served = join(room.root, 'srv/pxen/http/isos/big.iso');
    const child = fetchTo('big.iso', url);
    await underWay(child);
    renameSync(served, `${served}.old`);
    renameSync(join(room.root, 'other.iso'), served);
    // pxend goes on with the file that it has open: cut the connection, so that the rest has to be asked for.
    await room.pxend.stop('SIGKILL');
    await room.startPxend();
    expect(await end(child)).toBe(`whole ${SIZE} ${other}`);
    renameSync(served, join(room.root, 'other.iso'));
    renameSync(`${served}.old`, served);
  });

  test('an unfinished download is not served', async () => {
    room.write('srv/pxen/http/isos/.big2.iso.pxen-part', 'on its way');
    const curl = [...room.network.enter(), 'curl', '-sSo', '/dev/null', '-w', '%{http_code}'];
    const { stdout } = spawnSync(
      curl[0] ?? '',
      [...curl.slice(1), 'http://10.77.0.1/isos/.big2.iso.pxen-part'],
      {
        encoding: 'utf8',
      },
    );
    expect(stdout).toBe('403');
  });

  test('what is not there', async () => {
    const child = fetchTo('none.iso', 'http://10.77.0.1/isos/none.iso');
    await child.ended();
    expect(child.output).toBe(
      'DOWNLOAD_FAILED: http://10.77.0.1/isos/none.iso: HTTP 404 Not Found\nwhat host0 has: mesh iso list\n',
    );
    expect(readdirSync(here)).toEqual([]);
  });
});

const NGINX = ['/usr/sbin/nginx', '/usr/bin/nginx'].find(existsSync);
if (NGINX === undefined) console.log('no nginx here: it is not tried out as a server');

describe.skipIf(NGINX === undefined)('from nginx', () => {
  const config = (root: string, extra: string): string => `
daemon off; master_process off; pid ${root}/nginx.pid; error_log stderr;
events {}
http {
  access_log off; client_body_temp_path ${root}/t1; proxy_temp_path ${root}/t2;
  fastcgi_temp_path ${root}/t3; uwsgi_temp_path ${root}/t4; scgi_temp_path ${root}/t5;
  server { listen 10.77.0.1:8081; root ${root}/srv/pxen/http; ${extra} }
}`;

  async function nginx(extra = ''): Promise<RoomProcess> {
    room.write('nginx.conf', config(room.root, extra));
    const child = room.spawn('nginx', [NGINX ?? '', '-c', join(room.root, 'nginx.conf'), '-p', room.root]);
    const check = (): boolean =>
      spawnSync('ip', ['netns', 'exec', room.network.namespace, 'curl', '-sI', 'http://10.77.0.1:8081/'])
        .status === 0;
    while (!check()) await new Promise(resolve => setTimeout(resolve, 50));
    return child;
  }

  const url = 'http://10.77.0.1:8081/isos/big.iso';

  test.each([
    ['with entity tags', ''],
    ['with dates alone', 'etag off;'],
  ])('%s a killed download is gone on with', async (_how, extra) => {
    const server = await nginx(extra);
    const killed = fetchTo('big.iso', url);
    await underWay(killed);
    await killed.stop('SIGKILL');
    const part = statSync(join(here, '.big.iso.pxen-part')).size;
    const again = fetchTo('big.iso', url, sum);
    expect(await end(again)).toBe(`whole ${SIZE} ${sum}`);
    expect(firstOf(again)).toBeGreaterThanOrEqual(part);
    await server.stop();
  });

  test('that knows no ranges: it starts over', async () => {
    const server = await nginx('max_ranges 0;');
    const killed = fetchTo('big.iso', url);
    await underWay(killed);
    await killed.stop('SIGKILL');
    const again = fetchTo('big.iso', url, sum);
    expect(await end(again)).toBe(`whole ${SIZE} ${sum}`);
    await server.stop();
  });
});

describe('a full disk', () => {
  /** Runs the fixture with a tmpfs of 8 MiB at `here`, then tells what is left there. */
  async function onSmallDisk(...argv: string[]): Promise<string> {
    const script =
      'mount -t tmpfs -o size=8m tmpfs "$1"; shift; "$@"; echo "left: $(ls -A "$(dirname "$0")")"';
    const words = [
      ...room.network.enter(),
      'unshare',
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      script,
    ];
    const target = join(here, 'x.iso');
    const [program = '', ...args] = [
      ...words,
      target,
      here,
      process.execPath,
      '--no-warnings',
      FETCH,
      ...argv,
    ];
    const { stderr, stdout } = spawnSync(program, args, { encoding: 'utf8' });
    expect(stderr).toBe('');
    return stdout
      .replaceAll(room.root, 'ROOT')
      .replace(/^at .*\n/gm, '')
      .trimEnd();
  }

  test('a file that does not fit is refused before it comes, and nothing is left', async () => {
    expect(await onSmallDisk('http://10.77.0.1/isos/big.iso', join(here, 'x.iso'))).toBe(
      [
        'NO_SPACE: http://10.77.0.1/isos/big.iso: no space: 256 MiB needed; ROOT/node has 8.0 MiB free',
        'make room below ROOT/node and try again; what was fetched so far is deleted',
        'left:',
      ].join('\n'),
    );
  });

  test('one whose length nobody told fills the disk, and gives all of it back', async () => {
    expect(await onSmallDisk('flood', `${16 << 20}`, join(here, 'x.iso'))).toMatch(
      /^NO_SPACE: ROOT\/node\/x\.iso: no space: the file system is full; ROOT\/node has [\d.]+ (B|KiB) free\nmake room below ROOT\/node and try again; what was fetched so far is deleted\nleft:$/,
    );
  });

  test('one that fits fits', async () => {
    expect(await onSmallDisk('flood', `${4 << 20}`, join(here, 'x.iso'))).toMatch(
      /^whole 4194304 [0-9a-f]{64}\nleft: x\.iso$/,
    );
  });
});

describe('images that qemu-img made', () => {
  const make = (name: string, ...argv: string[]): string => {
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...argv], { cwd: here });
    return name;
  };
  const head = (name: string): Uint8Array => readFileSync(join(here, name)).subarray(0, HEAD_BYTES);
  const CONVERT = 'make it whole: qemu-img convert -O qcow2 OLD NEW';

  test.each<[string, string[]]>([
    ['version 3', ['a.qcow2', '10G']],
    ['version 2', ['-o', 'compat=0.10', 'a.qcow2', '1G']],
    ['small clusters', ['-o', 'cluster_size=512', 'a.qcow2', '64M']],
    ['large clusters', ['-o', 'cluster_size=2M', 'a.qcow2', '64M']],
    ['zstd and extended L2', ['-o', 'compression_type=zstd,extended_l2=on', 'a.qcow2', '64M']],
    ['nothing in it', ['a.qcow2', '0']],
    ['preallocated', ['-o', 'preallocation=metadata', 'a.qcow2', '64M']],
  ])('%s: as qemu-img info sees it', (_what, argv) => {
    make('a.qcow2', ...argv);
    const info = JSON.parse(
      execFileSync('qemu-img', ['info', '--output=json', 'a.qcow2'], { cwd: here, encoding: 'utf8' }),
    );
    expect(parseQcow2(head('a.qcow2'))).toEqual({
      version: info['format-specific'].data.compat === '0.10' ? 2 : 3,
      virtualSize: info['virtual-size'],
      clusterBytes: info['cluster-size'],
      encryption: 'none',
      backingFile: undefined,
      dataFile: undefined,
    });
    expect(judgeContent('qcow2', head('a.qcow2'))).toBeUndefined();
  });

  test('one on a backing file, whether it is named by path or as JSON', () => {
    make('base.qcow2', 'base.qcow2', '64M');
    for (const [version, name] of [
      ['0.10', join(here, 'base.qcow2')],
      ['1.1', 'json:{"driver":"qcow2","file":{"driver":"file","filename":"base.qcow2"}}'],
    ] as const) {
      make('top.qcow2', '-o', `compat=${version}`, '-F', 'qcow2', '-b', name, 'top.qcow2');
      expect(judgeContent('qcow2', head('top.qcow2'))).toBe(
        `needs another file, its backing file ${quoted(name)}; ${CONVERT}`,
      );
      execFileSync('qemu-img', ['convert', '-O', 'qcow2', 'top.qcow2', 'whole.qcow2'], { cwd: here });
      expect(judgeContent('qcow2', head('whole.qcow2'))).toBeUndefined();
    }
  });

  test('one with its data in another file', () => {
    make('a.qcow2', '-o', 'data_file=secret.raw,data_file_raw=on', 'a.qcow2', '1M');
    expect(judgeContent('qcow2', head('a.qcow2'))).toBe(
      `needs another file, its data file "secret.raw"; ${CONVERT}`,
    );
  });

  test('one that is encrypted', () => {
    const options = 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10';
    const argv = ['--object', 'secret,id=s,data=secret', '-o', options, 'a.qcow2', '1M'];
    // It measures how fast the processor is, and gives up when that is busy: "Unable to get accurate CPU usage".
    for (let tries = 1; ; tries++) {
      try {
        make('a.qcow2', ...argv);
        break;
      } catch (thrown) {
        if (tries === 20 || !/accurate CPU usage/.test(String(thrown))) throw thrown;
      }
    }
    expect(judgeContent('qcow2', head('a.qcow2'))).toBe(
      'is encrypted (LUKS), and there is no key for it here',
    );
  });

  test.each([
    ['raw', 'is no qcow2 image, and like nothing that is known here (a raw disk image?)'],
    ['vmdk', 'is no qcow2 image, it looks like a VMDK image; convert it: qemu-img convert -O qcow2 OLD NEW'],
    ['vdi', 'is no qcow2 image, it looks like a VDI image; convert it: qemu-img convert -O qcow2 OLD NEW'],
    ['vhdx', 'is no qcow2 image, it looks like a VHDX image; convert it: qemu-img convert -O qcow2 OLD NEW'],
    ['vpc', 'is no qcow2 image, it looks like a VHD image; convert it: qemu-img convert -O qcow2 OLD NEW'],
    ['qed', 'is no qcow2 image, it looks like a QED image; convert it: qemu-img convert -O qcow2 OLD NEW'],
  ])('%s is no qcow2', (format, expected) => {
    execFileSync('qemu-img', ['create', '-q', '-f', format, 'a', '64M'], { cwd: here });
    expect(judgeContent('qcow2', head('a'))).toBe(expected);
  });
});

/** As messages have it. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}
