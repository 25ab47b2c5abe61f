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
import { RoomNetwork, run } from '../../scripts/room/network.ts';
import { RoomProcess } from '../../scripts/room/process.ts';
import { QmpMonitor } from '../../src/agent/vm/monitor.ts';
import type { Machine } from '../../src/domain/vm/machine.ts';
import { qemuArgv } from '../../src/domain/vm/qemu/argv.ts';
import { complaintOf } from '../../src/domain/vm/qemu/complaint.ts';
import { STATE_FILES } from '../../src/domain/vm/statefiles.ts';
import type { Workload } from '../../src/domain/workload/workload.ts';
import type { QmpEvent } from '../../src/wire/qmp/message.ts';
import { goldenNames, goldenWorkload, machineOf, workloadOf } from '../fakes/machines.ts';
import { bootableIso } from '../fixtures/guests/iso.ts';
import { speakerIso } from '../fixtures/guests/speaker.ts';

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
function prepare({ nics, volumes }: Machine): void {
  mkdirSync(stateFolder, { recursive: true });
  for (const { tap } of nics) if (tap !== undefined) addTap(tap);
  for (const { file, type } of volumes) {
    mkdirSync(dirname(file), { recursive: true });
    if (existsSync(file)) continue;
    if (type === 'qcow2') copyFileSync(emptyDisk(), file);
    else writeFileSync(file, new Uint8Array(1 << 20));
  }
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
    volumes: volumes.map(({ file, id, type, writable }) => [
      `vol${id}`,
      type === 'iso' ? 'raw' : 'qcow2',
      !writable,
      file,
    ]),
    macs: nics.map(({ mac }) => mac).sort(),
    vnc: console.type === 'vnc' ? `${console.port}` : undefined,
  };
}

describe('QEMU takes every golden command and makes the machine that was meant', () => {
  test.each(goldenNames)('%s', async name => {
    const machine = machineHere(goldenWorkload(name));
    const qemu = start(machine, '-S');
    const monitor = await connect();
    expect(await described(monitor)).toEqual(expected(machine));
    expect(readFileSync(join(stateFolder, STATE_FILES.pid), 'utf8').trim()).toMatch(/^\d+$/);
    expect(existsSync(join(stateFolder, STATE_FILES.monitor))).toBe(true);
    expect(existsSync(join(stateFolder, STATE_FILES.serial))).toBe(machine.console.type === 'serial-socket');
    await monitor.execute('quit');
    expect(await qemu.ended()).toBe(0);
    expect(qemu.output.split('\n').filter(line => !line.includes(": warning: TCG doesn't support"))).toEqual([
      '',
    ]);
    expect(existsSync(join(stateFolder, STATE_FILES.pid))).toBe(false);
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
