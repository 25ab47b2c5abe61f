import { afterAll, beforeAll, expect, test } from 'vitest';
import { imageFolder, type MeshResult, Room } from '../../scripts/room/room.ts';
import type { NodeDetail } from '../../src/api/nodes.ts';

const ID = '6e6da274';
const room = new Room();

/** Milliseconds; a boot takes 15 to 45 s where two slow cores are shared. */
const PATIENCE = 150_000;

/** While the node is not known, what comes is an error. */
const info = async (): Promise<Partial<NodeDetail>> =>
  JSON.parse((await room.mesh('node', 'info', ID, '--json')).stdout);
const diff = (): Promise<MeshResult> => room.mesh('overlay', 'diff', ID);

/** The node when its agent has reported in another boot than this one. */
async function reported(bootBefore: string | undefined): Promise<Partial<NodeDetail>> {
  for (const deadline = performance.now() + PATIENCE; performance.now() < deadline; ) {
    const node = await info();
    const boot = node.boots?.at(-1)?.bootId;
    if (node.state === 'up' && boot !== undefined && boot !== bootBefore) return node;
    await new Promise(resolve => setTimeout(resolve, 1000));
  }
  throw new Error(`${ID} did not report; the log of pxend:\n${room.pxend.output}`);
}

beforeAll(async () => {
  room.open();
  room.installImage(imageFolder());
  room.write('host0/groups/lab/manifest', 'O MODE=root:root:0644 SRC=/host0/groups/lab/motd TGT=/etc/motd\n');
  room.write('host0/groups/lab/motd', 'hello\n');
  await room.startPxend();
});
afterAll(() => room.close());

test(
  'a machine on the default overlay is adopted, boots its own one, and its changes show before they come',
  async () => {
    const uuid = '4c4c4544-0042-3510-8054-b7c04f4e3332';
    room.powerOn({
      name: 'new',
      uuid,
      mac: '52:54:00:77:00:02',
      firmware: 'bios',
      memory: 1024,
      cpus: 1,
      reboots: true,
    });
    const first = await reported(undefined);
    expect(first).toMatchObject({ trust: 'lease', overlay: { current: true } });
    expect(await diff()).toMatchObject({ code: 0, stdout: `${ID} runs what is served now\n` });

    const adopted = await room.mesh('node', 'adopt', ID, '--name', 'rose', '--groups', 'lab');
    expect(adopted).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`reboot it: mesh node ctl -n ${ID} reboot`),
    });
    expect((await room.mesh('node', 'info', ID)).stdout).toContain(
      'the default one, it has its own now: reboot to get it',
    );
    expect(await diff()).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^\+ {2}\/etc\/motd .* \/host0\/groups\/lab\/manifest:1$/m),
    });

    await room.mesh('node', 'ctl', '-n', ID, 'reboot');
    const second = await reported(first.boots?.at(-1)?.bootId);
    expect(second).toMatchObject({ name: 'rose', trust: 'token', overlay: { current: true } });
    expect(await diff()).toMatchObject({ code: 0 });

    room.write('host0/groups/lab/motd', 'hello again\n');
    for (let i = 0; i < 10 && (await info()).overlay?.current; i++)
      await new Promise(resolve => setTimeout(resolve, 200));
    const { code, stdout } = await diff();
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^~ {2}\/etc\/motd +6 B #[0-9a-f]{8} -> 12 B #[0-9a-f]{8} +\/host0\/groups\/lab\/manifest:1$/m,
    );
  },
  PATIENCE * 2,
);
