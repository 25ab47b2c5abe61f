import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { speakerIso } from '../../scripts/room/guests/speaker.ts';
import { imageFolder } from '../../scripts/room/room.ts';
import { LINUX_APPEND, linuxInitramfs } from '../fixtures/guests/linux.ts';
import { conf, hear, Node, type Outcome, whyNoNode } from './workload-node.ts';

/** The image of the nodes: its kernel and modules are the guest's, too. */
const IMAGE = imageFolder();
const KERNEL = join(IMAGE, 'http/boot/vmlinuz');

const reason = whyNoNode() ?? whyNoGuest();
if (reason) console.log(`changes of a running machine are not tested: ${reason}`);

function whyNoGuest(): string | undefined {
  const missing = [KERNEL, join(IMAGE, 'http/boot/root.squashfs'), '/bin/busybox'].find(
    file => !existsSync(file),
  );
  if (missing !== undefined) return `no ${missing} (scripts/prepare makes what is of the image)`;
  const path = (process.env['PATH'] ?? '').split(':');
  const lacking = ['unsquashfs', 'cpio'].find(name => !path.some(folder => existsSync(join(folder, name))));
  return lacking === undefined ? undefined : `${lacking} is not installed`;
}

/** The first process of the guest: loads its drivers, and goes on saying which disks there are. */
const FIRST = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for driver in $(cat /modules/order); do insmod /modules/$driver.ko; done
while :; do
  for disk in /sys/block/vd*; do [ -e $disk ] && said="$said <\${disk##*/} $(cat $disk/size) $(cat $disk/serial)>"; done
  echo "disks:$said."; said=
  sleep 0.3
done
`;

let node: Node;

function makeGuest(): void {
  mkdirSync(join(node.root, 'images'), { recursive: true });
  copyFileSync(KERNEL, join(node.root, 'images/vmlinuz'));
  linuxInitramfs(IMAGE, join(node.root, 'images/initrd'), tree =>
    writeFileSync(join(tree, 'first'), FIRST, { mode: 0o755 }),
  );
}

const disk = (name: string, more: readonly string[] = []): string[] => [
  'platform.volume.1.type=qcow2',
  `platform.volume.1.path=/volumes/${name}.qcow2`,
  `platform.volume.1.source=/images/${name}.qcow2`,
  `platform.volume.1.serial=${name.replace(' ', '-')}`,
  ...more,
];
const LINUX = [
  'platform.memory.size=256M',
  'platform.balloon=deflate-on-oom',
  'platform.kernel.image=/images/vmlinuz',
  'platform.kernel.initrd=/images/initrd',
  `platform.kernel.append=${LINUX_APPEND} rdinit=/first`,
];
const disc = (name: string): string[] => [
  'platform.volume.0.type=iso',
  `platform.volume.0.path=/volumes/${name}.iso`,
  `platform.volume.0.source=/images/${name}.iso`,
];

const configOf = (uuid: string, keys: readonly string[]) => ({
  file: `${uuid}.conf`,
  text: conf(uuid, keys),
});
const replace = (
  uuid: string,
  keys: readonly string[],
  volume: number,
  timeoutSeconds = 30,
): Promise<Outcome> =>
  node.command({ verb: 'replace', uuid, config: configOf(uuid, keys), volume, timeoutSeconds });

async function running(uuid: string, keys: readonly string[]): Promise<void> {
  expect((await node.start(uuid, keys)).error).toBeUndefined();
}

/** The guest says that it has these disks, from now on. */
async function hasDisks(uuid: string, disks: string): Promise<void> {
  const from = node.read(uuid, 'serial.log').length;
  await node.until(
    `the guest has ${disks}`,
    () => node.read(uuid, 'serial.log').slice(from).includes(`disks: ${disks}.`),
    60,
  );
}

/** What QEMU says to people. */
async function said(uuid: string, command: string): Promise<string> {
  const monitor = createConnection(join(node.root, 'tmp/pxen', uuid, 'monitor.sock'));
  await hear(monitor, '(qemu)');
  monitor.write(`${command}\n`);
  const told = await hear(monitor, '(qemu) ');
  monitor.destroy();
  return told;
}
const drives = (uuid: string): Promise<string> => said(uuid, 'info block');
const reset = (uuid: string): Promise<string> => said(uuid, 'system_reset');

const volumes = (): string[] =>
  readdirSync(join(node.root, 'volumes'))
    .filter(name => !name.endsWith('.pxen'))
    .sort();
const paths = async (uuid: string): Promise<unknown> =>
  (await node.status(uuid))?.volumes.map(({ path }) => path);
const saved = (uuid: string): unknown =>
  JSON.parse(node.read(uuid, 'resolved.json')).machine.volumes.map((volume: { file: string }) =>
    volume.file.slice(node.root.length),
  );

describe.skipIf(reason)('a running machine', () => {
  beforeAll(async () => {
    node = new Node();
    node.make();
    makeGuest();
    for (const [name, size] of [
      ['a', '8M'],
      ['b', '16M'],
      ['c d', '24M'],
      ['bad', '8M'],
    ] as const)
      execFileSync('qemu-img', [
        'create',
        '-q',
        '-f',
        'qcow2',
        join(node.root, `images/${name}.qcow2`),
        size,
      ]);
    spoil(join(node.root, 'images/bad.qcow2'));
    node.write('images/one.iso', speakerIso('one'));
    node.write('images/two.iso', speakerIso('two'));
    await node.startAgent();
  }, 60_000);

  afterAll(() => node.remove());

  afterEach(async () => {
    for (const { uuid } of await node.list()) await node.command({ verb: 'stop', uuid, timeoutSeconds: 0 });
    for (const path of ['volumes', 'tmp/pxen'])
      rmSync(join(node.root, path), { recursive: true, force: true });
  });

  test('gives memory back and gets it again, and gets another disk; the next agent knows it', async () => {
    const MEBI = 1024 ** 2;
    await running('c1', [...LINUX, ...disk('a')]);
    await hasDisks('c1', '<vda 16384 a>');
    const balloon = async (memory?: number): Promise<unknown> => {
      const { done, error } = await node.command({ verb: 'balloon', uuid: 'c1', memory });
      return error?.message ?? done?.status?.guestMemory;
    };
    expect(await balloon()).toBe(256 * MEBI);
    expect(await balloon(160 * MEBI)).toBe(160 * MEBI);
    expect((await node.status('c1'))?.guestMemory).toBe(160 * MEBI);
    expect(await balloon(256 * MEBI)).toBe(256 * MEBI);
    expect(await balloon(512 * MEBI)).toBe(
      'c1: balloon: got 536870912 bytes, expected at most 256M, which is its platform.memory.size',
    );

    const { done, error, lines } = await replace('c1', [...LINUX, ...disk('b')], 1);
    expect(error).toBeUndefined();
    expect(lines.filter(line => 'step' in line)).toMatchObject([
      { step: 'fetch', text: '/volumes/b.qcow2 is there' },
      { step: 'swap', text: 'volume 1 is /volumes/b.qcow2' },
      { step: 'clear', text: 'deleted /volumes/a.qcow2' },
    ]);
    expect(done?.status?.volumes).toMatchObject([{ id: 1, path: '/volumes/b.qcow2' }]);
    await hasDisks('c1', '<vda 32768 b>');
    expect([volumes(), saved('c1')]).toEqual([['b.qcow2'], ['/volumes/b.qcow2']]);

    await node.endAgent('SIGKILL');
    await node.startAgent();
    expect(await paths('c1')).toEqual(['/volumes/b.qcow2']);
    const persistent = disk('c d', [
      'platform.volume.1.ephemeral=0',
      'platform.volume.1.iops=100',
      'platform.volume.1.writable=1',
    ]);
    await node.until(
      'it is connected',
      async () => (await node.command({ verb: 'balloon', uuid: 'c1' })).error === undefined,
    );
    expect((await replace('c1', [...LINUX, ...persistent], 1)).error).toBeUndefined();
    await hasDisks('c1', '<vda 49152 c-d>');
    await node.command({ verb: 'stop', uuid: 'c1', timeoutSeconds: 0 });
    expect(volumes()).toEqual(['c d.qcow2']);
  }, 180_000);

  test('keeps the disk that it has when QEMU cannot open the other one', async () => {
    const NAMED = ['platform.volume.1.alias=data'];
    await running('c2', [...LINUX, ...disk('a', NAMED)]);
    await hasDisks('c2', '<vda 16384 a>');
    const { error, steps } = await replace('c2', [...LINUX, ...disk('bad', NAMED)], 1);
    expect(steps).toEqual(['fetch']);
    expect(error).toMatchObject({
      code: 'WORKLOAD_FAILED',
      message: expect.stringMatching(/^c2: volume 1: the engine refused it: .*L1/),
      details: [],
    });
    await hasDisks('c2', '<vda 16384 a>');
    expect([volumes(), saved('c2'), await paths('c2')]).toEqual([
      ['a.qcow2'],
      ['/volumes/a.qcow2'],
      ['/volumes/a.qcow2'],
    ]);
    expect((await replace('c2', [...LINUX, ...disk('b', NAMED)], 1)).error).toBeUndefined();
    await hasDisks('c2', '<vda 32768 b>');
  }, 120_000);

  test('gets another disc, and keeps the disk that its guest does not give up', async () => {
    await running('c3', [...disc('one'), ...disk('a')]);
    expect(await drives('c3')).toContain('/volumes/one.iso');
    expect((await replace('c3', [...disc('two'), ...disk('a')], 0)).error).toBeUndefined();
    expect(await drives('c3')).toContain('/volumes/two.iso');
    expect([volumes(), await paths('c3')]).toEqual([
      ['a.qcow2', 'two.iso'],
      ['/volumes/two.iso', '/volumes/a.qcow2'],
    ]);
    const { error } = await replace('c3', [...disc('two'), ...disk('b')], 1, 0.5);
    expect(error).toMatchObject({
      code: 'TIMEOUT',
      message: 'c3: volume 1: its guest did not give the disk up within 0.5 s; it still has it',
    });
    // QEMU says that it is being unplugged already.
    const again = await replace('c3', [...disc('two'), ...disk('b')], 1, 0.1);
    expect(again.error?.message).toContain('did not give the disk up within 0.1 s');
    expect(await drives('c3')).toContain('/volumes/a.qcow2');
    expect(volumes()).toEqual(['a.qcow2', 'two.iso']);
    expect((await node.status('c3'))?.problem).toBe(
      'volume 1: its guest was asked to give it up, and has not yet; it goes at its next reset at the latest',
    );
    await reset('c3');
    await node.until('it is gone', async () => !(await drives('c3')).includes('/volumes/a.qcow2'));
    expect((await replace('c3', [...disc('two'), ...disk('b')], 1)).error).toBeUndefined();
    expect(await drives('c3')).toContain('/volumes/b.qcow2');
    expect((await node.status('c3'))?.problem).toBeUndefined();
    expect(volumes()).toEqual(['b.qcow2', 'two.iso']);
  });

  test('has its NIC on another bridge, with another rate, and goes on', async () => {
    node.run('ip link add br1 type bridge; ip link set br1 mtu 1300 up');
    const nic = (bridge: string, ...more: string[]): string[] => [
      ...disc('one'),
      'network.0.type=bridge',
      `network.0.bridge=${bridge}`,
      ...more,
    ];
    const rewire = (keys: readonly string[]): Promise<Outcome> =>
      node.command({ verb: 'replace', uuid: 'c4', config: configOf('c4', keys), nic: 0 });
    await running('c4', nic('br0', 'network.0.qos.rate=10'));
    const [tap = ''] = node.taps();
    const { done, error } = await rewire(nic('br1', 'network.0.qos.rate=20'));
    expect([error, done?.status?.nics]).toMatchObject([
      undefined,
      [{ bridge: 'br1', tap, qos: { rate: { value: 20, unit: 'mbit' } } }],
    ]);
    const now = (): string =>
      node.run(
        `ls /sys/class/net/br0/brif /sys/class/net/br1/brif; cat /sys/class/net/${tap}/mtu; tc qdisc show dev ${tap}`,
      );
    expect(now()).toMatch(
      new RegExp(`br0/brif:\\n\\n.*br1/brif:\\n${tap}\\n1300\\nqdisc tbf .* rate 20Mbit`),
    );
    expect((await rewire(nic('br0'))).error).toBeUndefined();
    expect(now()).toMatch(new RegExp(`br0/brif:\\n${tap}\\n\\n.*br1/brif:\\n1400\\nqdisc (?!tbf)`));
    expect((await rewire(nic('br7'))).error?.details).toEqual([
      expect.stringContaining('network.0.bridge: got "br7", expected a bridge that is in'),
    ]);
    expect((await node.status('c4'))?.nics).toMatchObject([{ bridge: 'br0' }]);
    await node.command({ verb: 'stop', uuid: 'c4', timeoutSeconds: 0 });
    expect(node.taps()).toEqual([]);
  });
});

/** The table of its clusters begins in the middle of one. */
function spoil(file: string): void {
  const bytes = readFileSync(file);
  bytes[47] = 1;
  writeFileSync(file, bytes);
}
