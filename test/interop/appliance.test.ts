import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT, Room } from '../../scripts/room/room.ts';

/** One appliance in a network of its own, as installed: the real launchers, the real files. No machine is booted here. */
const room = new Room();
const CONFIG = 'interface: br0\ndhcp:\n  pool: [10.77.0.100-10.77.0.199]\n';

beforeAll(() => room.open());
afterAll(() => room.close());

/** Runs pxend until it ends by itself; for the cases in which it must refuse to start. */
async function refusal(...flags: string[]): Promise<{ code: number | null; text: string }> {
  const child = room.spawn('refused', [join(PROJECT, 'scripts/pxend'), '--root', room.root, ...flags]);
  const code = await child.ended();
  return { code, text: child.output.trimEnd().replaceAll(room.root, 'ROOT') };
}

describe('pxend refuses to start with one clear line', () => {
  test('a wrong key and bad values in the configuration: all of them, with their lines', async () => {
    room.write(
      'etc/pxen/pxen.yaml',
      'interface: br0\ndhcp:\n  pol: [10.77.0.100-10.77.0.199]\n  leaseTime: 5s\nhttp:\n  port: eighty\n',
    );
    expect(await refusal()).toEqual({
      code: 2,
      text: [
        'pxend: the configuration was refused: 3 problems',
        '  ROOT/etc/pxen/pxen.yaml:3: dhcp.pol: got an unknown key, expected a known key; did you mean dhcp.pool?',
        '  ROOT/etc/pxen/pxen.yaml:4: dhcp.leaseTime: got "5s", expected a duration from 120s to 30d such as 15m, 1h or 2d',
        '  ROOT/etc/pxen/pxen.yaml:6: http.port: got "eighty", expected a port from 1 to 65535',
      ].join('\n'),
    });
  });

  test('an interface that does not exist', async () => {
    room.write('etc/pxen/pxen.yaml', CONFIG);
    expect(await refusal('--interface', 'eth9')).toEqual({
      code: 2,
      text: 'pxend: interface eth9 does not exist or has no IPv4 address; interfaces with one: lo, br0; see: ip -4 address',
    });
  });

  test('a pool outside of the network', async () => {
    expect(await refusal('--dhcp-pool', '10.78.0.1-10.78.0.9')).toEqual({
      code: 2,
      text:
        'pxend: the configuration does not fit the network: 1 problem\n' +
        '  ROOT/etc/pxen/pxen.yaml: dhcp.pool: got 10.78.0.1-10.78.0.9, ' +
        'expected ascending addresses inside 10.77.0.1/24 of br0, without its first and last',
    });
  });

  test.each([
    {
      port: 'TCP 10.77.0.1:80',
      holder: "require('node:net').createServer().listen(80, '10.77.0.1')",
      flag: 'sport = :80',
    },
    {
      port: 'UDP 10.77.0.1:69',
      holder: "require('node:dgram').createSocket('udp4').bind(69, '10.77.0.1')",
      flag: 'sport = :69',
    },
    {
      port: 'UDP 0.0.0.0:67',
      holder: "require('node:dgram').createSocket('udp4').bind(67)",
      flag: 'sport = :67',
    },
  ])('a port that another program has: $port', async ({ holder, flag }) => {
    const other = room.spawn('holder', [
      process.execPath,
      '-e',
      `${holder}.on('listening', () => console.log('holding'))`,
    ]);
    await other.saw(/holding/, 10_000);
    const { code, text } = await refusal();
    await other.stop();
    expect({ code, last: text.split('\n').at(-1) }).toEqual({
      code: 1,
      last: expect.stringMatching(
        new RegExp(
          `^pxend: (TCP|UDP) [0-9.]+:\\d+ is in use by another program; find it with: ss -lpn '${flag}'$`,
        ),
      ),
    });
  });

  test('a second pxend on the same root', async () => {
    const first = await room.startPxend();
    const { code, text } = await refusal();
    await first.stop();
    expect({ code, last: text.split('\n').at(-1) }).toEqual({
      code: 1,
      last: 'pxend: another pxend already serves ROOT/run/pxen/pxend.sock; stop it first or use another --root',
    });
  });

  test('no root rights', async () => {
    const unprivileged = new Room();
    unprivileged.write('etc/pxen/pxen.yaml', CONFIG);
    spawnSync('chown', ['-R', 'nobody', unprivileged.root]);
    chmodSync(unprivileged.root, 0o755);
    const argv = [
      'setpriv',
      '--reuid',
      'nobody',
      '--clear-groups',
      join(PROJECT, 'scripts/pxend'),
      '--root',
      unprivileged.root,
    ];
    const child = room.spawn('nobody', argv);
    const code = await child.ended();
    rmSync(unprivileged.root, { recursive: true, force: true });
    expect({ code, last: child.output.trimEnd().split('\n').at(-1) }).toEqual({
      code: 77,
      last: 'pxend: TCP 10.77.0.1:80: ports below 1024 need root rights; run as root or give node CAP_NET_BIND_SERVICE',
    });
  });
});

describe('mesh beside a running pxend', () => {
  beforeAll(async () => {
    room.write('etc/pxen/pxen.yaml', CONFIG);
    room.write('host0/machines/tulip/UUID', '91d5815f\n');
    room.write(
      'host0/machines/tulip/manifest',
      'O MODE=root:root:0644 SRC=/host0/machines/tulip/motd TGT=/etc/motd\n',
    );
    room.write('host0/machines/tulip/motd', 'good\n');
    await room.startPxend();
  });
  afterAll(() => room.pxend.stop());

  const build = async (complaint = ''): Promise<Buffer> => {
    const file = join(room.root, 'out.gz');
    expect(await room.mesh('overlay', 'build', 'tulip', '-o', file)).toMatchObject({
      code: 0,
      stderr: complaint,
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    return readFileSync(file);
  };

  test('no node has been seen yet', async () => {
    expect(await room.mesh('node', 'info')).toEqual({
      code: 0,
      stdout: 'No node has been seen yet: switch a machine on that boots from the network.\n',
      stderr: '',
    });
    expect(JSON.parse((await room.mesh('node', 'info', '--json')).stdout)).toEqual({ nodes: [] });
  });

  test('configure says what it did with every folder, and does nothing twice', async () => {
    const { code, stdout } = await room.mesh('system', 'configure');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^tulip {2}91d5815f {2}unchanged {2}[\d.]+ KiB\n$/),
    });
  });

  test('an overlay is the same bytes every time', async () => {
    expect(await build()).toEqual(await build());
  });

  test('a broken manifest: every problem with its line, nothing is written, and the last good overlay stays', async () => {
    const good = await build();
    room.write(
      'host0/machines/tulip/manifest',
      'O MODE=root:root:0644 SRC=/host0/machines/tulip/gone TGT=/etc/motd\nX TGT=/etc/x\nD MODE=root:rwx TGT=/srv\n',
    );
    const stderr = [
      'mesh: /host0 is not in order: 3 problems',
      '  /host0/machines/tulip/manifest:1: SRC: got "/host0/machines/tulip/gone", which does not exist, expected a readable regular file of at most 64.0 MiB',
      '  /host0/machines/tulip/manifest:2: action: got "X", expected one of O, A, L, D, R',
      '  /host0/machines/tulip/manifest:3: MODE: got "root:rwx", expected user:group:permissions such as root:root:0644 (permissions: 3 or 4 octal digits)',
      '',
    ].join('\n');
    expect(await room.mesh('system', 'configure', '--check')).toEqual({ code: 1, stdout: '', stderr });
    const { stdout, ...refused } = await room.mesh('system', 'configure');
    expect({ ...refused, stdout }).toEqual({
      code: 1,
      stdout: expect.stringMatching(
        /^tulip {2}91d5815f {2}refused, the last good overlay stays {2}[\d.]+ KiB\n$/,
      ),
      stderr,
    });
    expect(
      await build(
        'mesh: tulip has problems, this is its last good overlay; see: mesh system configure --check\n',
      ),
    ).toEqual(good);
    room.write(
      'host0/machines/tulip/manifest',
      'O MODE=root:root:0644 SRC=/host0/machines/tulip/motd TGT=/etc/motd\n',
    );
  });

  test('overlay show names each entry with the manifest line it comes from', async () => {
    const { code, stdout } = await room.mesh('overlay', 'show', 'tulip');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^0644 +root:root +5 B +\/etc\/motd +\/host0\/machines\/tulip\/manifest:1$/m);
    expect(await room.mesh('overlay', 'show', 'tulp')).toMatchObject({
      code: 1,
      stderr: 'mesh: no overlay for "tulp"; did you mean tulip?\n',
    });
  });

  test('a change under /host0 is served within two seconds without any command, and a broken one is said', async () => {
    const motd = async (): Promise<number | undefined> => {
      const { stdout } = await room.mesh('overlay', 'show', 'tulip', '--json');
      const shown: { entries: { path: string; size: number }[] } = JSON.parse(stdout);
      return shown.entries.find(({ path }) => path === '/etc/motd')?.size;
    };
    expect(await motd()).toBe(5);
    room.write('host0/machines/tulip/motd', 'good, and longer than before\n');
    const deadline = performance.now() + 2000;
    let size = await motd();
    while (size === 5 && performance.now() < deadline) size = await motd();
    expect(size).toBe(29);
    room.write('host0/machines/tulip/manifest', 'Q\n');
    await room.pxend.saw(
      /manifest:1: action: got "Q"[^\n]*\n[^\n]*refused, the last good overlay stays: tulip/,
      2000,
    );
    expect(await motd()).toBe(29);
    room.write(
      'host0/machines/tulip/manifest',
      'O MODE=root:root:0644 SRC=/host0/machines/tulip/motd TGT=/etc/motd\n',
    );
    await room.pxend.saw(/got "Q".*overlay: in order again: tulip/s, 2000);
  });

  test('adopt makes a folder whose overlay is served at once; a stranger needs --force', async () => {
    expect(await room.mesh('node', 'adopt', '6e6da274', '--name', 'rose')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('mesh: no machine 6e6da274 has been seen here\n'),
    });
    const { code, stdout } = await room.mesh('node', 'adopt', '6e6da274', '--name', 'rose', '--force');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^\/host0\/machines\/rose: made, with UUID, manifest\nits overlay is built, [\d.]+ KiB, and served from now on\nit gets it at its next boot\n$/,
      ),
    });
    expect(await room.mesh('overlay', 'diff', 'rose')).toMatchObject({ code: 2 });
  });

  test('healthz says which part is not well: there is no kernel in this room', async () => {
    const answer = spawnSync(
      'ip',
      [
        'netns',
        'exec',
        room.network.namespace,
        'curl',
        '-s',
        '-w',
        '%{http_code}',
        'http://10.77.0.1/healthz',
      ],
      {
        encoding: 'utf8',
      },
    );
    expect(answer.stdout).toContain('machines cannot boot, missing: ');
    expect(answer.stdout).toMatch(/503$/);
  });

  test('an overlay with secrets is not for just anybody', async () => {
    const argv = [
      'netns',
      'exec',
      room.network.namespace,
      'curl',
      '-s',
      'http://10.77.0.1/apkovl/91d5815f.apkovl.tar.gz',
    ];
    expect(JSON.parse(spawnSync('ip', argv, { encoding: 'utf8' }).stdout)).toEqual({
      error: {
        code: 'FORBIDDEN',
        message: 'the overlay of 91d5815f goes only to that machine; 10.77.0.1 is leased to no known machine',
        details: [],
      },
    });
  });
});

describe('mesh without a pxend', () => {
  test('says that it is not running, and what to do', async () => {
    const { code, stderr } = await room.mesh('node', 'info');
    expect({ code, stderr: stderr.replaceAll(room.root, 'ROOT') }).toEqual({
      code: 69,
      stderr:
        'mesh: pxend is not running (nothing answers on ROOT/run/pxen/pxend.sock); start it, or name its folder with --root\n',
    });
  });

  test('configure works all the same', async () => {
    expect(await room.mesh('system', 'configure', '--check')).toEqual({
      code: 0,
      stdout: '2 machine folders in order\n',
      stderr: '',
    });
  });

  test('a mistyped command gets the nearest one and exit status 2', async () => {
    const { code, stderr } = await room.mesh('node', 'inof');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('Did you mean info?') });
  });
});
