import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MachineSpec } from '../../scripts/room/machine.ts';
import type { RoomProcess } from '../../scripts/room/process.ts';
import { imageFolder, Room } from '../../scripts/room/room.ts';
import type { NodeDetail, NodeList } from '../../src/api/nodes.ts';
import { BOOT_STAGES } from '../../src/domain/node/timeline.ts';

/** Machines on two slow cores that lose their server on the way, milliseconds. */
const PATIENCE = 170_000;

const machine = (number: number, more: Partial<MachineSpec> = {}): MachineSpec => ({
  name: `machine${number}`,
  uuid: `5a7e0000-0000-4000-8000-00000000000${number}`,
  mac: `52:54:00:5a:7e:0${number}`,
  firmware: 'bios',
  memory: 768,
  cpus: 1,
  reboots: true,
  ...more,
});

describe('other ways to start', () => {
  const room = new Room();
  let bios: RoomProcess;
  let uefi: RoomProcess;
  beforeAll(async () => {
    room.open();
    room.installImage(imageFolder());
    await room.startPxend();
    bios = room.powerOn(machine(4, { firmware: 'bios-chain' }));
    uefi = room.powerOn(machine(1, { firmware: 'uefi-http', memory: 1024 }));
  });
  afterAll(() => room.close());

  test('a BIOS machine loads undionly.kpxe by TFTP, and what that asks for boots it to the agent', async () => {
    const [, id = ''] = await bios.saw(/pxen-agent: (\w{8}) reported to/, PATIENCE);
    const node: NodeDetail = JSON.parse((await room.mesh('node', 'info', id, '--json')).stdout);
    const texts = node.boots.flatMap(boot => boot.events).filter(event => event.stage === 'nbp');
    expect(texts.map(event => event.text)).toEqual([expect.stringContaining('undionly.kpxe')]);
  });

  test('a firmware that speaks HTTP gets its boot program by HTTP and boots to the agent', async () => {
    const [, id = ''] = await uefi.saw(/pxen-agent: (\w{8}) reported to/, PATIENCE);
    console.log(
      `uefi-http: power-on to agent ${((performance.now() - uefi.startedAt) / 1000).toFixed(1)} s (two at once)`,
    );
    const node: NodeDetail = JSON.parse((await room.mesh('node', 'info', id, '--json')).stdout);
    const { events = [] } = node.boots.at(-1) ?? {};
    expect([...new Set(events.map(event => event.stage))]).toEqual([...BOOT_STAGES]);
    expect(events.find(event => event.stage === 'offer')?.text).toContain(
      'http://10.77.0.1/boot/snponly.efi',
    );
    expect(events.find(event => event.stage === 'nbp')?.text).not.toContain('TFTP');
  });
});

describe('three machines at once, and host0 is killed with -9 while they boot', () => {
  const room = new Room();
  const machines: RoomProcess[] = [];
  beforeAll(async () => {
    room.open();
    room.installImage(imageFolder());
    await room.startPxend();
    for (const number of [1, 2, 3]) machines.push(room.powerOn(machine(number)));
  });
  afterAll(() => room.close());

  test('every boot still ends well, each machine with the address that it had', async () => {
    await room.pxend.saw(/\/boot\/initramfs/, PATIENCE);
    const before = await addresses(room);
    await room.pxend.stop('SIGKILL');
    await new Promise(resolve => setTimeout(resolve, 3000));
    await room.startPxend();
    const from = performance.now();
    const ids = await Promise.all(
      machines.map(async m => (await m.saw(/pxen-agent: (\w{8}) reported to/, PATIENCE))[1] ?? ''),
    );
    console.log(
      `three machines: all up ${((performance.now() - from) / 1000).toFixed(1)} s after host0 came back`,
    );
    const after = await addresses(room);
    expect({ up: [...after.keys()].sort() }).toEqual({ up: ids.toSorted() });
    for (const [id, address] of before) expect([id, after.get(id)]).toEqual([id, address]);
    expect(new Set(after.values()).size).toBe(3);
  });
});

async function addresses(room: Room): Promise<Map<string, string | undefined>> {
  const { nodes } = JSON.parse((await room.mesh('node', 'info', '--json')).stdout) as NodeList;
  return new Map(nodes.map(node => [node.id, node.address]));
}
