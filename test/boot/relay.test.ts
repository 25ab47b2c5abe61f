import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Neighbour } from '../../scripts/room/neighbour.ts';
import { run } from '../../scripts/room/network.ts';
import type { RoomProcess } from '../../scripts/room/process.ts';
import { imageFolder, Room } from '../../scripts/room/room.ts';
import type { NodeDetail } from '../../src/api/nodes.ts';

/** From test/vectors/genid.json. */
const NODE = { id: '91d5815f', uuid: '11223344-5566-7788-99aa-bbccddeeff00', mac: '52:54:00:77:00:01' };
/** Milliseconds. */
const PATIENCE = 120_000;

/**
 *   host0 10.77.0.1 --- br0 --- 10.77.0.3 relay (dnsmasq --dhcp-relay) 10.88.0.1 --- far0 --- machine
 */
describe('a machine in another network, behind a DHCP relay', () => {
  const room = new Room();
  const relay = new Neighbour(room, 'relay');
  let machine: RoomProcess;

  beforeAll(async () => {
    room.open();
    room.installImage(imageFolder());
    room.write('host0/machines/tulip/UUID', `${NODE.id}\n`);
    room.write('host0/machines/tulip/manifest', 'D MODE=root:root:0755 TGT=/srv/tulip\n');
    room.write(
      'etc/pxen/pxen.yaml',
      `interface: br0
dhcp:
  pool: [10.77.0.100-10.77.0.199]
  subnets:
    - network: 10.88.0.0/24
      pool: [10.88.0.100-10.88.0.199]
      router: 10.88.0.1
  reservations:
    - id: "${NODE.id}"
      address: 10.88.0.50
boot:
  console: [ttyS0]
  arguments: quiet no_timer_check
`,
    );
    relay.open('10.77.0.3/24');
    relay.openNetwork('far0', '10.88.0.1/24');
    run('ip', '-n', room.network.namespace, 'route', 'add', '10.88.0.0/24', 'via', '10.77.0.3');
    relay.serveDhcp('--dhcp-relay=10.88.0.1,10.77.0.1');
    await room.startPxend('--log-level', 'debug');
    machine = relay.powerOn({ name: 'tulip', ...NODE, firmware: 'bios', memory: 1024, cpus: 2 }, 'far0');
  });
  afterAll(async () => {
    await room.close();
    relay.close();
  });

  test('boots to the agent', async () => {
    await machine.saw(new RegExp(`pxen-agent: ${NODE.id} reported to http://10.77.0.1`), PATIENCE);
    const seconds = (performance.now() - machine.startedAt) / 1000;
    console.log(`tulip: power-on to agent behind a relay ${seconds.toFixed(1)} s`);
  });

  test('has the address that is kept for it in its own network, and keeps its overlay', async () => {
    const { stdout } = await room.mesh('node', 'info', NODE.id, '--json');
    const { address, name, state }: NodeDetail = JSON.parse(stdout);
    expect({ address, name, state }).toEqual({ address: '10.88.0.50', name: 'tulip', state: 'up' });
  });
});
