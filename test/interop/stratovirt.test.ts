import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AgentRun } from '../../src/api/agent.ts';
import { conf, hear, Node, type Outcome, whyNoNode } from './workload-node.ts';

const reason = whyNoNode();
if (reason) console.log(`StratoVirt on a node is not tested: ${reason}`);
else console.log('StratoVirt is not to be had here: a stand-in with its options and its QMP is what runs');

const STAND_IN = join(import.meta.dirname, '../fixtures/stratovirt/stand-in.ts');

/** The engine under its own name; and a QEMU for which KVM works, which agents ask for that. */
const PROGRAMS = {
  stratovirt: `#!/bin/bash\nexec -a stratovirt ${process.execPath} ${STAND_IN} "$@"\n`,
  'qemu-system-x86_64': `#!/bin/sh
case "$*" in
  --version) echo 'QEMU emulator version 7.2.22' ;;
  '-cpu help') printf 'Available CPUs:\\nx86 host  all features\\n' ;;
  *isa-debug-exit*) exit 33 ;;
esac\n`,
};

let node: Node;

const KEYS = [
  'platform.engine=stratovirt',
  'platform.cpu.mode=host',
  'platform.memory.size=256M',
  'platform.kernel.image=/boot/vmlinux',
  'platform.kernel.append=console=ttyS0 root=/dev/vda',
  'platform.volume.0.type=qcow2',
  'platform.volume.0.format=raw',
  'platform.volume.0.path=/volumes/root.img',
  'platform.volume.0.source=/images/root.img',
];
const BRIDGED = ['network.0.type=bridge', 'network.0.bridge=br0'];

function command(verb: AgentRun['verb'], keys?: readonly string[], uuid = 's1'): Promise<Outcome> {
  const config = keys && { file: `${uuid}.conf`, text: conf(uuid, [...KEYS, ...keys]) };
  return node.command({ verb, uuid, accel: 'kvm', config });
}

async function running(...keys: string[]): Promise<number> {
  const { done, error } = await command('start', keys);
  expect(error).toBeUndefined();
  expect(done?.status).toMatchObject({ state: 'running', engine: 'stratovirt', accel: 'kvm' });
  return done?.status?.pid ?? 0;
}

async function openConsole(): Promise<Duplex> {
  const console = await node.console('s1');
  if ('code' in console) throw new Error(`no console: ${console.code}: ${console.message}`);
  return console;
}

/** What comes back of a word that is typed. */
async function typed(word: string): Promise<string> {
  const console = await openConsole();
  console.write(`${word}\r`);
  return hear(console, `heard ${word}`).finally(() => console.destroy());
}

const startAgent = (): Promise<void> => node.startAgent(`export PATH=${node.root}/bin:$PATH`);

/** What is left of a workload that does not run. */
const left = async (): Promise<unknown> => ({
  files: node.files('s1'),
  taps: node.taps(),
  listed: await node.status('s1'),
});

describe.skipIf(reason)('the stand-in refuses what StratoVirt 0.2.0 refuses', () => {
  const channel = ['-api-channel', `unix:${join(tmpdir(), `pxen-stand-in-${process.pid}.sock`)}`];
  const WELL = ['-kernel', STAND_IN, '-initrd', STAND_IN, '-serial', 'stdio'];
  const started = (...args: string[]): string => {
    const { status, stderr } = spawnSync(process.execPath, [STAND_IN, ...args], {
      input: '',
      encoding: 'utf8',
      timeout: 10_000,
    });
    return `${status}: ${stderr.split('\n')[1]}`;
  };

  test.each([
    ['Please give api-channel as unix:PATH.', [...WELL]],
    ["The argument '-daemonize' does not take 1 values.", [...WELL, ...channel, '-daemonize', 'yes']],
    ["Unknown argument '-vga'.", [...WELL, ...channel, '-vga', 'std']],
    ['Memory size should be 256M to 512G.', [...WELL, ...channel, '-m', '255M']],
    ['Number of vcpu should be 1 to 254.', [...WELL, ...channel, '-smp', '255']],
    ["Failed to open kernel file 'undefined'.", [...WELL.slice(2), ...channel]],
    ['Before Linux can boot, it needs a rootfs.', ['-kernel', STAND_IN, '-serial', 'stdio', ...channel]],
    ["'id' is missing in", [...WELL, ...channel, '-drive', `file=${STAND_IN}`]],
    ["Invalid parameter 'cache' in", [...WELL, ...channel, '-drive', `id=a,file=${STAND_IN},cache=none`]],
    ["iothread 'x' not found.", [...WELL, ...channel, '-drive', `id=a,file=${STAND_IN},iothread=x`]],
    ["Failed to open tap device 'pxen-none'.", [...WELL, ...channel, '-netdev', 'id=n,netdev=pxen-none']],
    ['listen EADDRINUSE: address already in use', [...WELL, '-api-channel', `unix:${STAND_IN}`]],
    ['listen EADDRINUSE: address already in use', [...WELL, ...channel, '-chardev', `id=c,path=${STAND_IN}`]],
    ['the standard input of the serial port has an end', [...WELL, ...channel]],
  ])('%s', (complaint, args) => {
    expect(started(...args)).toContain(`1: Caused by: ${complaint}`);
  });
});

describe.skipIf(reason)('a node with StratoVirt', () => {
  beforeAll(async () => {
    node = new Node();
    node.make();
    for (const [name, text] of Object.entries(PROGRAMS)) {
      node.write(`bin/${name}`, text);
      chmodSync(join(node.root, 'bin', name), 0o755);
    }
    for (const path of ['boot/vmlinux', 'boot/initrd', 'images/root.img', 'dev/kvm', 'dev/vhost-vsock'])
      node.write(path, 'x'.repeat(4096));
    await startAgent();
  });

  afterAll(() => node.remove());

  afterEach(async () => {
    for (const { uuid } of await node.list()) await node.command({ verb: 'stop', uuid, timeoutSeconds: 0 });
    rmSync(join(node.root, 'tmp/pxen'), { recursive: true, force: true });
  });

  test('starts a workload: its guest is heard on its port and on its console, and hears what is typed', async () => {
    const { done, steps } = await command('start', BRIDGED);
    const [tap = ''] = node.taps();
    expect(steps).toEqual(['validate', 'fetch', 'check', 'folder', 'taps', 'spawn', 'handshake', 'boot']);
    expect(done?.status).toMatchObject({
      state: 'running',
      engine: 'stratovirt',
      accel: 'kvm',
      console: { type: 'serial-tcp', port: 7900 },
      nics: [{ id: 0, bridge: 'br0', tap }],
    });
    expect(node.run('ls /sys/class/net/br0/brif')).toBe(`${tap}\n`);
    expect(node.read('s1', 'argv').trim().split('\n')).toEqual(done?.argv);
    expect(node.read('s1', 'argv')).toContain(`unix:${node.root}/tmp/pxen/s1/qmp.sock`);
    await node.until('the guest says hello', () => node.read('s1', 'serial.log') !== '');
    expect(node.read('s1', 'serial.log')).toBe(
      `hello from a guest with console=ttyS0 root=/dev/vda, drives: 1, ${tap}\r\n`,
    );
    expect(await typed('one')).toBe('heard one\r\n');
    const heard = node.run('exec 3<>/dev/tcp/127.0.0.1/7900; echo two >&3; timeout 10 head -n 1 <&3');
    expect(heard).toBe('heard two\r\n');
    const { body } = await node.ask('GET', '/v1/workloads/s1/output?of=serial&lines=2');
    expect(body).toBe('heard one\r\nheard two\r\n');
    expect(await node.status('s1')).toMatchObject({
      state: 'running',
      usage: { memoryBytes: expect.any(Number) },
    });
  });

  test('has one visitor at a time on its console', async () => {
    await running();
    const first = await openConsole();
    expect(await node.console('s1')).toMatchObject({ code: 'WORKLOAD_BUSY' });
    const second = await openConsoleOf('runtime.console.type=serial-socket');
    expect(second).toBe('heard alone\r\n');
    first.destroy();
  });

  /** With another console the same way. */
  async function openConsoleOf(key: string): Promise<string> {
    await command('restart', [key]);
    expect((await node.status('s1'))?.console.type).toBe('serial-socket');
    const socket = createConnection(join(node.root, 'tmp/pxen/s1/serial.sock'));
    socket.write('alone\n');
    return hear(socket, 'heard alone').finally(() => socket.destroy());
  }

  test('pauses and resumes, and what is typed meanwhile is heard then', async () => {
    await running();
    expect((await command('pause')).done?.status).toMatchObject({ state: 'paused' });
    const console = await openConsole();
    console.write('late\r');
    expect((await command('resume')).done?.status).toMatchObject({ state: 'running' });
    expect(await hear(console, 'heard late')).toBe('heard late\r\n');
    console.destroy();
  });

  test('gives memory back and tells what it has', async () => {
    const MEBI = 1024 ** 2;
    await running('platform.balloon=deflate-on-oom');
    const has = async (memory?: number): Promise<unknown> => {
      const { done, error } = await node.command({ verb: 'balloon', uuid: 's1', accel: 'kvm', memory });
      return error?.message ?? done?.status?.guestMemory;
    };
    expect([await has(), await has(128 * MEBI), await has()]).toEqual([256 * MEBI, 128 * MEBI, 128 * MEBI]);
    await command('restart', []);
    expect(await has()).toBe('s1: has no balloon: it was started without platform.balloon');
  });

  test('starts in pause: nothing of the guest has run before the resume', async () => {
    const { done } = await command('start', ['runtime.power-state=paused']);
    expect(done?.status?.state).toBe('paused');
    expect(node.read('s1', 'serial.log')).toBe('');
    await command('resume');
    await node.until('the guest says hello', () => node.read('s1', 'serial.log').startsWith('hello'));
  });

  test('has no power button: soft-stop says so, stop makes it quit, and nothing is left', async () => {
    await running(...BRIDGED);
    expect((await command('soft-stop')).error).toMatchObject({
      code: 'WORKLOAD_STATE',
      message: 's1: its guest cannot be asked to shut down: StratoVirt has no power button',
    });
    expect((await node.status('s1'))?.state).toBe('running');
    const { error, lines, steps } = await command('stop');
    expect([error, steps]).toEqual([undefined, ['quit', 'clear']]);
    expect(lines[0]).toMatchObject({ text: 'StratoVirt quit' });
    expect(await left()).toEqual({ files: undefined, taps: [], listed: undefined });
    expect(existsSync(join(node.root, 'volumes/root.img'))).toBe(false);
  });

  test('a guest that shuts down by itself has ended, and starts again', async () => {
    await running();
    const console = await openConsole();
    console.write('reboot\r');
    await node.until('it has ended', async () => (await node.status('s1'))?.state === 'ended');
    expect((await node.status('s1'))?.end).toEqual({
      reason: 'the guest shut down',
      exitCode: 0,
      output: '',
    });
    await running();
  });

  test('an agent that comes back finds it, and serves its console again', async () => {
    const pid = await running();
    await node.endAgent('SIGKILL');
    await startAgent();
    expect(await node.status('s1')).toMatchObject({ state: 'running', pid });
    await node.until('its console is served', () => node.run('ss -Hltn sport = :7900') !== '');
    expect(await typed('again')).toContain('heard again');
    expect((await command('pause')).done?.status).toMatchObject({ state: 'paused', pid });
    await node.endAgent('SIGTERM');
    await startAgent();
    await node.until('it is known as paused', async () => (await node.status('s1'))?.state === 'paused');
  });

  test('a port that somebody took while there was no agent is told of, until it is free', async () => {
    await running();
    await node.endAgent('SIGKILL');
    await node.occupy(7900);
    await startAgent();
    const problem = async (): Promise<string | undefined> => (await node.status('s1'))?.problem;
    await node.until('that is told', async () => (await problem()) !== undefined);
    expect(await problem()).toBe(
      'the serial console cannot be served: listen EADDRINUSE: address already in use 0.0.0.0:7900',
    );
    expect((await command('pause')).done?.status).toMatchObject({ state: 'paused' });
    await command('resume');
    await node.quiet();
    await node.until('it is well again', async () => (await problem()) === undefined);
    expect(await typed('free')).toContain('heard free');
  });

  test('one that is killed has ended, with or without an agent that sees it', async () => {
    process.kill(await running(...BRIDGED), 'SIGKILL');
    await node.until('that is seen', async () => (await node.status('s1'))?.state === 'ended');
    const reason = 'StratoVirt was ended by signal SIGKILL';
    expect((await node.status('s1'))?.end).toEqual({ reason, signal: 'SIGKILL', output: '' });
    expect(node.taps()).toEqual([]);
    const pid = await running();
    await node.endAgent('SIGKILL');
    process.kill(pid, 'SIGKILL');
    await startAgent();
    expect((await node.status('s1'))?.end?.reason).toBe(reason);
  });

  test('has all that StratoVirt can have, and starts again though a dead one left its sockets', async () => {
    const all = [
      ...BRIDGED,
      ...[
        'network.0.qos.rate=5',
        'network.0.qos.unit=mbit',
        'network.0.iothread=io',
        'network.0.mac=52:54:00:00:00:07',
      ],
      ...['platform.iothread.0=io', 'platform.volume.0.iothread=io', 'platform.volume.0.iops=100'],
      ...['platform.volume.0.serial=disk-0', 'platform.volume.0.writable=1', 'platform.memory.share=1'],
      ...['platform.memory.dump=0', 'platform.kernel.initrd=/boot/initrd'],
    ];
    const balloon = ['platform.balloon=deflate-on-oom', 'runtime.console.virtio.3.path=console.sock'];
    const vsock = ['platform.vsock.cid=auto', 'runtime.console.virtio.3.path=/run/console.sock'];
    const pid = await running(...all, ...balloon);
    const [tap = ''] = node.taps();
    expect(node.run(`tc qdisc show dev ${tap}`)).toContain('tbf');
    expect(node.files('s1')).toEqual([
      ...['argv', 'console.sock', 'output.log', 'pid', 'qmp.sock', 'resolved.json'],
      ...['serial.in', 'serial.log', 'volumes.json'],
    ]);
    process.kill(pid, 'SIGKILL');
    await node.until('it has ended', async () => (await node.status('s1'))?.state === 'ended');
    const again = await running(...all, ...vsock);
    expect(node.read('s1', 'argv')).toContain('vsock,id=vsock0,guest-cid=3');
    process.kill(again, 'SIGKILL');
    await node.until('it has ended again', async () => (await node.status('s1'))?.state === 'ended');
    expect(existsSync(join(node.root, 'run/console.sock'))).toBe(false);
    await running(...all, ...vsock);
  });

  test('what it complains of is told, and nothing is left', async () => {
    const { error } = await command('start', [
      ...BRIDGED,
      'runtime.console.virtio.0.path=/nowhere/console.sock',
    ]);
    const why = 'Failed to start the stand-in: listen EACCES: permission denied';
    expect(error).toMatchObject({
      code: 'WORKLOAD_FAILED',
      message: `s1: StratoVirt ended at once: ${why} ${node.root}/nowhere/console.sock`,
      details: [
        'StratoVirt: Error: Failed to start the stand-in',
        expect.stringMatching(/^StratoVirt: Caused by: listen/),
      ],
    });
    expect(await left()).toEqual({ files: ['output.log'], taps: [], listed: undefined });
  });

  test('without the program it is refused, with the key', async () => {
    const { error } = await withoutProgram('stratovirt', () => command('start', []));
    expect(error?.details).toEqual([
      expect.stringMatching(
        /^s1\.conf:4: platform\.engine: got "stratovirt", expected an engine that the node can run workloads with \(qemu, microvm/,
      ),
    ]);
    expect(await left()).toEqual({ files: ['output.log'], taps: [], listed: undefined });
  });

  async function withoutProgram<T>(name: string, work: () => Promise<T>): Promise<T> {
    rmSync(join(node.root, 'bin', name));
    try {
      return await work();
    } finally {
      node.write(`bin/${name}`, PROGRAMS.stratovirt);
      chmodSync(join(node.root, 'bin', name), 0o755);
    }
  }
});
