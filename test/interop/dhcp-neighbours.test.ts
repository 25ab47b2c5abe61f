import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Neighbour } from '../../scripts/room/neighbour.ts';
import { run } from '../../scripts/room/network.ts';
import type { RoomProcess } from '../../scripts/room/process.ts';
import { PROJECT, Room } from '../../scripts/room/room.ts';

const NODE = join(PROJECT, 'node_modules/.bin/node');

/**
 *   pxend 10.77.0.1 --- br0 --- 10.77.0.2 router (dnsmasq, a foreign server, from the third test on)
 *                        |----- client (udhcpc, npm dhcp)
 *                        '----- 10.77.0.3 relay (dnsmasq --dhcp-relay) 10.88.0.1 --- far0 --- farclient (udhcpc)
 */
const room = new Room();
const router = new Neighbour(room, 'router');
const relay = new Neighbour(room, 'relay');
const client = new Neighbour(room, 'client');
const farClient = new Neighbour(room, 'farclient');
const all = [router, relay, client, farClient];

beforeAll(async () => {
  room.open();
  router.open('10.77.0.2/24');
  relay.open('10.77.0.3/24');
  relay.openNetwork('far0', '10.88.0.1/24');
  client.open('10.77.0.9/24');
  client.run('ip', 'route', 'add', 'default', 'dev', 'lan');
  farClient.open('10.77.0.8/24');
  farClient.plug('far', '10.88.0.9/24', relay.namespace, 'far0');
  run('ip', '-n', room.network.namespace, 'route', 'add', '10.88.0.0/24', 'via', '10.77.0.3');
  relay.serveDhcp('--dhcp-relay=10.88.0.1,10.77.0.1');
});
afterAll(async () => {
  await room.close();
  for (const one of all) one.close();
});

const auto = (): Promise<RoomProcess> =>
  room.startPxend(
    ...['--log-level', 'debug', '--dhcp-mode', 'auto'],
    ...['--dhcp-subnets', '[{network: 10.88.0.0/24, pool: [10.88.0.100-10.88.0.109], router: 10.88.0.1}]'],
  );

/** Resident memory, MiB. The process is the launcher's own, which became pxend. */
function memoryOf({ pid }: RoomProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

let calls = 0;
/** What busybox udhcpc is told by whoever answers first, without setting anything. */
async function udhcpc(where: Neighbour, card: string): Promise<string> {
  const child = room.spawnIn(where.namespace, `udhcpc-${calls++}`, [
    ...['busybox', 'udhcpc', '-f', '-q', '-n', '-t', '5', '-i', card, '-s', '/bin/true'],
  ]);
  await child.ended();
  return child.output;
}

test('dhcp.mode: auto without another server and without addresses of its own ends with what to do', async () => {
  const argv = [
    join(PROJECT, 'scripts/pxend'),
    '--root',
    room.root,
    '--dhcp-mode',
    'auto',
    '--dhcp-pool',
    '[]',
  ];
  const child = room.spawn('pxend-without-pool', argv);
  expect(await child.ended()).toBe(2);
  expect(child.output).toContain(
    'pxend: dhcp.mode: auto: no other DHCP server answers, so pxen has to give the addresses; set dhcp.pool',
  );
});

describe('dhcp.mode: auto on a network without a DHCP server', () => {
  beforeAll(auto);

  test('gives addresses, and says why', () => {
    expect(room.pxend.output).toContain(
      'dhcp.mode: auto: no other DHCP server answers, so pxen gives the addresses',
    );
  });

  test('the client of npm dhcp is bound', async () => {
    const child = room.spawnIn(client.namespace, 'npm-dhcp', [
      ...[NODE, join(import.meta.dirname, 'dhcp-npm-client.ts'), '52:54:00:00:00:07'],
    ]);
    await child.ended();
    expect(child.output, room.pxend.output).toMatch(/bound to 10\.77\.0\.1\d\d by 10\.77\.0\.1/);
  });

  test('udhcpc behind a dnsmasq relay gets an address of its own network', async () => {
    expect(await udhcpc(farClient, 'far')).toMatch(/lease of 10\.88\.0\.100 obtained/);
  });

  test('a flood of 20,000 made-up cards does not keep a machine with a lease from its address', async () => {
    const before = memoryOf(room.pxend);
    const flood = room.spawnIn(client.namespace, 'flood', [
      ...[NODE, join(import.meta.dirname, 'dhcp-flood.ts'), '20000'],
    ]);
    await room.pxend.saw(/WARN: dhcp: more unknown network cards ask for addresses than there can be/, 5000);
    expect(await udhcpc(farClient, 'far')).toMatch(/lease of 10\.88\.0\.100 obtained/);
    await flood.ended();
    expect(await udhcpc(farClient, 'far')).toMatch(/lease of 10\.88\.0\.100 obtained/);
    const grown = memoryOf(room.pxend) - before;
    const seconds = ((performance.now() - flood.startedAt) / 1000).toFixed(1);
    console.log(`flood of 20,000 DISCOVERs in ${seconds} s: pxend grew by ${grown} MiB`);
    expect(grown).toBeLessThan(150);
  });

  test('a server that comes later is found by what it says to others, and named', async () => {
    router.serveDhcp('--dhcp-range=10.77.0.50,10.77.0.60,1h', '--no-ping', '--dhcp-authoritative');
    await udhcpc(client, 'lan');
    await room.pxend.saw(/WARN: dhcp: another DHCP server answers on this network: 10\.77\.0\.2;/, 5000);
  });
});

describe('dhcp.mode: auto beside dnsmasq', () => {
  beforeAll(async () => {
    await room.pxend.stop();
    await auto();
  });

  test('becomes a proxy within a moment, and says beside whom', () => {
    expect(room.pxend.output).toContain(
      'dhcp.mode: auto: 10.77.0.2 offers addresses, so pxen is a proxy beside it',
    );
  });

  test('udhcpc gets its address from dnsmasq alone', async () => {
    expect(await udhcpc(client, 'lan')).toMatch(/lease of 10\.77\.0\.(5\d|60) obtained from 10\.77\.0\.2/);
  });

  test.each([
    ['iPXE asks from port 68', 'ipxe-proxy-request', '68', 'file "http://10.77.0.1/boot.ipxe"'],
    ['EDK2 asks from port 4011', 'ovmf-proxy-request', '4011', 'file "snponly.efi"'],
  ])('%s, and is answered there from port 4011', async (_, packet, port, file) => {
    const child = room.spawnIn(client.namespace, packet, [
      ...[NODE, join(import.meta.dirname, 'dhcp-replay.ts'), packet, port, '10.77.0.1', '4011'],
    ]);
    await child.ended();
    expect(child.output).toContain('from port 4011: ACK');
    expect(child.output).toContain(file);
    expect(room.pxend.output).toContain(`asked from port ${port}`);
  });
});
