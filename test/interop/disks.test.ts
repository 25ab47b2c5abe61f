import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AgentRun } from '../../src/api/agent.ts';
import { STATE_FILES, WORKLOADS_FOLDER } from '../../src/domain/vm/statefiles.ts';
import { conf, Node, whyNoNode } from './workload-node.ts';

const reason = whyNoNode();
if (reason) console.log(`disks of workloads on a node are not tested: ${reason}`);

const OVMF = '/usr/share/OVMF/OVMF_CODE_4M.fd';
const noFirmware = !existsSync(OVMF);
if (noFirmware) console.log(`flash memory is not tested: no ${OVMF} (scripts/deps installs it)`);

let node: Node;

const image = (path: string): { format: string; 'virtual-size': number; 'actual-size': number } =>
  JSON.parse(
    execFileSync('qemu-img', ['info', '-U', '--output=json', join(node.root, path)], { encoding: 'utf8' }),
  );

const disk = (id: number, ...keys: string[]): string[] =>
  ['type=qcow2', ...keys].map(key => `platform.volume.${id}.${key}`);

function run(verb: AgentRun['verb'], keys: readonly string[], more: Partial<AgentRun> = {}) {
  return node.command({ verb, uuid: 'w1', config: { file: 'w1.conf', text: conf('w1', keys) }, ...more });
}

/** Writes on the serial port and halts. */
function bootSector(words: string): Uint8Array {
  const start = [0xfa, 0x31, 0xc0];
  // mov dx, 0x3f8; mov al, CHARACTER; out dx, al
  const said = [...Buffer.from(`${words}\r\n`)].flatMap(byte => [0xba, 0xf8, 0x03, 0xb0, byte, 0xee]);
  const sector = new Uint8Array(1440 * 1024);
  sector.set([...start, ...said, 0xf4, 0xeb, 0xfd]);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

/** What it says once, before anybody is connected, is in the log of its serial console. */
async function serialOf(uuid: string, words: string): Promise<void> {
  const log = join(node.root, WORKLOADS_FOLDER, uuid, STATE_FILES.serialLog);
  await node.until(`${uuid} says ${words}`, async () => readFileSync(log, 'latin1').includes(words), 60);
}

describe.skipIf(reason)('disks on a node with real QEMU', () => {
  beforeAll(async () => {
    node = new Node();
    node.make();
    mkdirSync(join(node.root, 'images'));
    const here = { cwd: join(node.root, 'images') };
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', 'full.qcow2', '1G'], here);
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 0x5a 512M 3M', 'full.qcow2'], {
      ...here,
      stdio: 'ignore',
    });
    execFileSync(
      'qemu-img',
      ['create', '-q', '-f', 'qcow2', '-b', 'full.qcow2', '-F', 'qcow2', 'top.qcow2'],
      here,
    );
    await node.startAgent();
  });

  afterAll(() => node.remove());

  afterEach(async () => {
    for (const { uuid } of await node.list()) await node.command({ verb: 'stop', uuid, timeoutSeconds: 0 });
    for (const path of ['volumes', 'tmp/pxen'])
      rmSync(join(node.root, path), { recursive: true, force: true });
  });

  test('one with a size is made at the start, in its format, and deleted at the stop', async () => {
    const keys = [
      ...disk(0, 'path=/volumes/a', 'size=20G', 'writable=1'),
      ...disk(1, 'path=/volumes/b', 'size=3M', 'format=raw', 'writable=1'),
    ];
    expect((await run('start', keys)).error).toBeUndefined();
    expect([image('volumes/a'), image('volumes/b')]).toMatchObject([
      { format: 'qcow2', 'virtual-size': 20 * 1024 ** 3 },
      { format: 'raw', 'virtual-size': 3 * 1024 ** 2 },
    ]);
    expect(image('volumes/b')['actual-size']).toBeLessThan(64 * 1024);
    await node.command({ verb: 'stop', uuid: 'w1', timeoutSeconds: 0 });
    expect(['a', 'b'].filter(name => existsSync(join(node.root, 'volumes', name)))).toEqual([]);
  });

  test('it takes its room at once where the realm wants that', async () => {
    const keys = disk(0, 'path=/volumes/a', 'size=3M', 'format=raw');
    expect((await run('download', keys, { lazyAllocation: false })).error).toBeUndefined();
    expect(image('volumes/a')['actual-size']).toBe(3 * 1024 ** 2);
  });

  test('a persistent one is made once, and only its own workload gets it', async () => {
    const keys = disk(0, 'path=/volumes/a', 'size=1M', 'ephemeral=0', 'writable=1', 'format=raw');
    expect((await run('start', keys)).error).toBeUndefined();
    await node.command({ verb: 'stop', uuid: 'w1', timeoutSeconds: 0 });
    node.write('volumes/a', 'what the guest has written'.padEnd(1 << 20, '\0'));
    expect((await run('start', keys)).error).toBeUndefined();
    expect(readFileSync(join(node.root, 'volumes/a'), 'utf8')).toMatch(/^what the guest has written/);
    const other = { verb: 'start', uuid: 'w2', config: { file: 'w2.conf', text: conf('w2', keys) } } as const;
    expect((await node.command({ ...other, dryRun: true })).error?.details.join()).toMatch(
      /^w2.conf:7: platform.volume.0.path: got "\/volumes\/a", expected no file there/,
    );
  });

  test.each([
    ['that is asked for', ['platform.volume.0.format=raw']],
    [
      'that its engine needs (X-9)',
      [
        'platform.engine=stratovirt',
        'platform.memory.size=256M',
        'platform.cpu.mode=host',
        'platform.kernel.image=/srv/vmlinuz',
        'platform.kernel.append=root=/dev/vda',
      ],
    ],
  ])('a qcow2 image becomes the raw disk %s, with its bytes and its holes', async (_why, more) => {
    const told: number[] = [];
    const keys = [...disk(0, 'path=/volumes/a', 'source=/images/full.qcow2'), ...more];
    const { error, lines } = await run('download', keys);
    expect(error).toBeUndefined();
    for (const line of lines) if ('progress' in line) told.push(line.progress.received);
    expect(told.at(-1)).toBeGreaterThanOrEqual(3 * 1024 ** 2);
    const seen = image('volumes/a');
    expect([seen.format, seen['virtual-size']]).toEqual(['raw', 1024 ** 3]);
    expect(seen['actual-size']).toBeLessThan(8 * 1024 ** 2);
    const same = ['compare', '-f', 'qcow2', '-F', 'raw', 'images/full.qcow2', 'volumes/a'];
    expect(execFileSync('qemu-img', same, { cwd: node.root, encoding: 'utf8' })).toBe(
      'Images are identical.\n',
    );
  });

  test('a second one comes from the first, whether it is to be raw or not', async () => {
    const from = (id: number, ...keys: string[]): string[] =>
      disk(id, `path=/volumes/${id}`, 'source=/images/full.qcow2', ...keys);
    const keys = [
      ...from(0),
      ...from(1, 'format=raw'),
      ...from(2, 'format=raw'),
      ...from(3, 'format=raw', 'writable=1'),
      ...from(4, 'format=qcow2'),
    ];
    expect((await run('download', keys)).error).toBeUndefined();
    expect([0, 1, 2, 3, 4].map(id => image(`volumes/${id}`).format)).toEqual([
      'qcow2',
      'raw',
      'raw',
      'raw',
      'qcow2',
    ]);
    const inode = (id: number): number => statSync(join(node.root, `volumes/${id}`)).ino;
    expect([inode(0) === inode(4), inode(1) === inode(2), inode(1) === inode(3)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('an image that builds on another file is not converted: the guest would read what is not for it', async () => {
    const keys = disk(0, 'path=/volumes/a', 'source=/images/top.qcow2', 'format=raw');
    expect((await run('download', keys)).error).toMatchObject({
      code: 'WORKLOAD_INVALID',
      message:
        'platform.volume.0.source: "/images/top.qcow2" needs another file, its backing file "full.qcow2"; make it whole: qemu-img convert -O qcow2 OLD NEW',
    });
    expect(existsSync(join(node.root, 'volumes'))).toBe(false);
  });

  test('a download can be given back without ever starting', async () => {
    const keys = [
      ...disk(0, 'path=/volumes/a', 'source=/images/full.qcow2'),
      ...disk(1, 'path=/volumes/b', 'size=1M', 'ephemeral=0'),
    ];
    expect((await run('download', keys)).error).toBeUndefined();
    const { error, lines } = await node.command({ verb: 'stop', uuid: 'w1' });
    expect(error).toBeUndefined();
    expect(lines).toMatchObject([{ step: 'clear', text: 'deleted /volumes/a' }, { done: {} }]);
    expect(['a', 'b'].map(name => existsSync(join(node.root, 'volumes', name)))).toEqual([false, true]);
    expect((await node.command({ verb: 'stop', uuid: 'w1' })).error?.code).toBe('WORKLOAD_STATE');
  });

  test('a guest boots from a floppy disk', async () => {
    node.write('images/a.img', bootSector('booted from the floppy disk'));
    const keys = [
      ...disk(0, 'path=/volumes/data', 'size=1M'),
      ...disk(1, 'path=/volumes/a', 'source=/images/a.img', 'format=raw', 'interface=floppy'),
      'runtime.boot=1',
    ];
    expect((await run('start', keys)).error).toBeUndefined();
    await serialOf('w1', 'booted from the floppy disk');
  });

  test.skipIf(noFirmware)('a guest starts in the firmware that is in its flash memory', async () => {
    node.write('images/code.fd', readFileSync(OVMF));
    node.write('images/variables.fd', readFileSync(OVMF.replace('CODE', 'VARS')));
    const flash = ['format=raw', 'interface=pflash'];
    const keys = [
      'platform.memory.size=128M',
      ...disk(0, 'path=/volumes/code', 'source=/images/code.fd', ...flash),
      ...disk(1, 'path=/volumes/variables', 'source=/images/variables.fd', 'writable=1', ...flash),
      ...disk(2, 'path=/volumes/data', 'size=1M'),
    ];
    expect((await run('start', keys)).error).toBeUndefined();
    await serialOf('w1', 'BdsDxe: ');
  });
});

describe.skipIf(reason)('four-worlds.conf, the example with keys of all four source systems', () => {
  test('on a node without its PCI device, bridge and files just those are missing, each by its key', async () => {
    const bare = new Node();
    bare.make();
    try {
      await bare.startAgent();
      const file = join(import.meta.dirname, '../golden/engines/four-worlds.conf');
      const text = readFileSync(file, 'utf8').replace(/^uuid=.*$/m, '$&\nplatform.cpu.mode=max');
      const uuid = /^uuid=(.*)$/m.exec(text)?.[1] ?? '';
      bare.run('ip link delete br0');
      const { error } = await bare.command({ verb: 'start', uuid, config: { file: 'f', text } });
      expect(error?.details.map(line => line.replace(/^f:\d+: ([^:]+): .*$/, '$1'))).toEqual([
        'network.0.bridge',
        'platform.kernel.image',
        'platform.kernel.initrd',
        ...(existsSync('/dev/vhost-vsock') ? [] : ['platform.vsock.cid']),
        'platform.device.0.type',
      ]);
    } finally {
      await bare.remove();
    }
  });
});
