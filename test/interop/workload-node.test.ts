import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { speakerIso } from '../../scripts/room/guests/speaker.ts';
import { imageFolder } from '../../scripts/room/room.ts';
import { AGENT_SOCKET } from '../../src/api/agent.ts';
import { conf, hear, Node, type Outcome, whyNoNode } from './workload-node.ts';

const reason = whyNoNode();
if (reason) console.log(`workloads on a node are not tested: ${reason}`);

/** The kernel of the node image, which tells on its console that it is in the wrong machine. */
const KERNEL = join(imageFolder(), 'http/boot');
const noKernel = !existsSync(join(KERNEL, 'vmlinuz'));
if (noKernel) console.log(`Linux on microvm is not tested: no ${KERNEL}/vmlinuz (scripts/prepare makes it)`);

let node: Node;
const SAID = 'hello from the guest';

/** Keys of an ISO that is fetched from the node's own disk. */
const iso = (image: string, path = `/volumes/${image}`): string[] => [
  'platform.volume.0.type=iso',
  `platform.volume.0.path=${path}`,
  `platform.volume.0.source=/images/${image}`,
];
const BRIDGED = ['network.0.type=bridge', 'network.0.bridge=br0'];
const QUIET = iso('quiet.iso');
/** Ends when its power button is pressed. */
const OBEDIENT = iso('obedient.iso');

const isStream = (console: unknown): console is Duplex =>
  console !== null && typeof console === 'object' && 'pipe' in console;

async function openConsole(uuid: string): Promise<Duplex> {
  const console = await node.console(uuid);
  if (!isStream(console)) throw new Error(`no console: ${console.code}: ${console.message}`);
  return console;
}

/** Presses the power button behind the agent's back, as if the guest shut down by itself. */
async function pressPowerButton(uuid: string): Promise<void> {
  const monitor = createConnection(join(node.root, 'tmp/pxen', uuid, 'monitor.sock'));
  monitor.write('system_powerdown\n');
  await hear(monitor, '(qemu)');
  monitor.destroy();
}

/** What is on the node of a workload that does not run. */
async function leftOf(uuid: string): Promise<unknown> {
  await node.until('QEMU is gone', () => node.qemus().length === 0);
  const volumes = join(node.root, 'volumes');
  return {
    files: node.files(uuid),
    taps: node.taps(),
    listed: await node.status(uuid),
    volumes: existsSync(volumes) ? readdirSync(volumes) : [],
  };
}
const ONLY_A_LOG = { files: ['output.log'], taps: [], listed: undefined, volumes: [] };
const NOTHING = { ...ONLY_A_LOG, files: undefined };

/** Writes these bytes over what stands there. */
function spoil(file: string, at: number, bytes: readonly number[]): void {
  const open = openSync(file, 'r+');
  writeSync(open, Uint8Array.from(bytes), 0, bytes.length, at);
  closeSync(open);
}

async function running(uuid: string, keys: readonly string[]): Promise<number> {
  const { done, error } = await node.start(uuid, keys);
  expect(error).toBeUndefined();
  expect(done?.status).toMatchObject({ uuid, state: 'running', accel: 'tcg' });
  return done?.status?.pid ?? 0;
}

describe.skipIf(reason)('a node with real QEMU', () => {
  beforeAll(async () => {
    node = new Node();
    node.make();
    node.write('images/quiet.iso', speakerIso(SAID));
    node.write('images/obedient.iso', speakerIso(SAID, { obeysPowerButton: true }));
    await node.startAgent();
  });

  afterAll(() => node.remove());

  afterEach(async () => {
    for (const { uuid } of await node.list()) await node.command({ verb: 'stop', uuid, timeoutSeconds: 0 });
    for (const path of ['volumes', 'tmp/pxen'])
      rmSync(join(node.root, path), { recursive: true, force: true });
  });

  test('starts a workload: its guest is heard on its port and on its console, and its figures are known', async () => {
    const outcome = await node.start('w1', [...QUIET, ...BRIDGED]);
    expect(outcome.steps).toEqual([
      'validate',
      'fetch',
      'check',
      'folder',
      'taps',
      'spawn',
      'handshake',
      'boot',
    ]);
    const [tap = ''] = node.taps();
    expect(outcome.done).toMatchObject({
      status: {
        name: 'w1',
        state: 'running',
        accel: 'tcg',
        console: { type: 'serial-tcp', port: 7900 },
        volumes: [{ id: 0, path: '/volumes/quiet.iso', ephemeral: true }],
        nics: [{ id: 0, bridge: 'br0', tap }],
      },
    });
    expect(node.run(`cat /sys/class/net/${tap}/mtu /sys/class/net/br0/mtu; ls /sys/class/net/br0/brif`)).toBe(
      `1400\n1400\n${tap}\n`,
    );
    expect(node.files('w1')).toEqual([
      'argv',
      'monitor.sock',
      'output.log',
      'pid',
      'qmp.sock',
      'resolved.json',
      'serial.log',
      'volumes.json',
    ]);
    expect(node.read('w1', 'argv').trim().split('\n')).toEqual(outcome.done?.argv);

    expect(node.run('timeout 10 head -n 3 </dev/tcp/127.0.0.1/7900')).toContain(SAID);
    const console = await openConsole('w1');
    await hear(console, SAID);
    // SeaBIOS takes most of what comes in for keys of its own console.
    const typing = setInterval(() => console.write('x'), 20);
    await hear(console, 'heard x').finally(() => clearInterval(typing));
    expect(await node.console('w1')).toMatchObject({
      code: 'WORKLOAD_BUSY',
      message: 'w1: its console is in use, and it serves one at a time',
    });
    console.destroy();
    await node.until('the console is free again', async () => {
      const again = await node.console('w1');
      if (isStream(again)) again.destroy();
      return isStream(again);
    });

    await sleep(1100);
    const usage = (await node.status('w1'))?.usage;
    expect(usage?.cpuSeconds).toBeGreaterThan(0);
    expect(usage?.memoryBytes).toBeGreaterThan(10e6);
    expect(usage?.diskReadBytes).toBeGreaterThan(0);
    expect(usage).toMatchObject({
      diskWrittenBytes: 0,
      networkSentBytes: expect.any(Number),
      networkReceivedBytes: expect.any(Number),
    });
    const serial = await node.ask('GET', '/v1/workloads/w1/output?of=serial&lines=2');
    expect(serial.body.split('\n')).toHaveLength(3);
    expect(serial.body).toContain(SAID);
  });

  test('pauses and resumes, and tells when that is not possible', async () => {
    await running('w2', QUIET);
    const console = await openConsole('w2');
    await hear(console, SAID);
    const wrong = async (verb: 'pause' | 'resume' | 'start'): Promise<unknown> =>
      (await (verb === 'start' ? node.start('w2', QUIET) : node.command({ verb, uuid: 'w2' }))).error;
    expect(await wrong('resume')).toMatchObject({ code: 'WORKLOAD_STATE', message: 'w2: runs already' });
    expect(await wrong('start')).toMatchObject({
      code: 'WORKLOAD_STATE',
      message: expect.stringMatching(/^w2: runs already on this node \(pid \d+\)$/),
    });

    expect((await node.command({ verb: 'pause', uuid: 'w2' })).done?.status?.state).toBe('paused');
    expect(await wrong('pause')).toMatchObject({ code: 'WORKLOAD_STATE', message: 'w2: is paused already' });
    await sleep(300);
    console.read();
    await sleep(600);
    expect(console.read()).toBeNull();

    expect((await node.command({ verb: 'resume', uuid: 'w2' })).done?.status?.state).toBe('running');
    await hear(console, SAID);
  });

  test('starts in pause, with a name for its interface, a rate on it, and sockets beside the console', async () => {
    const keys = [
      ...OBEDIENT,
      ...BRIDGED,
      'network.0.queue-tap=tap-web',
      'network.0.qos.rate=10',
      'runtime.power-state=paused',
      'runtime.qga=1',
      'runtime.console.virtio.0.path=log.sock',
      'runtime.console.virtio.1.path=/tmp/far.sock',
    ];
    const shape = (): unknown => JSON.parse(node.run('tc -j qdisc show dev tap-web root'));
    const shaped = [{ kind: 'tbf', options: { rate: 1_250_000, lat: 20_000 } }];
    const { done, steps } = await node.start('w1', keys);
    expect(steps).toEqual([
      ...['validate', 'fetch', 'check', 'folder', 'taps', 'shape', 'spawn', 'handshake', 'boot'],
    ]);
    expect(done?.status).toMatchObject({
      state: 'paused',
      nics: [{ tap: 'tap-web', qos: { rate: { value: 10, unit: 'mbit' } } }],
    });
    // QEMU holds the interface by now.
    expect(shape()).toMatchObject(shaped);
    expect(node.run('cat /sys/class/net/tap-web/ifalias')).toBe('pxen:w1\n');
    expect(node.read('w1', 'serial.log')).toBe('');
    expect(node.files('w1')).toEqual(expect.arrayContaining(['log.sock', 'qga.sock']));
    expect(existsSync(join(node.root, 'tmp/far.sock'))).toBe(true);
    const resumed = await node.command({ verb: 'resume', uuid: 'w1' });
    expect(resumed.done?.status?.state).toBe('running');
    await node.until('the guest is heard', () => node.read('w1', 'serial.log').includes(SAID));
    await node.command({ verb: 'restart', uuid: 'w1', timeoutSeconds: 0 });
    expect([shape(), (await node.status('w1'))?.state]).toMatchObject([shaped, 'paused']);
    process.kill((await node.status('w1'))?.pid ?? 0, 'SIGKILL');
    await node.until('its end is known', async () => (await node.status('w1'))?.state === 'ended');
    expect(node.run('ls /sys/class/net')).not.toContain('tap-web');
    const again = await node.start('w1', keys);
    expect([again.error, again.steps?.includes('clear')]).toEqual([undefined, true]);
    await node.command({ verb: 'stop', uuid: 'w1', timeoutSeconds: 0 });
    expect(existsSync(join(node.root, 'tmp/far.sock'))).toBe(false);
    expect(await leftOf('w1')).toEqual(NOTHING);
  });

  test.skipIf(noKernel)('boots Linux on the board microvm, to its first process', async () => {
    for (const file of ['vmlinuz', 'initramfs']) cpSync(join(KERNEL, file), join(node.root, 'images', file));
    const text = conf('w1', [
      'platform.engine=microvm',
      'platform.kernel.image=/images/vmlinuz',
      'platform.kernel.initrd=/images/initramfs',
      'platform.kernel.append=console=ttyS0 quiet',
      'runtime.qga=1',
    ]).replace('memory.size=32M', 'memory.size=256M');
    const config = { file: 'w1.conf', text };
    const { done, error } = await node.command({ verb: 'start', uuid: 'w1', config });
    expect([error, done?.status?.engine]).toEqual([undefined, 'microvm']);
    await node.until(
      'its first process speaks',
      () => node.read('w1', 'serial.log').includes('pxen-init: start'),
      90,
    );
    await node.command({ verb: 'stop', uuid: 'w1', timeoutSeconds: 0 });
    expect(await leftOf('w1')).toMatchObject({ files: undefined, taps: [] });
  });

  test('an interface that somebody else has is left alone', async () => {
    node.run('ip link add tap-other type bridge');
    const { error } = await node.start('w1', [...QUIET, ...BRIDGED, 'network.0.queue-tap=tap-other']);
    expect(error?.message).toBe('tap-other: the node has an interface of this name already');
    expect(node.run('ls /sys/class/net')).toContain('tap-other');
    node.run('ip link delete tap-other');
  });

  test('stops by the power button, and nothing is left', async () => {
    await running('w3', [...OBEDIENT, ...BRIDGED]);
    await hear(await openConsole('w3'), SAID);
    const stop = await node.command({ verb: 'stop', uuid: 'w3', timeoutSeconds: 10 });
    expect(stop.lines).toMatchObject([
      { step: 'shutdown', text: 'the guest shut down' },
      { step: 'clear', text: 'deleted /volumes/obedient.iso' },
      { done: {} },
    ]);
    expect(await leftOf('w3')).toEqual(NOTHING);
    expect((await node.command({ verb: 'stop', uuid: 'w3' })).error).toMatchObject({
      code: 'WORKLOAD_STATE',
      message: 'w3: does not run on this node',
    });
  });

  test('a guest that does not listen goes on after soft-stop; stop makes QEMU quit; a paused one is resumed for it', async () => {
    await running('w4', QUIET);
    const soft = await node.command({ verb: 'soft-stop', uuid: 'w4', timeoutSeconds: 0.3 });
    expect(soft.error).toMatchObject({
      code: 'TIMEOUT',
      message: 'w4: its guest did not shut down within 0.3 s; it goes on running',
    });
    expect((await node.status('w4'))?.state).toBe('running');
    await node.command({ verb: 'pause', uuid: 'w4' });
    expect((await node.command({ verb: 'soft-stop', uuid: 'w4' })).error?.message).toBe(
      'w4: is paused, and so cannot shut down; resume it first',
    );
    const stop = await node.command({ verb: 'stop', uuid: 'w4', timeoutSeconds: 0.3 });
    expect(stop.lines).toMatchObject([
      { step: 'shutdown', text: 'the guest did not shut down within 0.3 s' },
      { step: 'quit', text: 'QEMU quit' },
      { step: 'clear' },
      { done: {} },
    ]);
    expect(await leftOf('w4')).toEqual(NOTHING);
  });

  test('a QEMU that hangs is killed', async () => {
    const pid = await running('w5', QUIET);
    process.kill(pid, 'SIGSTOP');
    const stop = await node.command({ verb: 'stop', uuid: 'w5', timeoutSeconds: 0 });
    expect(stop.lines).toMatchObject([
      { step: 'quit', text: 'QEMU did not quit within 5 s' },
      { step: 'kill', text: 'killed QEMU' },
      { step: 'clear' },
      { done: {} },
    ]);
    expect(await leftOf('w5')).toEqual(NOTHING);
  });

  test('restarts with the file that it has, or with another one', async () => {
    const first = await running('w6', QUIET);
    const again = await node.command({ verb: 'restart', uuid: 'w6', timeoutSeconds: 0 });
    expect(again.steps).toEqual([
      'quit',
      'clear',
      'validate',
      'fetch',
      'check',
      'folder',
      'spawn',
      'handshake',
      'boot',
    ]);
    expect(again.done?.status?.pid).not.toBe(first);
    const bad = { file: 'w6.conf', text: conf('w6', ['platform.memory.size=4']) };
    const refused = await node.command({ verb: 'restart', uuid: 'w6', config: bad });
    expect(refused.error).toMatchObject({ code: 'WORKLOAD_INVALID' });
    expect((await node.status('w6'))?.state).toBe('running');
    const other = { file: 'w6.conf', text: conf('w6', [...QUIET, 'runtime.console.id=5']) };
    const changed = await node.command({ verb: 'restart', uuid: 'w6', timeoutSeconds: 0, config: other });
    expect(changed.done?.status?.console).toEqual({ type: 'serial-tcp', port: 7905 });
  });

  test('a guest that shuts down by itself has ended; what it left goes with the next start', async () => {
    await running('w7', [...OBEDIENT, ...BRIDGED]);
    await hear(await openConsole('w7'), SAID);
    await pressPowerButton('w7');
    await node.until('it ended', async () => (await node.status('w7'))?.state === 'ended');
    expect(await node.status('w7')).toMatchObject({
      end: { reason: 'the guest shut down', exitCode: 0, output: '' },
    });
    expect([node.taps(), existsSync(join(node.root, 'volumes/obedient.iso'))]).toEqual([[], true]);
    expect((await node.command({ verb: 'pause', uuid: 'w7' })).error?.message).toBe(
      'w7: does not run any more: the guest shut down',
    );
    const again = await node.start('w7', QUIET);
    expect(again.lines).toContainEqual(
      expect.objectContaining({
        step: 'clear',
        text: 'cleared away what the last run left, /volumes/obedient.iso',
      }),
    );
    expect(again.done?.status?.state).toBe('running');
  });

  test('a QEMU that is killed is told with its signal, and stop clears it away', async () => {
    const pid = await running('w8', [...QUIET, ...BRIDGED]);
    process.kill(pid, 'SIGKILL');
    await node.until('it ended', async () => (await node.status('w8'))?.state === 'ended', 3);
    const status = await node.status('w8');
    expect(status?.end).toEqual({
      reason: 'QEMU was ended by signal SIGKILL',
      signal: 'SIGKILL',
      output: '',
    });
    expect([status?.pid, node.taps()]).toEqual([undefined, []]);
    expect((await node.command({ verb: 'stop', uuid: 'w8' })).steps).toEqual(['clear']);
    expect(await leftOf('w8')).toEqual(NOTHING);
  });

  test('a QEMU that is told to end says who did it', async () => {
    const pid = await running('w9', QUIET);
    process.kill(pid, 'SIGTERM');
    await node.until('it ended', async () => (await node.status('w9'))?.state === 'ended', 3);
    const end = (await node.status('w9'))?.end;
    expect(end).toMatchObject({ reason: 'somebody on the node told QEMU to end, by a signal', exitCode: 0 });
    expect(end?.output).toContain('terminating on signal 15 from pid');
  });
});

describe.skipIf(reason)('an agent that comes back', () => {
  beforeAll(async () => {
    node = new Node();
    node.make();
    node.write('images/quiet.iso', speakerIso(SAID));
    await node.startAgent();
  });

  afterEach(async () => {
    for (const { uuid } of await node.list()) await node.command({ verb: 'stop', uuid, timeoutSeconds: 0 });
  });

  afterAll(() => node.remove());

  test('finds what runs after it was killed, paused or not, and goes on with it', async () => {
    const pid = await running('a1', [...QUIET, ...BRIDGED]);
    await node.command({ verb: 'pause', uuid: 'a1' });
    const before = await node.status('a1');
    await node.endAgent('SIGKILL');
    await node.startAgent();
    await node.until('QEMU told its state', async () => (await node.status('a1'))?.state === 'paused');
    expect(await node.status('a1')).toMatchObject({ pid, console: before?.console, nics: before?.nics });
    expect((await node.start('a1', QUIET)).error?.message).toBe(`a1: runs already on this node (pid ${pid})`);
    expect((await node.command({ verb: 'resume', uuid: 'a1' })).done?.status?.state).toBe('running');
    await hear(await openConsole('a1'), SAID);
    expect((await node.command({ verb: 'stop', uuid: 'a1', timeoutSeconds: 0 })).steps).toEqual([
      'quit',
      'clear',
    ]);
    expect(await leftOf('a1')).toEqual(NOTHING);
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'after %s of the agent its workloads run on, and end without it',
    async signal => {
      const pid = await running('a2', [...QUIET, ...BRIDGED]);
      await node.endAgent(signal);
      await sleep(300);
      expect(node.qemus()).toEqual([pid]);
      process.kill(pid, 'SIGSEGV');
      await node.until('QEMU is gone', () => node.qemus().length === 0);
      await node.startAgent();
      expect(await node.status('a2')).toMatchObject({
        state: 'ended',
        end: { reason: 'QEMU was ended by signal SIGSEGV', signal: 'SIGSEGV' },
      });
      await node.until('its tap is gone', () => node.taps().length === 0);
      expect((await node.command({ verb: 'stop', uuid: 'a2' })).steps).toEqual(['clear']);
      expect(await leftOf('a2')).toEqual(NOTHING);
    },
  );

  test('what ended before its eyes is told the same way by the next agent', async () => {
    process.kill(await running('a3', QUIET), 'SIGTERM');
    await node.until('it ended', async () => (await node.status('a3'))?.state === 'ended');
    const seen = (await node.status('a3'))?.end;
    await node.endAgent('SIGTERM');
    await node.startAgent();
    expect((await node.status('a3'))?.end).toEqual(seen);
  });

  test('a pid that was given to another process is not taken for QEMU', async () => {
    const pid = await running('a4', QUIET);
    await node.endAgent('SIGKILL');
    process.kill(pid, 'SIGKILL');
    await node.until('QEMU is gone', () => node.qemus().length === 0);
    const exit = join(node.root, 'tmp/pxen/a4/exit');
    await node.until('the shell told its end', () => existsSync(exit));
    rmSync(exit);
    node.write('tmp/pxen/a4/pid', `${process.pid}\n`);
    await node.startAgent();
    expect(await node.status('a4')).toMatchObject({
      state: 'ended',
      end: { reason: 'QEMU is gone, and nobody saw how it ended' },
    });
    expect((await node.command({ verb: 'stop', uuid: 'a4' })).error).toBeUndefined();
  });

  test('folders that make no sense are told of, and what runs behind them can be stopped', async () => {
    const pid = await running('a5', [...QUIET, ...BRIDGED]);
    await node.endAgent('SIGKILL');
    node.write('tmp/pxen/a5/resolved.json', '{"config":');
    rmSync(join(node.root, 'tmp/pxen/a5/pid'));
    node.write('tmp/pxen/empty.json/resolved.json', '');
    node.write('tmp/pxen/only-a-log/output.log', 'pxen: it did not start\n');
    node.write('tmp/pxen/a file', '');
    node.said = '';
    await node.startAgent();
    const found = await node.list();
    expect(found.map(({ name, pid, state }) => ({ name, pid, state }))).toEqual([
      { name: 'a5', pid, state: 'running' },
      { name: 'empty.json', pid: undefined, state: 'ended' },
    ]);
    expect(found[0]?.problem).toBe(
      `${node.root}/tmp/pxen/a5/resolved.json: is no JSON (Unexpected end of JSON input); stop the workload to clear it away`,
    );
    expect(node.said).toContain(`${node.root}/tmp/pxen/a file: does not belong there\n`);
    for (const uuid of ['a5', 'empty.json'])
      expect((await node.command({ verb: 'stop', uuid, timeoutSeconds: 0 })).error).toBeUndefined();
    expect(await leftOf('a5')).toEqual(NOTHING);
    expect((await node.ask('GET', '/v1/workloads/only-a-log/output')).body).toBe('pxen: it did not start\n');
  });
});

describe.skipIf(reason)('a start that fails', () => {
  beforeAll(async () => {
    node = new Node();
    node.make();
    node.write('images/quiet.iso', speakerIso(SAID));
    await node.startAgent();
  });

  afterEach(async () => {
    for (const { uuid } of await node.list()) await node.command({ verb: 'stop', uuid, timeoutSeconds: 0 });
    for (const path of ['volumes', 'tmp/pxen'])
      rmSync(join(node.root, path), { recursive: true, force: true });
  });

  afterAll(() => node.remove());

  test('a bridge that is not there and a port that is taken are told before anything is spawned', async () => {
    await node.occupy(7905);
    const outcome = await node.start('f1', [
      ...QUIET,
      'network.0.type=bridge',
      'network.0.bridge=br9',
      'runtime.console.id=5',
    ]);
    expect(outcome.steps).toEqual([]);
    expect(outcome.error).toMatchObject({ code: 'WORKLOAD_INVALID', message: 'f1.conf: 2 problems' });
    expect(outcome.error?.details).toEqual([
      expect.stringMatching(/^f1\.conf:\d+: network\.0\.bridge: got "br9", expected /),
      expect.stringMatching(/^f1\.conf:\d+: runtime\.console\.id: got "5".*, expected /),
    ]);
    expect(await leftOf('f1')).toEqual(ONLY_A_LOG);
    expect(node.read('f1', 'output.log')).toBe(
      ['WORKLOAD_INVALID: f1.conf: 2 problems', ...(outcome.error?.details ?? [])]
        .map(line => `pxen: ${line}\n`)
        .join(''),
    );
    await node.quiet();
  });

  test('without a port of its own the next free one is taken', async () => {
    await node.occupy(7900);
    expect((await node.start('f2', QUIET)).done?.status?.console.port).toBe(7901);
    await node.quiet();
  });

  test('QEMU that refuses is quoted, and every step is taken back', async () => {
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', join(node.root, 'images/bad.qcow2'), '1M']);
    // The last byte of the place of the L1 table: now it begins in the middle of a cluster.
    spoil(join(node.root, 'images/bad.qcow2'), 47, [1]);
    const outcome = await node.start('f3', [
      ...BRIDGED,
      'platform.volume.0.type=qcow2',
      'platform.volume.0.path=/volumes/bad.qcow2',
      'platform.volume.0.source=/images/bad.qcow2',
    ]);
    expect(outcome.steps).toEqual(['validate', 'fetch', 'check', 'folder', 'taps', 'spawn']);
    expect(outcome.error?.code).toBe('WORKLOAD_FAILED');
    expect(outcome.error?.message).toMatch(/^f3: QEMU ended at once: platform\.volume\.0: .*(L1|active)/);
    expect(outcome.error?.details.join('\n')).toMatch(/^QEMU: qemu-system-x86_64: .*(L1|active).*/);
    expect(await leftOf('f3')).toEqual(ONLY_A_LOG);
    expect(node.read('f3', 'output.log')).toMatch(
      /^qemu-system-x86_64: .*\npxen: WORKLOAD_FAILED: f3: QEMU ended at once: .*\n$/,
    );
  });

  test('a file with many faults is refused with all of them, and so is a uuid that is a path', async () => {
    const config = {
      file: 'f4.conf',
      text: 'name=f4\nuuid=f4\nplatform.memory.size=4GB\nplatfrom.cpu.threads=1\n',
    };
    const outcome = await node.command({ verb: 'start', uuid: 'f4', config });
    expect(outcome.error?.details).toHaveLength(3);
    expect(await leftOf('f4')).toEqual(ONLY_A_LOG);
    for (const uuid of ['../../etc', '..', 'a/b', 'a\0b']) {
      const refused = await node.command({ verb: 'start', uuid, config });
      expect(refused.error).toMatchObject({
        code: 'BAD_REQUEST',
        message: expect.stringContaining('expected a name without /'),
      });
    }
    expect(
      (await node.command({ verb: 'start', uuid: 'other', config: { file: 'x', text: conf('f4') } })).error
        ?.message,
    ).toBe('x is the file of "f4", not of "other"');
    expect(node.files('../../etc')).toEqual(['pxen']);
  });

  test('two starts at once: one runs, the other is told so', async () => {
    const outcomes = await Promise.all([node.start('f5', QUIET), node.start('f5', QUIET)]);
    expect(outcomes.filter(({ done }) => done)).toHaveLength(1);
    expect(outcomes.find(({ error }) => error)?.error).toMatchObject({
      code: 'WORKLOAD_BUSY',
      message: 'f5: cannot start: another command is at work on it (start, for 0 s now)',
    });
    expect((await node.status('f5'))?.state).toBe('running');
    expect(node.qemus()).toHaveLength(1);
  });

  test('a start goes on when the one who asked for it goes away', async () => {
    const body = JSON.stringify({
      verb: 'start',
      uuid: 'f6',
      accel: 'tcg',
      config: { file: 'f6.conf', text: conf('f6', QUIET) },
    });
    const client = createConnection(join(node.root, AGENT_SOCKET));
    client.write(`POST /v1/run HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await node.until('it began', async () => (await node.status('f6')) !== undefined);
    client.destroy();
    await node.until('it runs', async () => (await node.status('f6'))?.state === 'running');
  });

  test('half a request does nothing', async () => {
    const client = createConnection(join(node.root, AGENT_SOCKET));
    const body = JSON.stringify({
      verb: 'start',
      uuid: 'f7',
      accel: 'tcg',
      config: { file: 'f7.conf', text: conf('f7') },
    });
    client.write(`POST /v1/run HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length + 1}\r\n\r\n${body}`);
    await sleep(100);
    client.destroy();
    await sleep(100);
    expect(await leftOf('f7')).toEqual(NOTHING);
    expect(await node.ask('POST', '/v1/run', '{"verb":"explode"}')).toMatchObject({ status: 400 });
    expect(await node.ask('POST', '/v1/run', 'x'.repeat(6_000_000))).toMatchObject({
      status: 400,
      body: expect.stringContaining('bytes'),
    });
  });

  test('a dry run tells the command and changes nothing', async () => {
    const config = { file: 'f8.conf', text: conf('f8', QUIET) };
    const { done, lines } = await node.command({ verb: 'start', uuid: 'f8', config, dryRun: true });
    expect(lines).toHaveLength(1);
    expect(done?.argv?.slice(0, 3)).toEqual(['qemu-system-x86_64', '-name', 'guest=f8']);
    expect(await leftOf('f8')).toEqual(NOTHING);
    expect((await node.command({ verb: 'stop', uuid: 'f8', dryRun: true })).error?.message).toBe(
      'stop cannot be tried dry, only start can',
    );
  });

  describe('that fetches for long', () => {
    /** A server that sends half of a file and then nothing for a long time, on its first answer. */
    const SLOW = `
      const iso = require('fs').readFileSync(process.argv[1]);
      let answers = 0;
      require('http').createServer((request, response) => {
        const from = Number(/\\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
        const head = from > 0 ? { 'content-range': \`bytes \${from}-\${iso.length - 1}/\${iso.length}\` } : {};
        response.writeHead(from > 0 ? 206 : 200, { 'content-length': iso.length - from, etag: '"1"', ...head });
        answers += 1;
        if (answers > 1) return response.end(iso.subarray(from));
        response.write(iso.subarray(0, iso.length / 2));
      }).listen(8080, () => console.log('listening'));`;
    const SLOW_ISO = [...QUIET.slice(0, 2), 'platform.volume.0.source=http://127.0.0.1:8080/quiet.iso'];

    beforeEach(() => node.script(SLOW, join(node.root, 'images/quiet.iso')));
    afterEach(() => node.quiet());

    async function halfway(uuid: string): Promise<{ readonly start: Promise<Outcome> }> {
      let received = 0;
      const start = node.start(uuid, SLOW_ISO, line => {
        if ('progress' in line) received = line.progress.received;
      });
      start.catch(() => {});
      await node.until('half of it is there', () => received > 10_000);
      expect(await node.status(uuid)).toMatchObject({ state: 'starting', console: { type: 'serial-tcp' } });
      return { start };
    }

    test('is called off by a stop', async () => {
      const { start } = await halfway('g1');
      expect((await node.command({ verb: 'pause', uuid: 'g1' })).error).toMatchObject({
        code: 'WORKLOAD_BUSY',
        message: expect.stringMatching(
          /^g1: cannot pause: another command is at work on it \(start, for \d s now\)$/,
        ),
      });
      expect((await node.command({ verb: 'stop', uuid: 'g1' })).steps).toEqual(['call-off']);
      expect((await start).error).toMatchObject({
        message: 'called off: the workload was stopped meanwhile',
      });
      expect(await leftOf('g1')).toEqual(ONLY_A_LOG);
    });

    test('is taken back by an agent that is told to end, and starts again with the next one', async () => {
      const { start } = await halfway('g2');
      const told = start.then(({ error }) => error?.message);
      await node.endAgent('SIGTERM');
      expect(await told).toBe('the agent of the node is ending; try again when it is back');
      await node.startAgent();
      const begun = ['.quiet.iso.pxen-part', '.quiet.iso.pxen-part.json'];
      expect(await leftOf('g2')).toEqual({ ...ONLY_A_LOG, volumes: begun });
      await running('g2', SLOW_ISO);
    });

    test('and whose agent is killed goes on where it was', async () => {
      const { start } = await halfway('g3');
      const broken = start.catch(error => error.code);
      await node.endAgent('SIGKILL');
      expect(await broken).toBe('ECONNRESET');
      await node.startAgent();
      expect(await node.list()).toEqual([]);
      await running('g3', SLOW_ISO);
    });
  });

  test('a socket console, and a screen that has none', async () => {
    await running('f9', [...QUIET, 'runtime.console.type=serial-socket']);
    const first = await openConsole('f9');
    await hear(first, SAID);
    expect(await node.console('f9')).toMatchObject({ code: 'WORKLOAD_BUSY' });
    first.destroy();
    await node.script(
      `require('net').connect('${node.root}/tmp/pxen/f9/serial.sock').once('data', () => console.log('heard'))`,
    );
    expect(await node.console('f9')).toMatchObject({ code: 'WORKLOAD_BUSY' });
    await node.quiet();
    await node.command({ verb: 'stop', uuid: 'f9', timeoutSeconds: 0 });
    expect(await node.console('f9')).toMatchObject({
      code: 'NOT_FOUND',
      message: 'no workload "f9" runs on this node',
    });
    await running('f9', [...QUIET, 'runtime.console.type=vnc', 'runtime.console.id=7']);
    expect(await node.console('f9')).toMatchObject({
      code: 'WORKLOAD_STATE',
      message: 'f9: its console is a screen; open it with a VNC viewer on port 5907 of the node',
    });
  });

  test('output can be followed until the workload ends', async () => {
    const pid = await running('f10', QUIET);
    let told = '';
    const following = node.ask('GET', '/v1/workloads/f10/output?of=serial&follow=1', undefined, line => {
      told += line;
    });
    await node.until('the guest is heard', () => told.split(SAID).length > 3);
    process.kill(pid, 'SIGKILL');
    expect((await following).body).toContain(SAID);
    expect(await node.ask('GET', '/v1/workloads/f10/output?of=all')).toMatchObject({ status: 400 });
    expect(await node.ask('GET', '/v1/workloads/none/output')).toMatchObject({ status: 404 });
    expect(await node.ask('GET', '/v1/workloads/..%2f..%2fetc/output')).toMatchObject({ status: 404 });
  });
});

describe.skipIf(reason)('a node whose disk is full', () => {
  beforeAll(() => {
    node = new Node();
    node.make();
    node.write('images/quiet.iso', speakerIso(SAID));
    node.write('tmp/keep', '');
  });

  afterAll(() => node.remove());

  test.each([4, 8])(
    'with %i KiB left for the state folder a start fails, and nothing is left',
    async size => {
      await node.startAgent(`mount -t tmpfs -o size=${size}k tmpfs ${node.root}/tmp`);
      const outcome = await node.start('d1', BRIDGED);
      expect(outcome.error).toMatchObject({
        code: 'NO_SPACE',
        message: expect.stringContaining('the file system is full'),
      });
      expect([node.qemus(), node.taps()]).toEqual([[], []]);
      await node.endAgent('SIGTERM');
    },
  );
});
