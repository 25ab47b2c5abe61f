import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PROJECT, Room } from '../../scripts/room/room.ts';

/** Another computer's web server, from which host0 fetches; and the images that pxend gives to nodes. */
const SIZE = 64 << 20;
const mirror = new Room();
const room = new Room();
const URL_OF = 'http://10.77.0.1/isos/big.iso';
let sum = '';

beforeAll(async () => {
  for (const one of [mirror, room]) one.open();
  const bytes = randomFillSync(Buffer.allocUnsafe(SIZE));
  sum = createHash('sha256').update(bytes).digest('hex');
  mirror.write('srv/pxen/http/isos/big.iso', '');
  writeFileSync(join(mirror.root, 'srv/pxen/http/isos/big.iso'), bytes);
  pace('add', '1gbit');
  await mirror.startPxend();
});
beforeEach(() => {
  rmSync(folder(), { recursive: true, force: true });
  rmSync(join(room.root, 'var/pxen/state/isos.json'), { force: true });
});
afterAll(async () => {
  await room.close();
  await mirror.close();
});

const folder = (): string => join(room.root, 'srv/pxen/http/isos');
const files = (): string[] => readdirSync(folder()).sort();

/** `mesh` of the room, which reaches the mirror. */
function mesh(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const [program = '', ...enter] = mirror.network.enter();
  const argv = [...enter, join(PROJECT, 'scripts/mesh'), '--root', room.root, ...args];
  const { status, stderr, stdout } = spawnSync(program, argv, { encoding: 'utf8' });
  return { code: status, stdout, stderr: stderr.replaceAll(room.root, 'ROOT') };
}

/** What a node of the room gets. */
function curl(url: string, ...options: string[]): string {
  const [program = '', ...enter] = room.network.enter();
  return execFileSync(program, [...enter, 'curl', '-sS', ...options, url], { encoding: 'utf8' });
}

/** A fast computer would be done before anything can happen to it. */
function pace(how: 'add' | 'change', rate: string): void {
  const [program = '', ...enter] = mirror.network.enter();
  const tbf = `tc qdisc ${how} dev lo root tbf rate ${rate} burst 1m latency 100ms`;
  execFileSync(program, [...enter, ...tbf.split(' ')]);
}

let children = 0;

/** One that is under way and ends when it wants to. */
function meshBeside(...args: string[]) {
  return mirror.spawn(`mesh${children++}`, [join(PROJECT, 'scripts/mesh'), '--root', room.root, ...args]);
}

async function partOf(name: string): Promise<string> {
  const part = join(folder(), `.${name}.pxen-part`);
  while (!existsSync(part) || statSync(part).size < 1 << 20)
    await new Promise(resolve => setTimeout(resolve, 2));
  return part;
}

describe('mesh iso, without a pxend', () => {
  test('adds, lists, verifies with sha256sum, and removes', () => {
    expect(mesh('iso', 'add', URL_OF, '--sha256', sum)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        new RegExp(
          `^big\\.iso: added, 64.0 MiB( in \\d+ s)?, SHA-256 ${sum}\nnodes fetch it from http://host0/isos/big\\.iso\n$`,
        ),
      ),
      stderr: '',
    });
    const own = execFileSync('sha256sum', [join(folder(), 'big.iso')], { encoding: 'utf8' });
    expect(own.slice(0, 64)).toBe(sum);
    expect(statSync(join(folder(), 'big.iso')).mode & 0o444).toBe(0o444);
    expect(mesh('iso', 'list').stdout).toMatch(
      new RegExp(
        `^NAME.*\nbig\\.iso +64.0 MiB +${sum.slice(0, 12)} +(now|\\d+ s ago) +http://10\\.77\\.0\\.1/isos/big\\.iso\n\n1 image, 64.0 MiB; `,
      ),
    );
    expect(mesh('iso', 'verify')).toEqual({
      code: 0,
      stdout: `big.iso: good, 64.0 MiB, SHA-256 ${sum}\n`,
      stderr: '',
    });
    expect(mesh('iso', 'remove', 'big.iso')).toEqual({ code: 0, stdout: 'big.iso: removed\n', stderr: '' });
    expect(files()).toEqual([]);
  });

  test('one that is killed in the middle is gone on with by the next', async () => {
    const atFirst = sentByMirror();
    const killed = meshBeside('iso', 'add', URL_OF);
    const part = await partOf('big.iso');
    await killed.stop('SIGKILL');
    const { size } = statSync(part);
    expect(size).toBeLessThan(SIZE);
    expect(mesh('iso', 'list', '--json').stdout).toContain('"unfinished": [\n    {\n      "name": "big.iso"');
    await expect.poll(sentByMirror).toBeGreaterThan(atFirst);
    const before = sentByMirror();
    expect(mesh('iso', 'add', URL_OF).stdout).toContain(`SHA-256 ${sum}`);
    await expect.poll(sentByMirror).toBe(before + SIZE - size);
    expect(files()).toEqual(['big.iso']);
  });

  test('Ctrl-C ends it in order and says so', async () => {
    const child = meshBeside('iso', 'add', URL_OF);
    await partOf('big.iso');
    expect(await child.stop('SIGINT')).toBe(1);
    expect(child.output).toMatch(
      /^mesh: http:\/\/10\.77\.0\.1\/isos\/big\.iso: stopped after [\d.]+ MiB of 64.0 MiB\n {2}the same command goes on from there\n$/,
    );
    expect(mesh('iso', 'remove', 'big.iso').code).toBe(0);
    expect(files()).toEqual([]);
  });

  test('of two for one name the second is told so; for two names both come', async () => {
    pace('change', '50mbit');
    const first = meshBeside('iso', 'add', URL_OF);
    await partOf('big.iso');
    const second = mesh('iso', 'add', URL_OF);
    pace('change', '1gbit');
    const other = meshBeside('iso', 'add', URL_OF, '--name', 'other.iso');
    expect(second).toEqual({
      code: 1,
      stdout: '',
      stderr: 'mesh: big.iso: another mesh iso is at work on it; wait for its end\n',
    });
    expect([await first.ended(), await other.ended()]).toEqual([0, 0]);
    expect(files()).toEqual(['big.iso', 'other.iso']);
  });

  test('pxend of the mirror is killed and started again: the add does not notice but by a pause', async () => {
    const child = meshBeside('iso', 'add', URL_OF);
    await partOf('big.iso');
    await mirror.pxend.stop('SIGKILL');
    await mirror.startPxend();
    expect(await child.ended()).toBe(0);
    expect(child.output).toContain(`SHA-256 ${sum}`);
  });

  test('a changed byte is found: exit status 1', () => {
    mesh('iso', 'add', URL_OF);
    const file = join(folder(), 'big.iso');
    const bytes = readFileSync(file);
    bytes[SIZE >> 1] = (bytes[SIZE >> 1] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const { code, stderr } = mesh('iso', 'verify', 'big.iso');
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        new RegExp(
          `^mesh: big\\.iso is not what it was: its SHA-256 is [0-9a-f]{64}, expected ${sum}\n {2}fetch it again: mesh iso add ${URL_OF} --name big\\.iso --force\n$`,
        ),
      ),
    ]);
  });

  test('a full disk: a clear error, nothing is left, and the other images stay', () => {
    mkdirSync(folder(), { recursive: true });
    const script = [
      'mount -t tmpfs -o size=32m tmpfs "$1"; shift',
      'export PXEN_ISOS_KEEP_FREE=1M',
      'echo small > small; "$@" iso add small; "$@" iso add "$0"; echo "exit $?"; "$@" iso list; rm small',
    ].join('; ');
    const [program = '', ...enter] = mirror.network.enter();
    const inside = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, URL_OF, folder()];
    const argv = [...enter, ...inside, join(PROJECT, 'scripts/mesh'), '--root', room.root];
    const { stderr, stdout } = spawnSync(program, argv, { encoding: 'utf8', cwd: mirror.root });
    expect(stderr.replaceAll(room.root, 'ROOT')).toMatch(
      /^mesh: http:\/\/10\.77\.0\.1\/isos\/big\.iso: no space: 64.0 MiB needed, and 1\.0 MiB have to stay free; ROOT\/srv\/pxen\/http\/isos has 3\d\.\d MiB free\n {2}make room below ROOT\/srv\/pxen\/http\/isos and try again; what was fetched so far is deleted\n$/,
    );
    expect(stdout).toMatch(
      /^small: added, 6 B, [^\n]*\n[^\n]*\nexit 1\nNAME[^\n]*\nsmall [^\n]*\n\n1 image, 6 B; /,
    );
  });

  test('without the rights to write there', () => {
    mkdirSync(folder(), { recursive: true });
    execFileSync('chmod', ['755', room.root]);
    const [program = '', ...enter] = mirror.network.enter();
    const nobody = ['setpriv', '--reuid', 'nobody', '--clear-groups', join(PROJECT, 'scripts/mesh')];
    const argv = [...enter, ...nobody, '--root', room.root, 'iso', 'add', URL_OF];
    const { status, stderr } = spawnSync(program, argv, { encoding: 'utf8' });
    expect([status, stderr.replaceAll(room.root, 'ROOT')]).toEqual([
      77,
      expect.stringMatching(/^mesh: (EACCES|ROOT).*permission denied/),
    ]);
  });

  test('help has examples, a mistake has a hint', () => {
    expect(mesh('iso', 'add', '--help').stdout).toContain('Examples:\n  mesh iso add https://');
    expect(mesh('iso', 'verfy').stderr).toContain('Did you mean verify?');
  });
});

/** Bytes of files that the mirror's pxend has sent, by its own count. */
function sentByMirror(): number {
  const socket = join(mirror.root, 'run/pxen/pxend.sock');
  const text = execFileSync('curl', ['-sS', '--unix-socket', socket, 'http://pxend/metrics'], {
    encoding: 'utf8',
  });
  return Number(/^pxen_http_sent_bytes_total\{artefact="file"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

describe('what nodes see', () => {
  beforeAll(() => room.startPxend());

  test('an image is there when it is whole, and not before', async () => {
    const child = meshBeside('iso', 'add', URL_OF);
    await partOf('big.iso');
    const status = ['-o', '/dev/null', '-w', '%{http_code}'];
    expect(curl('http://10.77.0.1/isos/big.iso', ...status)).toBe('404');
    expect(curl('http://10.77.0.1/isos/.big.iso.pxen-part', ...status)).toBe('403');
    expect(curl('http://10.77.0.1/isos/.big.iso.pxen-part.json', ...status)).toBe('403');
    expect(await child.ended()).toBe(0);
    curl('http://10.77.0.1/isos/big.iso', '-o', join(room.root, 'got.iso'));
    expect(execFileSync('sha256sum', [join(room.root, 'got.iso')], { encoding: 'utf8' }).slice(0, 64)).toBe(
      sum,
    );
  });
});
