import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MachineSpec } from '../../scripts/room/machine.ts';
import type { RoomProcess } from '../../scripts/room/process.ts';
import { imageFolder, Room } from '../../scripts/room/room.ts';
import type { NodeDetail } from '../../src/api/nodes.ts';

/** A machine with a folder of its own, and one that nobody knows. The ids are those of test/vectors/genid.json. */
const KNOWN = { id: '91d5815f', uuid: '11223344-5566-7788-99aa-bbccddeeff00', mac: '52:54:00:77:00:01' };
const UNKNOWN = { id: '6e6da274', uuid: '4c4c4544-0042-3510-8054-b7c04f4e3332', mac: '52:54:00:77:00:02' };

/** Two machines share two slow cores; the boots take 15 to 45 s here. Milliseconds. */
const PATIENCE = 150_000;

/** Every manifest action, and what a tar archive alone could not bring: names of users, special modes, removals. */
function writeHost0(room: Room): void {
  room.write('host0/machines/tulip/UUID', `${KNOWN.id}\n`);
  room.write('host0/machines/tulip/groups', 'base\nlab\n');
  room.write(
    'host0/machines/tulip/manifest',
    [
      'O MODE=root:root:0600 SRC=/host0/machines/tulip/secret TGT=/srv/lab/secret',
      'A MODE=root:root:0644 SRC=/host0/machines/tulip/more TGT=/etc/motd',
      'O MODE=root:root:4755 SRC=/host0/machines/tulip/tool TGT=/usr/local/bin/tool',
      'L SRC=/srv/lab/secret TGT=/srv/link',
      'R TGT=/srv/lab/unwanted',
      'R TGT=/etc/profile',
      '',
    ].join('\n'),
  );
  room.write('host0/machines/tulip/secret', 'only for tulip\n');
  room.write('host0/machines/tulip/more', 'and from tulip\n');
  room.write('host0/machines/tulip/tool', '#!/bin/sh\necho the tool runs\n');
  room.write(
    'host0/groups/base/manifest',
    'O MODE=root:root:0644 SRC=/host0/groups/base/motd TGT=/etc/motd\n',
  );
  room.write('host0/groups/base/motd', 'from the base group\n');
  room.write(
    'host0/groups/lab/manifest',
    [
      'D MODE=1234:2345:2750 TGT=/srv/lab',
      'O MODE=root:root:0644 SRC=/host0/groups/lab/file TGT=/srv/lab/unwanted',
      'O MODE=sshd:tty:0640 SRC=/host0/groups/lab/file TGT=/srv/lab/named',
      '',
    ].join('\n'),
  );
  room.write('host0/groups/lab/file', 'x\n');
  room.write('host0/machines/everybody/UUID', 'default\n');
  room.write(
    'host0/machines/everybody/manifest',
    'O MODE=7:8:0604 SRC=/host0/machines/everybody/greeting TGT=/srv/greeting\n',
  );
  room.write('host0/machines/everybody/greeting', 'hello, whoever you are\n');
}

const TULIP_FILES = [
  '/etc/motd root:root 644 regular file',
  '/srv/lab 1234:2345 2750 directory',
  '/srv/lab/named sshd:tty 640 regular file',
  '/srv/lab/secret root:root 600 regular file',
  '/srv/link root:root 777 symbolic link',
  '/usr/local/bin/tool root:root 4755 regular file',
];

describe.each(['bios', 'uefi'] as const)('a machine without a disk is switched on (%s PXE)', firmware => {
  const room = new Room();
  const serial = new Map<string, RoomProcess>();

  const spec = (name: string, of: typeof KNOWN): MachineSpec => ({
    name,
    uuid: of.uuid,
    mac: of.mac,
    firmware,
    memory: 1024,
    cpus: 1,
  });
  const node = async (id: string): Promise<NodeDetail> =>
    JSON.parse((await room.mesh('node', 'info', id, '--json')).stdout);
  const onNode = async (id: string, command: string): Promise<string> => {
    const { code, stdout, stderr } = await room.mesh('node', 'ctl', '-n', id, command);
    expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: '' });
    return stdout.trimEnd();
  };

  beforeAll(async () => {
    room.open();
    room.installImage(imageFolder());
    writeHost0(room);
    await room.startPxend('--log-level', 'debug');
    serial.set(KNOWN.id, room.powerOn(spec('tulip', KNOWN)));
    serial.set(UNKNOWN.id, room.powerOn(spec('stranger', UNKNOWN)));
  });
  afterAll(() => room.close());

  test.each([
    { machine: 'with a folder of its own', ...KNOWN },
    { machine: 'that nobody knows', ...UNKNOWN },
  ])('the agent of a machine $machine reports in', async ({ id }) => {
    const machine = serial.get(id) as RoomProcess;
    await machine.saw(new RegExp(`pxen-agent: ${id} reported to http://10.77.0.1`), PATIENCE);
    const seconds = (performance.now() - machine.startedAt) / 1000;
    console.log(
      `${firmware} ${machine.name}: power-on to agent ${seconds.toFixed(1)} s (two machines at once)`,
    );
    expect(machine.output).toContain(`pxen-init: machine id ${id} (uuid)`);
  });

  test.each([KNOWN, UNKNOWN])('the id $id agrees in all four places', async ({ id, uuid, mac }) => {
    const { agreement, state, problem, ...rest } = await node(id);
    expect({ agreement, state, problem }).toEqual({
      agreement: { dhcp: id, script: id, init: id, agent: id },
      state: 'up',
      problem: undefined,
    });
    expect({ uuid: rest.uuid, macs: rest.macs }).toEqual({ uuid, macs: [mac] });
  });

  test.each([KNOWN, UNKNOWN])(
    'every step of the boot of $id is on its timeline, in order',
    async ({ id }) => {
      const stages = (await node(id)).boots.at(-1)?.events.map(event => event.stage) ?? [];
      const firsts = [...new Set(stages)];
      const nbp = firmware === 'uefi' ? ['nbp'] : [];
      expect(firsts).toEqual([
        'discover',
        'offer',
        'ack',
        ...nbp,
        'script',
        'kernel',
        'initramfs',
        'init',
        'root',
        'overlay',
        'agent',
      ]);
    },
  );

  test('the custom overlay landed with its files, owners and modes', async () => {
    const paths = TULIP_FILES.map(line => line.split(' ')[0]).join(' ');
    const listing = await onNode(KNOWN.id, `stat -c '%n %U:%G %a %F' ${paths}`);
    expect(listing.replaceAll('UNKNOWN:UNKNOWN', '1234:2345').split('\n')).toEqual(TULIP_FILES);
    expect(await onNode(KNOWN.id, 'cat /etc/motd /srv/link; tool; hostname; stat -c %u:%g /srv/lab')).toBe(
      'from the base group\nand from tulip\nonly for tulip\nthe tool runs\ntulip\n1234:2345',
    );
  });

  test('what the manifest removes is gone, be it of a group or of the image', async () => {
    expect(await onNode(KNOWN.id, 'ls /srv/lab; test -e /etc/profile || echo no profile')).toBe(
      'named\nsecret\nno profile',
    );
  });

  test('the unknown machine got the default overlay, which holds no secret of another machine', async () => {
    expect(await onNode(UNKNOWN.id, "stat -c '%u:%g %a' /srv/greeting; cat /srv/greeting; hostname")).toBe(
      `7:8 604\nhello, whoever you are\nnode-${UNKNOWN.id}`,
    );
    expect(await onNode(UNKNOWN.id, 'grep -c token /etc/pxen/agent.json || true')).toBe('0');
  });

  test('genid on the node agrees, and the SSH host key is the one that host0 made', async () => {
    expect(await onNode(KNOWN.id, 'genid machine 8')).toBe(KNOWN.id);
    const { hostKey, trust } = await node(KNOWN.id);
    expect({ from: hostKey?.from, trust }).toEqual({ from: 'overlay', trust: 'token' });
    expect(await onNode(KNOWN.id, 'cut -d" " -f1,2 /etc/ssh/ssh_host_ed25519_key.pub')).toBe(hostKey?.line);
    expect((await node(UNKNOWN.id)).hostKey?.from).toBe('first-use');
  });

  test('mesh node ctl -n ALL runs on both nodes and labels their lines', async () => {
    const { code, stdout } = await room.mesh('node', 'ctl', '-n', 'ALL', 'genid machine 8');
    expect({ code, lines: stdout.trimEnd().split('\n').sort() }).toEqual({
      code: 0,
      lines: [`${UNKNOWN.id}: ${UNKNOWN.id}`, `tulip: ${KNOWN.id}`],
    });
  });

  test('the exit status of a command is passed on', async () => {
    expect((await room.mesh('node', 'ctl', '-n', 'tulip', 'exit 7')).code).toBe(7);
  });

  test('no machine gets the overlay of another one', async () => {
    const url = `http://10.77.0.1/apkovl/${KNOWN.id}.apkovl.tar.gz`;
    expect(await onNode(UNKNOWN.id, `busybox wget -q -O- ${url} 2>&1 | head -c 200; true`)).toContain(
      '403 Forbidden',
    );
  });

  test('the agent has really run a guest with KVM, or says why it cannot', async () => {
    const kvm = async () => (await node(KNOWN.id)).facts?.kvm;
    await expect
      .poll(async () => (await kvm())?.state, { timeout: 90_000, interval: 1000 })
      .not.toBe('unknown');
    // TCG emulates AMD SVM, so KVM works inside of the guest even where the computer has none.
    expect(await kvm()).toEqual({ state: 'usable' });
  });

  test('an agent that is killed comes back and reports', async () => {
    const before = (await node(KNOWN.id)).reportedAt ?? 0;
    const pid = await onNode(KNOWN.id, 'p=$(pidof node); kill -9 $p; echo $p');
    await expect
      .poll(() => onNode(KNOWN.id, 'pidof node || true'), { timeout: 30_000, interval: 1000 })
      .toMatch(new RegExp(`^(?!${pid}$)\\d+$`));
    await expect
      .poll(async () => (await node(KNOWN.id)).reportedAt, { timeout: 60_000, interval: 1000 })
      .toBeGreaterThan(before);
  });

  test('host0 is killed with -9 and started again: nodes, leases and boots are still there and agents report on', async () => {
    const before = await node(KNOWN.id);
    await room.pxend.stop('SIGKILL');
    await room.startPxend();
    const after = await node(KNOWN.id);
    expect({ boots: after.boots.length, address: after.address }).toEqual({
      boots: before.boots.length,
      address: before.address,
    });
    await expect
      .poll(async () => (await node(KNOWN.id)).reportedAt, { timeout: 60_000, interval: 1000 })
      .toBeGreaterThan(before.reportedAt ?? 0);
    expect(await onNode(KNOWN.id, 'echo still here')).toBe('still here');
  });

  test('pxend ends within two seconds of SIGTERM', async () => {
    const asked = performance.now();
    expect(await room.pxend.stop('SIGTERM', 10_000)).toBe(0);
    expect(performance.now() - asked).toBeLessThan(2000);
  });
});
