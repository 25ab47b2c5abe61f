import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../scripts/room/network.ts';
import { RoomProcess } from '../../scripts/room/process.ts';
import { imageFolder, PROJECT, Room } from '../../scripts/room/room.ts';
import type { Finding } from '../../src/domain/doctor/finding.ts';

/** An appliance in a network of its own, with boot files and without machines. */
const room = new Room();

beforeAll(() => {
  room.open();
  room.installImage(imageFolder());
});
let foreign: Awaited<ReturnType<typeof foreignServer>> | undefined;
afterAll(async () => {
  foreign?.unplug();
  await room.close();
});

/** Runs where pxend runs: in the room's network. */
async function doctor(): Promise<{ code: number | null; findings: Record<string, string> }> {
  const argv = [join(PROJECT, 'scripts/mesh'), '--root', room.root, '--json', 'system', 'doctor'];
  const child = room.spawn('doctor', argv);
  const code = await child.ended();
  const { findings } = JSON.parse(child.output) as { findings: Finding[] };
  const told = findings.map(({ check, level, text }) => [
    check,
    `${level} ${text.replaceAll(room.root, 'ROOT')}`,
  ]);
  return { code, findings: Object.fromEntries(told) };
}

describe('mesh system doctor', () => {
  test('works without a pxend: everything is ready for one', async () => {
    expect(await doctor()).toEqual({
      code: 0,
      findings: {
        pxend: expect.stringMatching(/^warn pxend is not running/),
        configuration: 'ok ROOT/etc/pxen/pxen.yaml is good',
        rights: 'ok running as root',
        interface: 'ok br0 with 10.77.0.1/24 is up and has a carrier',
        ports: 'ok DHCP 67, TFTP 69, HTTP 80 are free on 10.77.0.1',
        'dhcp servers': 'ok no other DHCP server answers',
        'ipv6 routers': 'ok router advertisements are on this network',
        'boot files': expect.stringMatching(/^ok 5 files, [\d.]+ MiB, of the right kind$/),
        clock: expect.stringMatching(/^(ok|warn) \d{4}-/),
        disk: expect.stringMatching(/free for ROOT\/var\/pxen\/state$/),
        state: 'ok ROOT/var/pxen/state/pxen.db does not exist yet',
        'file watching': expect.stringMatching(/inotify watches/),
        'receive buffer': expect.stringMatching(/net\.core\.rmem_max is/),
        '/host0': 'ok 0 machine folders in order',
      },
    });
  });

  test('finds a foreign DHCP server beside pxend, a wrong boot file, a broken manifest; the state is sound', async () => {
    room.write('host0/machines/tulip/UUID', '91d5815f\n');
    room.write('host0/machines/tulip/manifest', 'X TGT=/etc/x\n');
    const kernel = join(room.root, 'srv/pxen/http/boot/vmlinuz');
    const image = readFileSync(kernel);
    await room.startPxend();
    // The room's files may be links into the image: a new file, not new content.
    room.write('srv/pxen/http/boot/other', 'this is no kernel');
    appendFileSync(join(room.root, 'etc/pxen/pxen.yaml'), '  kernel: other\n');
    foreign = await foreignServer();
    const { code, findings } = await doctor().finally(foreign.stop);
    await room.pxend.stop();
    expect(image.length).toBeGreaterThan(1_000_000);
    expect({ code, ...findings }).toMatchObject({
      code: 1,
      ports: 'ok DHCP 67, TFTP 69, HTTP 80: pxend has them',
      'dhcp servers': expect.stringMatching(
        /^fail another DHCP server is on this network: 10\.77\.0\.9 \(offered 10\.77\.0\.5\d\)$/,
      ),
      'boot files': 'fail ROOT/srv/pxen/http/boot/other is no x86 kernel',
      state: 'ok ROOT/var/pxen/state/pxen.db is sound',
      '/host0': expect.stringMatching(/^fail \/host0\/machines\/tulip\/manifest:1: action: got "X"/),
    });
  });

  test('tells what is broken before the first start: ports, database, configuration', async () => {
    const holder = "require('node:net').createServer().listen(80, '10.77.0.1', () => console.log('holding'))";
    const other = room.spawn('holder', [process.execPath, '-e', holder]);
    await other.saw(/holding/, 10_000);
    writeFileSync(
      join(room.root, 'var/pxen/state/pxen.db'),
      'no database at all, but long enough for a header'.repeat(4),
    );
    const { code, findings } = await doctor();
    await other.stop();
    expect({ code, ...findings }).toMatchObject({
      code: 1,
      ports: expect.stringMatching(/^fail TCP 10\.77\.0\.1:80 is in use by another program/),
      state: 'fail ROOT/var/pxen/state/pxen.db: file is not a database',
    });
  });
});

/** dnsmasq at another address, in a network namespace of its own behind a port of the room's switch: a second machine. */
async function foreignServer(): Promise<{ stop: () => Promise<void>; unplug: () => void }> {
  const { namespace } = room.network;
  const name = `${namespace}-1`;
  run('ip', 'netns', 'add', name);
  run('ip', '-n', namespace, 'link', 'add', 'foreign', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  run('ip', '-n', namespace, 'link', 'set', 'foreign', 'master', 'br0', 'up');
  run('ip', '-n', name, 'address', 'add', '10.77.0.9/24', 'dev', 'eth0');
  run('ip', '-n', name, 'link', 'set', 'eth0', 'up');
  const argv = [
    ...['dnsmasq', '--no-daemon', '--conf-file=/dev/null', '--port=0', '--no-ping', '--user=root'],
    ...['--interface=eth0', '--bind-interfaces', '--dhcp-range=10.77.0.50,10.77.0.59'],
    `--dhcp-leasefile=${join(room.root, 'foreign.leases')}`,
  ];
  const dnsmasq = new RoomProcess(
    'dnsmasq',
    ['ip', 'netns', 'exec', name, ...argv],
    join(room.logs, 'dnsmasq.log'),
  );
  await dnsmasq.saw(/DHCP, IP range/, 10_000);
  return {
    stop: async () => void (await dnsmasq.stop()),
    unplug: () => void run('ip', 'netns', 'delete', name),
  };
}

describe('mesh beside a pxend that has recorded nothing', () => {
  test('status tells every part that is not well, with exit status 1; pcap and trace know no node', async () => {
    room.write('var/pxen/state/pxen.db', '');
    await room.startPxend();
    const { code, stdout } = await room.mesh('system', 'status', '--json');
    const { network, ports, dhcp, nodes, parts, problems } = JSON.parse(stdout);
    const pcap = await room.mesh('node', 'pcap', '91d5815f', '-o', join(room.root, 'x'));
    const trace = await room.mesh('node', 'trace', '91d5815f');
    await room.pxend.stop();
    expect({ code, network, ports, dhcp, nodes, problems }).toEqual({
      code: 1,
      network: { interface: 'br0', address: '10.77.0.1', prefix: 24 },
      ports: [
        { what: 'DHCP', protocol: 'udp', port: 67 },
        { what: 'TFTP', protocol: 'udp', port: 69 },
        { what: 'HTTP', protocol: 'tcp', port: 80 },
      ],
      dhcp: { mode: 'server', leases: { pool: 100, used: 0, free: 100 } },
      nodes: {},
      problems: [],
    });
    expect(parts['overlays']).toBe('1 problem in /host0; see: mesh system configure --check');
    expect([pcap.stderr, trace.stderr]).toEqual(
      Array.from({ length: 2 }, () => 'mesh: no node 91d5815f; mesh node info lists all\n'),
    );
  });
});

test('a switch that is off is told as such, and pxend starts all the same', async () => {
  foreign?.unplug();
  foreign = undefined;
  const { code, findings } = await doctor();
  expect({ code, interface: findings['interface'] }).toEqual({
    code: 1,
    interface: 'fail br0 with 10.77.0.1/24 has no carrier',
  });
  const pxend = await room.startPxend();
  await pxend.stop();
});
