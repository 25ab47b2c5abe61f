import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Neighbour } from '../../scripts/room/neighbour.ts';
import type { RoomProcess } from '../../scripts/room/process.ts';
import { imageFolder, Room } from '../../scripts/room/room.ts';
import type { NodeDetail } from '../../src/api/nodes.ts';

/** Ids of test/vectors/genid.json. */
const BIOS = { id: '91d5815f', uuid: '11223344-5566-7788-99aa-bbccddeeff00', mac: '52:54:00:77:00:01' };
const UEFI = { id: '6e6da274', uuid: '4c4c4544-0042-3510-8054-b7c04f4e3332', mac: '52:54:00:77:00:02' };

/** Two machines share two slow cores, milliseconds. */
const PATIENCE = 150_000;

/** With a whole offer neither client asks on port 4011; with a short one both do, each from a port of its own. */
describe.each([
  { proxyOffer: 'whole', told: [] },
  { proxyOffer: 'port4011', told: ['asked from port 68', 'asked from port 4011'] },
])(
  'beside a foreign DHCP server (dnsmasq on another computer), dhcp.proxyOffer: $proxyOffer',
  ({ proxyOffer, told }) => {
    const room = new Room();
    const router = new Neighbour(room, 'router');
    const machines = new Map<string, RoomProcess>();

    beforeAll(async () => {
      room.open();
      room.installImage(imageFolder());
      room.write('host0/machines/tulip/UUID', `${BIOS.id}\n`);
      room.write('host0/machines/tulip/manifest', 'D MODE=root:root:0755 TGT=/srv/tulip\n');
      router.open('10.77.0.2/24');
      router.serveDhcp('--dhcp-range=10.77.0.150,10.77.0.180,1h', '--no-ping');
      await room.startPxend('--log-level', 'debug', '--dhcp-mode', 'auto', '--dhcp-proxy-offer', proxyOffer);
      machines.set(
        BIOS.id,
        room.powerOn({ name: 'tulip', ...BIOS, firmware: 'bios', memory: 1024, cpus: 1 }),
      );
      machines.set(
        UEFI.id,
        room.powerOn({ name: 'stranger', ...UEFI, firmware: 'uefi', memory: 1024, cpus: 1 }),
      );
    });
    afterAll(async () => {
      await room.close();
      router.close();
    });

    test('dhcp.mode: auto finds the other server and becomes a proxy', () => {
      expect(room.pxend.output).toContain('dhcp.mode: auto: 10.77.0.2 offers addresses, so pxen is a proxy');
    });

    test.each([
      { firmware: 'BIOS', name: 'tulip', ...BIOS },
      { firmware: 'UEFI', name: undefined, ...UEFI },
    ])('a $firmware machine boots to the agent with an address of the other server', async ({ id, name }) => {
      const machine = machines.get(id) as RoomProcess;
      await machine.saw(new RegExp(`pxen-agent: ${id} reported to http://10.77.0.1`), PATIENCE);
      const seconds = (performance.now() - machine.startedAt) / 1000;
      console.log(`${machine.name}: power-on to agent beside dnsmasq ${seconds.toFixed(1)} s (two at once)`);
      const { stdout } = await room.mesh('node', 'info', id, '--json');
      const node: NodeDetail = JSON.parse(stdout);
      expect(node.address).toMatch(/^10\.77\.0\.1[5-8]\d$/);
      expect(node.boots.at(-1)?.events.map(event => event.text)).toContain(
        `takes ${node.address} from 10.77.0.2`,
      );
      expect(node.name).toBe(name);
    });

    test('the way to the boot file is the one that was set', () => {
      const asked = room.pxend.output.matchAll(/told on port 4011: .*(asked from port \d+)/g);
      expect([...new Set(Array.from(asked, match => match[1]))].sort()).toEqual([...told].sort());
    });
  },
);
