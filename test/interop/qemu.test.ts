import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bootableIso } from '../../scripts/room/guests/iso.ts';
import { speakerIso } from '../../scripts/room/guests/speaker.ts';
import { RoomNetwork, run } from '../../scripts/room/network.ts';
import { RoomProcess } from '../../scripts/room/process.ts';
import { QmpMonitor } from '../../src/agent/vm/monitor.ts';
import type { Machine } from '../../src/domain/vm/machine.ts';
import { qemuArgv } from '../../src/domain/vm/qemu/argv.ts';
import { complaintOf } from '../../src/domain/vm/qemu/complaint.ts';
import { STATE_FILES } from '../../src/domain/vm/statefiles.ts';
import { DEFAULT_DRIVER, DRIVERS, type Workload } from '../../src/domain/workload/workload.ts';
import type { QmpEvent } from '../../src/wire/qmp/message.ts';
import { goldenNames, goldenWorkload, machineOf, workloadOf } from '../fakes/machines.ts';

/** QEMU runs in a network of its own: taps, and ports that nobody else has. */
const network = new RoomNetwork(`pxen-${process.pid}-qemu`);
const folder = mkdtempSync(join(tmpdir(), 'pxen-qemu-'));
const started: RoomProcess[] = [];

/** Milliseconds; QEMU needs some 100 here. */
const PATIENCE = 30_000;

beforeAll(() => network.open());

afterEach(async () => {
  for (const child of started.splice(0)) await child.stop('SIGKILL');
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
});

afterAll(() => {
  network.close();
  rmSync(folder, { recursive: true, force: true });
});

const stateFolder = join(folder, 'state');
const at = (path: string): string => join(folder, 'node', path);

/** Without KVM, which this computer may not have, and with all files in a folder of the test. */
function machineHere(workload: Workload): Machine {
  const mode = workload.cpu.mode === 'host' ? 'max' : workload.cpu.mode;
  return machineOf(
    { ...workload, cpu: { ...workload.cpu, mode } },
    { accel: 'tcg', folder: stateFolder, at },
  );
}

/** What the agent does before it starts QEMU. */
function prepare({ hugepages, kernel, nics, volumes }: Machine): void {
  mkdirSync(stateFolder, { recursive: true });
  // Not of huge pages, which this computer may not have: QEMU takes any folder.
  for (const path of [hugepages, at('/tmp')]) if (path) mkdirSync(path, { recursive: true });
  for (const path of [kernel?.image, kernel?.initrd]) if (path) place(path, exitKernel(KERNEL_STATUS));
  for (const { tap } of nics) if (tap !== undefined) addTap(tap);
  for (const { file, format, type } of volumes) {
    mkdirSync(dirname(file), { recursive: true });
    if (existsSync(file)) continue;
    if (type === 'qcow2' && format !== 'raw') copyFileSync(emptyDisk(), file);
    else writeFileSync(file, new Uint8Array(1 << 20));
  }
}

function place(file: string, content: Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

const taps = new Set<string>();

function addTap(name: string): void {
  if (!taps.has(name)) run('ip', '-n', network.namespace, 'tuntap', 'add', 'dev', name, 'mode', 'tap');
  taps.add(name);
}

function emptyDisk(): string {
  const file = join(folder, 'empty.qcow2');
  if (!existsSync(file)) run('qemu-img', 'create', '-q', '-f', 'qcow2', file, '1M');
  return file;
}

function start(machine: Machine, ...more: readonly string[]): RoomProcess {
  prepare(machine);
  return spawnQemu([...qemuArgv(machine), ...more]);
}

function spawnQemu(argv: readonly string[]): RoomProcess {
  const child = new RoomProcess('qemu', [...network.enter(), ...argv], join(folder, 'qemu.log'));
  started.push(child);
  return child;
}

const events: QmpEvent[] = [];

function connect(timeout = PATIENCE): Promise<QmpMonitor> {
  events.length = 0;
  return QmpMonitor.connect(join(stateFolder, STATE_FILES.qmp), {
    called: 'QEMU',
    timeout,
    onEvent: event => events.push(event),
  });
}

async function until(what: () => boolean, why: string): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (!what()) {
    if (performance.now() > deadline) throw new Error(`not in time: ${why}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

const serialLog = (): string => {
  const file = join(stateFolder, STATE_FILES.serialLog);
  return existsSync(file) ? readFileSync(file, 'latin1') : '';
};

/** A workload file with the least that it needs. */
const conf = (...lines: readonly string[]): Workload =>
  workloadOf(
    ['name=web', 'uuid=u1', 'platform.memory.size=64M', 'platform.cpu.threads=1', ...lines].join('\n'),
  );

const volume = (id: number, type: 'iso' | 'qcow2', ...more: readonly string[]): string[] =>
  [`type=${type}`, `path=/tmp/${id}`, ...more].map(line => `platform.volume.${id}.${line}`);

interface Seen {
  readonly device: string;
  readonly inserted?: {
    readonly ro: boolean;
    readonly drv: string;
    readonly image: { readonly filename: string };
  };
}

/** What QEMU itself says of the machine that it made. */
async function described(monitor: QmpMonitor): Promise<object> {
  const ask = async <T>(command: string): Promise<T> => (await monitor.execute(command)) as T;
  const blocks = await ask<Seen[]>('query-block');
  const vnc = await ask<{ enabled: boolean; service?: string }>('query-vnc');
  return {
    status: (await ask<{ status: string }>('query-status')).status,
    name: (await ask<{ name?: string }>('query-name')).name,
    uuid: (await ask<{ UUID: string }>('query-uuid')).UUID,
    memory: (await ask<{ 'base-memory': number }>('query-memory-size-summary'))['base-memory'],
    cpus: (await ask<unknown[]>('query-cpus-fast')).length,
    volumes: blocks.map(({ device, inserted }) => [
      device,
      inserted?.drv,
      inserted?.ro,
      inserted?.image.filename,
    ]),
    macs: (await ask<{ 'main-mac': string }[]>('query-rx-filter')).map(filter => filter['main-mac']).sort(),
    vnc: vnc.enabled ? vnc.service : undefined,
  };
}

/** QEMU gives memory in steps of 8 KiB. */
const MEMORY_STEP = 8192;

function expected({ console, nics, rfcUuid, volumes, workload }: Machine): object {
  return {
    status: 'prelaunch',
    name: workload.name,
    uuid: rfcUuid,
    memory: Math.ceil(workload.memory.bytes / MEMORY_STEP) * MEMORY_STEP,
    cpus: workload.cpu.threads,
    volumes: volumes.map(({ file, format = 'qcow2', id, type, writable }) => [
      `vol${id}`,
      type === 'iso' ? 'raw' : format,
      !writable,
      file,
    ]),
    // Other cards do not tell it there.
    macs: nics
      .filter(({ driver }) => (driver ?? DEFAULT_DRIVER) === DEFAULT_DRIVER)
      .map(({ mac }) => mac)
      .sort(),
    vnc: console.type === 'vnc' ? `${console.port}` : undefined,
  };
}

/** What it warns of where there is no KVM: features of processors, and threads of their cores. */
const TCG_LACKS = /: warning: (TCG doesn't support|This family of AMD CPU)|^Please configure -smp/;

describe('QEMU takes every golden command and makes the machine that was meant', () => {
  test.each(goldenNames)('%s', async name => {
    const machine = machineHere(goldenWorkload(name));
    const { powerState } = machine.workload;
    const qemu = start(machine, ...(powerState === 'paused' ? [] : ['-S']));
    const monitor = await connect();
    expect(await described(monitor)).toEqual(expected(machine));
    expect(readFileSync(join(stateFolder, STATE_FILES.pid), 'utf8').trim()).toMatch(/^\d+$/);
    expect(existsSync(join(stateFolder, STATE_FILES.monitor))).toBe(true);
    expect(existsSync(join(stateFolder, STATE_FILES.serial))).toBe(machine.console.type === 'serial-socket');
    await monitor.execute('quit');
    expect(await qemu.ended()).toBe(0);
    expect(qemu.output.split('\n').filter(line => !TCG_LACKS.test(line))).toEqual(['']);
    expect(existsSync(join(stateFolder, STATE_FILES.pid))).toBe(false);
  });
});

interface Deep {
  readonly device: string;
  readonly qdev?: string;
  readonly inserted: {
    readonly iops: number;
    readonly cache: { readonly writeback: boolean; readonly direct: boolean; readonly 'no-flush': boolean };
  };
}

describe('QEMU says itself that it has what the file asks for', () => {
  const asked = async (name: string): Promise<QmpMonitor> => {
    const machine = machineHere(goldenWorkload(name));
    start(machine, ...(machine.workload.powerState === 'paused' ? [] : ['-S']));
    return connect();
  };
  const property = (monitor: QmpMonitor, path: string, name: string): Promise<unknown> =>
    monitor.execute('qom-get', { path, property: name });
  /** Properties of all devices of a type, in their order. */
  const devices = async (monitor: QmpMonitor, type: string, ...names: string[]): Promise<unknown[][]> => {
    const folders = ['/machine/peripheral', '/machine/peripheral-anon'];
    const found: unknown[][] = [];
    for (const folder of folders)
      for (const one of (await monitor.execute('qom-list', { path: folder })) as {
        name: string;
        type: string;
      }[])
        if (one.type === `child<${type}>`)
          found.push(await Promise.all(names.map(name => property(monitor, `${folder}/${one.name}`, name))));
    return found;
  };

  test('topology, kernel, initrd and its command line', async () => {
    const monitor = await asked('direct-kernel');
    const cpus = (await monitor.execute('query-hotpluggable-cpus')) as { props: object }[];
    expect(cpus.map(({ props }) => props).reverse()).toMatchObject(
      [0, 1, 2, 3].map(cpu => ({ 'socket-id': 0, 'core-id': cpu >> 1, 'thread-id': cpu & 1 })),
    );
    const of = (name: string): Promise<unknown> => property(monitor, '/machine', name);
    expect([await of('kernel'), await of('initrd'), await of('append')]).toEqual([
      at('/srv/vm/vmlinuz, 1'),
      at('/srv/vm/initrd.img'),
      'console=ttyS0,115200 root=/dev/vda ro quiet "a b"',
    ]);
    monitor.close();
  });

  test('shared memory, core dumps, firmware, balloon, consoles, guest agent and further options', async () => {
    const monitor = await asked('equipment');
    expect(await monitor.execute('query-memdev')).toMatchObject([
      { id: 'pxen.ram', share: true, dump: false, size: 1_056_768 },
    ]);
    expect(await property(monitor, '/machine', 'dump-guest-core')).toBe(false);
    expect(await property(monitor, '/machine', 'firmware')).toBe('bios-256k.bin');
    expect(await monitor.execute('query-balloon')).toEqual({ actual: 1_056_768 });
    expect(await devices(monitor, 'virtio-balloon-pci', 'deflate-on-oom')).toEqual([[true]]);
    expect(await devices(monitor, 'cirrus-vga')).toHaveLength(0);
    const pci = (await monitor.execute('query-pci')) as { devices: { class_info: { desc?: string } }[] }[];
    const classes = pci.flatMap(bus => bus.devices.map(device => device.class_info.desc));
    expect(classes.filter(desc => desc === 'VGA controller')).toHaveLength(1);
    const consoles = (await monitor.execute('query-chardev')) as { label: string; filename: string }[];
    expect(
      consoles
        .filter(({ label }) => /^(console\d|qga)$/.test(label))
        .map(({ filename, label }) => [label, filename]),
    ).toEqual(
      expect.arrayContaining([
        ['console0', `disconnected:unix:${stateFolder}/log.sock,server=on`],
        ['console1', `disconnected:unix:${at('/tmp/second.sock')},server=on`],
        ['qga', `disconnected:unix:${stateFolder}/${STATE_FILES.qga},server=on`],
      ]),
    );
    expect(await devices(monitor, 'virtserialport', 'name')).toEqual([['org.qemu.guest_agent.0']]);
    expect(await devices(monitor, 'virtconsole', 'nr')).toEqual(expect.arrayContaining([[0], [1]]));
    expect(await monitor.execute('query-status')).toMatchObject({ status: 'prelaunch', running: false });
    monitor.close();
  });

  test('the board microvm and its devices', async () => {
    const monitor = await asked('microvm');
    expect(await property(monitor, '/machine', 'type')).toBe('microvm-machine');
    expect(await property(monitor, '/machine', 'acpi')).toBe('off');
    expect(await monitor.execute('query-pci')).toEqual([]);
    expect(await property(monitor, '/machine/peripheral/rootfs', 'serial')).toBe('ROOT');
    expect(await devices(monitor, 'virtio-balloon-device', 'deflate-on-oom')).toEqual([[false]]);
    expect(await devices(monitor, 'virtio-net-device', 'netdev')).toEqual([['net0']]);
    expect(await devices(monitor, 'virtserialport', 'name')).toEqual([['org.qemu.guest_agent.0']]);
    const [rootfs] = (await monitor.execute('query-block')) as Deep[];
    expect(rootfs?.inserted.iops).toBe(100);
    monitor.close();
  });

  test('huge pages', async () => {
    const monitor = await asked('hugepages');
    expect(await monitor.execute('query-memdev')).toMatchObject([
      { id: 'pxen.ram', prealloc: true, share: false, dump: false, size: 64 << 20 },
    ]);
    expect(await property(monitor, '/objects/pxen.ram', 'mem-path')).toBe(at('/dev/huge,pages'));
    monitor.close();
  });

  test('buses, caches, serial numbers, iops, iothreads and names of volumes', async () => {
    const monitor = await asked('buses');
    const blocks = (await monitor.execute('query-block')) as Deep[];
    const cache = (writeback: boolean, direct: boolean, noFlush = false): object => ({
      writeback,
      direct,
      'no-flush': noFlush,
    });
    expect(blocks.map(({ device, inserted }) => [device, inserted.iops, inserted.cache])).toEqual([
      ['vol0', 200, cache(true, true)],
      ['vol1', 0, cache(true, false, true)],
      ['vol2', 0, cache(false, false)],
      ['vol3', 0, cache(true, true)],
      ['vol4', 0, cache(true, false)],
      ['vol5', 0, cache(true, false)],
      ['vol6', 0, cache(false, true)],
      ['vol7', 0, cache(true, false)],
    ]);
    expect(await devices(monitor, 'virtio-blk-pci', 'serial', 'iothread', 'drive')).toEqual([
      ['SN-0+1.2_3', '/objects/io2', 'vol0'],
    ]);
    expect((await monitor.execute('query-iothreads')) as object[]).toMatchObject([
      { id: 'io1' },
      { id: 'io2' },
    ]);
    const onBus = async (type: string): Promise<unknown[]> =>
      (await devices(monitor, type, 'drive', 'serial', 'parent_bus')).sort();
    expect(await onBus('ide-hd')).toEqual([
      ['vol1', 'SN1', expect.stringMatching(/\/ahci\/ahci\.0$/)],
      ['vol3', 'QM00001', expect.stringMatching(/\/ide\.0$/)],
      ['vol5', 'QM00003', expect.stringMatching(/\/ide\.1$/)],
    ]);
    expect(await onBus('scsi-hd')).toEqual([['vol6', 'SN6', expect.stringMatching(/\/scsi\.0$/)]]);
    expect(await property(monitor, '/machine/peripheral/rootfs', 'drive')).toBe('vol0');
    expect(await property(monitor, '/machine/peripheral/disc', 'drive')).toBe('vol7');
    monitor.close();
  });

  test('flash memory, in which the firmware is, and the drives of the floppy controller', async () => {
    const monitor = await asked('flash');
    const attached = (await monitor.execute('query-block')) as (Deep & { qdev?: string })[];
    expect(attached.map(({ device, qdev }) => [device, qdev?.replace(/\[\d+\]/g, '')])).toEqual([
      ['vol0', '/machine/system.flash0'],
      ['vol1', '/machine/system.flash1'],
      ['vol2', '/machine/peripheral-anon/device/virtio-backend'],
      ['vol3', '/machine/peripheral-anon/device'],
      ['vol4', 'second'],
    ]);
    expect((await devices(monitor, 'floppy', 'drive', 'unit')).sort()).toEqual([
      ['vol3', 0],
      ['vol4', 1],
    ]);
    const place = await monitor.execute('human-monitor-command', { 'command-line': 'info qtree' });
    expect(place).toMatch(/dev: isa-fdc/);
    monitor.close();
  });

  test('cards, and the names of taps and devices', async () => {
    const monitor = await asked('cards');
    const cards = machineHere(goldenWorkload('cards')).nics.slice(1, -1);
    for (const { driver = '', id, mac } of cards)
      expect([driver, await devices(monitor, driver, 'netdev', 'mac')]).toEqual([
        driver,
        [[`net${id}`, mac]],
      ]);
    expect(cards).toHaveLength(DRIVERS.length - 1);
    expect(await property(monitor, '/machine/peripheral/eth0', 'netdev')).toBe('net0');
    const told = await monitor.execute('human-monitor-command', { 'command-line': 'info network' });
    expect(told).toContain('index=0,type=tap,ifname=tap-web,');
    monitor.close();
  });

  test.each(['std', 'cirrus', 'vmware', 'virtio', 'none'])('graphics card %s', async vga => {
    start(machineHere(conf(`runtime.vga=${vga}`)), '-S');
    const monitor = await connect();
    const pci = (await monitor.execute('query-pci')) as { devices: { class_info: { class: number } }[] }[];
    const cards = pci.flatMap(bus => bus.devices.filter(device => device.class_info.class === 0x300));
    expect(cards).toHaveLength(vga === 'none' ? 0 : 1);
    monitor.close();
  });
});

describe('the monitor and a real QEMU', () => {
  test('commands, refusals and events, from the first to the last', async () => {
    const qemu = start(machineHere(conf()), '-S');
    const monitor = await connect();
    const names = (): string[] => events.map(({ name }) => name);
    expect(await monitor.execute('query-status')).toMatchObject({ running: false, status: 'prelaunch' });
    await monitor.execute('cont');
    expect(await monitor.execute('query-status')).toMatchObject({ running: true, status: 'running' });
    await monitor.execute('stop');
    expect(names()).toEqual(['RESUME', 'STOP']);
    await expect(monitor.execute('device_del', { id: 'nothing' })).rejects.toThrow(
      "QEMU refused device_del: Device 'nothing' not found",
    );
    await expect(monitor.execute('no-such-command')).rejects.toThrow(
      'QEMU refused no-such-command: The command no-such-command has not been found',
    );
    const many = await Promise.all(Array.from({ length: 50 }, () => monitor.execute('query-version')));
    expect(new Set(many.map(answer => JSON.stringify(answer))).size).toBe(1);
    await monitor.execute('quit');
    await monitor.closed;
    expect(events.at(-1)).toMatchObject({
      name: 'SHUTDOWN',
      data: { guest: false, reason: 'host-qmp-quit' },
    });
    expect(Math.abs((events.at(-1)?.at ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await qemu.ended()).toBe(0);
  });

  test('a large answer comes whole', async () => {
    start(machineHere(conf()), '-S');
    const monitor = await connect();
    const schema = await monitor.execute('query-qmp-schema');
    expect(JSON.stringify(schema).length).toBeGreaterThan(100_000);
    monitor.close();
  });

  test('QEMU serves one connection at a time, and the next one when that is gone', async () => {
    start(machineHere(conf()), '-S');
    const first = await connect();
    await expect(connect(200)).rejects.toThrow('QEMU did not greet in time');
    first.close();
    await first.closed;
    const second = await connect();
    expect(await second.execute('query-status')).toMatchObject({ status: 'prelaunch' });
    second.close();
  });

  test('a QEMU that is killed ends the connection and what waits for an answer', async () => {
    const qemu = start(machineHere(conf()), '-S');
    const monitor = await connect();
    process.kill(qemu.pid, 'SIGSTOP');
    const waiting = monitor.execute('query-status');
    process.kill(qemu.pid, 'SIGKILL');
    await expect(waiting).rejects.toThrow('no answer to query-status: QEMU ended its QMP connection');
    await monitor.closed;
  });
});

/** A guest that ends QEMU with its number as the exit status: `mov al, n; out 0xf4, al`, on isa-debug-exit. */
const exitGuest = (status: number): number[] => [0xb0, (status - 1) / 2, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd];
const DEBUG_EXIT = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=1'];

/** An odd number from the id of the volume. */
const statusOf = (id: number): number => id * 2 + 3;

function bootableDisc(file: string, status: number): void {
  writeFileSync(file, bootableIso(Uint8Array.from(exitGuest(status))));
}

function bootableDisk(file: string, status: number): void {
  const sector = new Uint8Array(1 << 20);
  sector.set(exitGuest(status));
  sector.set([0x55, 0xaa], 510);
  writeFileSync(`${file}.raw`, sector);
  run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', `${file}.raw`, file);
}

const KERNEL_STATUS = 201;

/**
 * A kernel of the boot protocol 2.0 of Linux (Documentation/arch/x86/boot.rst) whose real-mode part is that guest: boot
 * loaders jump to its byte 0x200, and from there over the header.
 */
function exitKernel(status: number): Uint8Array {
  const image = new Uint8Array(16_384);
  const view = new DataView(image.buffer);
  image[0x1f1] = 1; // setup_sects
  view.setUint16(0x1fe, 0xaa55, true);
  image.set([0xeb, 0x7e], 0x200);
  view.setUint32(0x202, 0x53726448, true); // HdrS
  view.setUint16(0x206, 0x200, true);
  image[0x211] = 1; // LOADED_HIGH
  image.set(exitGuest(status), 0x280);
  return image;
}

/** Starts it with volumes that boot, `blank` ones excepted; which one did? */
async function bootedFrom(workload: Workload, blank: readonly number[] = []): Promise<number | null> {
  const machine = machineHere(workload);
  for (const { file, id, type } of machine.volumes) {
    if (blank.includes(id)) continue;
    mkdirSync(dirname(file), { recursive: true });
    (type === 'iso' ? bootableDisc : bootableDisk)(file, statusOf(id));
  }
  return start(machine, ...DEBUG_EXIT).ended();
}

/** The most that the grammar allows; the last volume boots. */
function sixtyFour(type: 'iso' | 'qcow2'): string[] {
  const ids = Array.from({ length: 64 }, (_, id) => id);
  return [
    ...ids.flatMap(id => volume(id, type)),
    ...ids.map(id => `network.${id}.type=nat`),
    'runtime.boot=63',
  ];
}

const allBut = (id: number): number[] =>
  Array.from({ length: 64 }, (_, other) => other).filter(other => other !== id);

describe('what boots', () => {
  test.each<[string, Workload, readonly number[], number]>([
    ['a disc, where nothing else is', conf(...volume(0, 'iso')), [], 0],
    ['a disk that may not be written', conf(...volume(0, 'qcow2')), [], 0],
    ['a disk that may', conf(...volume(0, 'qcow2', 'writable=1')), [], 0],
    ['unset: the first volume, a disc', conf(...volume(3, 'iso'), ...volume(4, 'qcow2')), [], 3],
    ['unset: the first volume, a disk', conf(...volume(3, 'qcow2'), ...volume(4, 'iso')), [], 3],
    ['the first of the order', conf(...volume(0, 'qcow2'), ...volume(1, 'iso'), 'runtime.boot=1,0'), [], 1],
    [
      'the second where the first is blank',
      conf(...volume(0, 'qcow2'), ...volume(1, 'iso'), 'runtime.boot=1,0'),
      [1],
      0,
    ],
    [
      'a disc where the disk is blank',
      conf(...volume(0, 'qcow2'), ...volume(1, 'iso'), 'runtime.boot=0,1'),
      [0],
      1,
    ],
    ['a disk behind a bridge', goldenWorkload('many'), [], 28],
    [
      'the last disk, with as many disks and NICs as a file may have',
      conf(...sixtyFour('qcow2')),
      allBut(63),
      63,
    ],
    [
      'the last disc, with as many discs and NICs as a file may have',
      conf(...sixtyFour('iso')),
      allBut(63),
      63,
    ],
    ['the seventh disc where that is blank', goldenWorkload('many'), [28], 7],
  ])('%s', async (_, workload, blank, id) => {
    expect(await bootedFrom(workload, blank)).toBe(statusOf(id));
  });

  test('a volume that the order does not name never boots, and the console tells that nothing does', async () => {
    const workload = conf(...volume(0, 'qcow2'), ...volume(1, 'iso'), 'runtime.boot=1');
    const machine = machineHere(workload);
    prepare(machine);
    bootableDisk(machine.volumes[0]?.file ?? '', statusOf(0));
    const qemu = start(machine, ...DEBUG_EXIT);
    await until(() => serialLog().includes('No bootable device'), 'No bootable device');
    expect(qemu.running).toBe(true);
  });

  test('a kernel of the file boots, and no volume', async () => {
    const keys = ['platform.kernel.image=/srv/vmlinuz', 'platform.kernel.append=a', ...volume(0, 'qcow2')];
    expect(await bootedFrom(conf(...keys))).toBe(KERNEL_STATUS);
    expect(await bootedFrom(conf(...keys, 'runtime.boot=0'))).toBe(KERNEL_STATUS);
  });

  test('a kernel on the board microvm', async () => {
    const keys = ['platform.engine=microvm', 'platform.kernel.image=/srv/vmlinuz', ...volume(0, 'qcow2')];
    expect(await bootedFrom(conf(...keys))).toBe(KERNEL_STATUS);
  });

  test.each(['ahci', 'ide', 'scsi', 'virtio'])('a disk on %s', async on => {
    const keys = volume(0, 'qcow2', 'writable=1', `interface=${on}`, 'serial=S1');
    expect(await bootedFrom(conf(...keys))).toBe(statusOf(0));
  });

  test.each(['ahci', 'ide', 'scsi'])('a disc on %s', async on => {
    expect(await bootedFrom(conf(...volume(0, 'iso', `interface=${on}`)))).toBe(statusOf(0));
  });

  test('the last of seven disks on AHCI', async () => {
    const ids = [0, 1, 2, 3, 4, 5, 6];
    const keys = ids.flatMap(id => volume(id, 'qcow2', 'writable=1', 'interface=ahci'));
    expect(await bootedFrom(conf(...keys, 'runtime.boot=6'), ids.slice(0, 6))).toBe(statusOf(6));
  });

  test('a NIC boots where there is no volume: its ROM asks for an address', async () => {
    const machine = machineHere(conf('network.0.type=nat'));
    start(machine);
    await until(() => serialLog().includes('iPXE'), 'iPXE');
    await until(() => serialLog().includes(`net0: ${machine.nics[0]?.mac}`), 'the card with its address');
  });
});

describe('the serial console', () => {
  const speaker = (consoleType: string, ...more: readonly string[]): Machine => {
    const machine = machineHere(conf(...volume(0, 'iso'), `runtime.console.type=${consoleType}`, ...more));
    mkdirSync(dirname(at('/tmp/0')), { recursive: true });
    writeFileSync(at('/tmp/0'), speakerIso('hello from the guest '));
    return machine;
  };

  test.each([
    ['serial-tcp', ['runtime.console.id=5'], { host: '127.0.0.1', port: 7905 }],
    ['serial-socket', [], { path: join(stateFolder, STATE_FILES.serial) }],
  ])('%s: what the guest says can be heard, and is in the log', async (type, more, address) => {
    start(speaker(type, ...more));
    await until(() => serialLog().includes('hello from the guest'), 'the guest speaks');
    expect(await hear(address, 'hello from the guest')).toBe('hello from the guest');
  });

  test('vnc: the log has it, too', async () => {
    start(speaker('vnc', 'runtime.console.id=7'));
    await until(() => serialLog().includes('hello from the guest'), 'the guest speaks');
  });

  test.each(['serial-tcp', 'serial-socket'])('%s: the log can be cut while QEMU writes', async type => {
    start(speaker(type));
    await until(() => serialLog().length > 100, 'the guest speaks');
    truncateSync(join(stateFolder, STATE_FILES.serialLog));
    await until(() => serialLog().includes('hello'), 'it goes on');
    expect(serialLog()).not.toContain('\0');
  });
});

/** What can be read at an address, inside of QEMU's network. */
async function hear(address: object, pattern: string): Promise<string> {
  const listen = `require('node:net').connect(${JSON.stringify(address)}).pipe(process.stdout)`;
  const argv = [...network.enter(), process.execPath, '-e', listen];
  const child = new RoomProcess('listener', argv, join(folder, 'listener.log'));
  started.push(child);
  const [found] = await child.saw(new RegExp(pattern), PATIENCE);
  return found;
}

const SMALL_BOARD = ['platform.engine=microvm', 'platform.kernel.image=/srv/vmlinuz'];

describe('what QEMU complains of', () => {
  test.each<[string, Workload, (machine: Machine) => void, string]>([
    [
      'a file that is no qcow2 image',
      conf(...volume(3, 'qcow2')),
      machine => writeFileSync(machine.volumes[0]?.file ?? '', 'not a qcow2 image'),
      'platform.volume.3: Image is not in qcow2 format (the file is no qcow2 image; a disc needs type=iso)',
    ],
    [
      'a file that is gone',
      conf(...volume(3, 'iso')),
      machine => rmSync(machine.volumes[0]?.file ?? ''),
      `platform.volume.3: Could not open '${at('/tmp/3')}': No such file or directory`,
    ],
    [
      'a virtio-console in a folder that is not there',
      conf('runtime.console.virtio.3.path=/tmp/none/a.sock'),
      () => {},
      `runtime.console.virtio.3: Failed to bind socket to ${at('/tmp/none/a.sock')}: No such file or directory`,
    ],
    [
      'an iothread on microvm without KVM',
      conf(...SMALL_BOARD, 'platform.iothread.0=io', ...volume(4, 'qcow2', 'iothread=io')),
      () => {},
      'platform.volume.4: ioeventfd is required for iothread (microvm has iothreads only with KVM)',
    ],
    [
      'more devices than microvm has slots for without KVM',
      conf(...SMALL_BOARD, ...[1, 2, 3, 4, 5, 6, 7, 8].flatMap(id => volume(id, 'qcow2'))),
      () => {},
      "platform.volume.8: No 'virtio-bus' bus found for device 'virtio-blk-device' (without KVM the board of microvm has 8 slots, two of which pxen needs)",
    ],
    [
      'a model that it does not know',
      conf('platform.cpu.mode=Pentium99'),
      () => {},
      "unable to find CPU model 'Pentium99' (qemu-system-x86_64 -cpu help lists the models of the node)",
    ],
    [
      'more vCPUs than the board has places for',
      { ...conf(), cpu: { threads: 256, mode: 'max' } },
      () => {},
      "Invalid SMP CPUs 256. The max CPUs supported by machine 'pc-i440fx' is 255 (choose fewer platform.cpu.threads)",
    ],
  ])('%s', async (_, workload, spoil, sentence) => {
    const machine = machineHere(workload);
    prepare(machine);
    spoil(machine);
    const argv = qemuArgv(machine);
    const qemu = spawnQemu(argv);
    expect(await qemu.ended()).toBe(1);
    expect(complaintOf(qemu.output, argv)?.replace(/i440fx-[\d.]+/, 'i440fx')).toBe(sentence);
  });

  test.skipIf(existsSync('/dev/vhost-vsock'))('a vsock where the node has none', async () => {
    const machine = machineHere(conf('platform.vsock.cid=7', 'platform.vsock.alias=v0'));
    prepare(machine);
    const argv = qemuArgv(machine);
    const qemu = spawnQemu(argv);
    expect(await qemu.ended()).toBe(1);
    expect(complaintOf(qemu.output, argv)).toBe(
      'platform.vsock.cid: vhost-vsock: failed to open vhost device: No such file or directory (the node has no /dev/vhost-vsock; modprobe vhost_vsock)',
    );
  });

  test.each([
    [
      'a console port that is taken',
      conf('runtime.console.id=3'),
      'runtime.console: Failed to find an available port: Address already in use (another program of the node listens on this port; choose another runtime.console.id)',
    ],
    [
      'a screen port that is taken',
      conf('runtime.console.type=vnc', 'runtime.console.id=3'),
      'runtime.console: Failed to find an available port: Address already in use (another program of the node listens on this port; choose another runtime.console.id)',
    ],
    [
      'a volume that another machine writes',
      conf(...volume(0, 'qcow2', 'writable=1'), 'runtime.console.type=serial-socket'),
      'platform.volume.0: Failed to get "write" lock (another virtual machine uses this file; stop that one, or give each a file of its own)',
    ],
  ])('%s', async (_, workload, sentence) => {
    start(machineHere(workload), '-S');
    (await connect()).close();
    const second = qemuArgv({ ...machineHere(workload), folder: join(folder, 'second') });
    mkdirSync(join(folder, 'second'));
    const qemu = spawnQemu(second);
    expect(await qemu.ended()).toBe(1);
    expect(complaintOf(qemu.output, second)).toBe(sentence);
  });
});
