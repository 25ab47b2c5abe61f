import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { speakerIso } from '../../scripts/room/guests/speaker.ts';
import { imageFolder } from '../../scripts/room/room.ts';
import { agentGuestPath } from '../../src/api/agent.ts';
import { guestAgent, whyNoGuestAgent } from '../fixtures/guests/agent.ts';
import { LINUX_APPEND, linuxInitramfs } from '../fixtures/guests/linux.ts';
import { Libvirtd, whyNoLibvirtd } from './libvirtd.ts';
import { conf, hear, Node, whyNoNode } from './workload-node.ts';

const reason = whyNoNode() ?? whyNoLibvirtd();
if (reason !== undefined) console.log(`skipped: ${reason}`);

const kernel = join(imageFolder(), 'http/boot/vmlinuz');
const noGuest =
  whyNoGuestAgent() ?? (existsSync(kernel) ? undefined : `no ${kernel} (scripts/prepare makes it)`);
if (noGuest !== undefined) console.log(`the guest agent of a domain is not tested: ${noGuest}`);

const TIMEOUT = { timeout: 60_000 };
const SAID = 'hello from a domain';

describe.skipIf(reason !== undefined)('platform.engine=libvirt on a node with virsh', () => {
  const node = new Node();
  let daemon: Libvirtd;
  const iso = (image: string): string[] => [
    'platform.engine=libvirt',
    'platform.volume.0.type=iso',
    `platform.volume.0.path=/volumes/${image}`,
    `platform.volume.0.source=/images/${image}`,
  ];

  beforeAll(async () => {
    node.make();
    node.write('images/obedient.iso', speakerIso(`${SAID}\r\n`, { obeysPowerButton: true }));
    node.write('images/deaf.iso', speakerIso(`${SAID}\r\n`));
    daemon = new Libvirtd({ network: node.namespace });
    await daemon.start();
    mkdirSync(join(node.root, 'var'), { recursive: true });
    symlinkSync(join(daemon.folder, 'log'), join(node.root, 'var/log'));
    await startAgent();
  }, 120_000);
  afterEach(async () => {
    const left = (await node.list()).map(({ uuid }) => uuid);
    for (const uuid of left) await node.command({ verb: 'stop', uuid, timeoutSeconds: 0 });
    expect(daemon.virsh('list', '--all', '--name').trim()).toBe('');
    expect(node.taps()).toEqual([]);
  });
  afterAll(async () => {
    await node.endAgent('SIGTERM');
    await daemon.stop();
    await node.remove();
  });

  const startAgent = (): Promise<void> => node.startAgent(`PATH=${daemon.programs()}:$PATH`);

  test('a whole life: define, start, console, pause, resume, shut down, undefine', TIMEOUT, async () => {
    const keys = [...iso('obedient.iso'), 'network.0.type=bridge', 'network.0.bridge=br0'];
    const start = await node.start('web', keys);
    expect(start.error).toBeUndefined();
    expect(start.steps).toEqual([
      'validate',
      'fetch',
      'check',
      'folder',
      'taps',
      'spawn',
      'handshake',
      'boot',
    ]);
    expect(start.done?.argv).toContain('virsh');
    expect(start.done?.status).toMatchObject({ state: 'running', engine: 'libvirt', accel: 'tcg' });
    expect(readFileSync(`/proc/${start.done?.status?.pid}/cmdline`, 'utf8')).toContain('guest=web');
    expect(node.files('web')).toContain('domain.xml');
    const [tap = ''] = node.taps();
    expect(JSON.parse(node.run(`ip -j link show ${tap}`))[0].master).toBe('br0');
    const console = (await node.console('web')) as Duplex;
    await hear(console, SAID);
    console.destroy();
    const pause = await node.command({ verb: 'pause', uuid: 'web' });
    expect(pause.done?.status?.state).toBe('paused');
    expect(daemon.virsh('domstate', 'web').trim()).toBe('paused');
    expect((await node.command({ verb: 'resume', uuid: 'web' })).done?.status?.state).toBe('running');
    await node.until(
      'it is measured',
      async () => ((await node.status('web'))?.usage?.diskReadBytes ?? 0) > 0,
    );
    const again = await node.start('web', keys);
    expect(again.error).toMatchObject({ code: 'WORKLOAD_STATE' });
    const stop = await node.command({ verb: 'stop', uuid: 'web', timeoutSeconds: 20 });
    expect(stop.steps).toEqual(['shutdown', 'clear']);
  });

  test('its balloon moves, its NIC goes onto another bridge, and its volumes stay', TIMEOUT, async () => {
    node.run('ip link show br1 >&/dev/null || ip link add br1 type bridge');
    const nic = (bridge: string): string[] => ['network.0.type=bridge', `network.0.bridge=${bridge}`];
    const keys = [...iso('deaf.iso'), 'platform.balloon=fixed', 'platform.memory.size=64M'];
    expect((await node.start('web', [...keys, ...nic('br0')])).error).toBeUndefined();
    const { done } = await node.command({ verb: 'balloon', uuid: 'web' });
    expect(done?.status?.guestMemory).toBe(64 * 1024 ** 2);
    // Nobody in the guest moves it.
    const asked = await node.command({ verb: 'balloon', uuid: 'web', memory: 48 * 1024 ** 2 });
    expect(asked.error).toBeUndefined();
    const config = { file: 'web.conf', text: conf('web', [...keys, ...nic('br1')]) };
    const moved = await node.command({ verb: 'replace', uuid: 'web', config, nic: 0 });
    expect([moved.error, moved.done?.status?.nics]).toMatchObject([undefined, [{ bridge: 'br1' }]]);
    expect(node.run('ls /sys/class/net/br1/brif').trim()).toBe(node.taps()[0]);
    const other = { file: 'web.conf', text: config.text.replaceAll('deaf.iso', 'obedient.iso') };
    const kept = await node.command({ verb: 'replace', uuid: 'web', config: other, volume: 0 });
    expect(kept.error?.message).toBe(
      'web: volume 0 cannot be replaced while it runs: with libvirt they stay until the next start',
    );
  });

  test('what others do to a domain through libvirt shows', TIMEOUT, async () => {
    await node.start('web', iso('deaf.iso'));
    daemon.virsh('suspend', 'web');
    await node.until('its pause shows', async () => (await node.status('web'))?.state === 'paused');
    daemon.virsh('resume', 'web');
    await node.until('it runs again', async () => (await node.status('web'))?.state === 'running');
    daemon.virsh('destroy', 'web');
    await node.until('its end shows', async () => (await node.status('web'))?.state === 'ended');
    expect((await node.status('web'))?.end?.reason).toBe('somebody destroyed it through libvirt');
    expect((await node.status('web'))?.end?.output).toContain('shutting down');
  });

  test('the guest shuts down by itself, and a QEMU that is killed is reported', TIMEOUT, async () => {
    await node.start('web', iso('obedient.iso'));
    await node.until('the guest speaks', () => node.read('web', 'serial.log').includes(SAID));
    // A guest that is not up yet does not hear it.
    const pressing = setInterval(() => daemon.virsh('shutdown', 'web', '--mode', 'acpi'), 2000);
    daemon.virsh('shutdown', 'web', '--mode', 'acpi');
    await node
      .until('its end shows', async () => (await node.status('web'))?.state === 'ended')
      .finally(() => clearInterval(pressing));
    expect((await node.status('web'))?.end?.reason).toBe('the guest shut down');
    expect((await node.start('web', iso('deaf.iso'))).error).toBeUndefined();
    process.kill((await node.status('web'))?.pid ?? 0, 'SIGKILL');
    await node.until('its end shows', async () => (await node.status('web'))?.state === 'ended');
    expect((await node.status('web'))?.end?.reason).toBe('QEMU ended by itself');
  });

  test('an agent that was killed finds its domain again', TIMEOUT, async () => {
    const { done } = await node.start('web', [...iso('deaf.iso'), 'runtime.power-state=paused']);
    expect(done?.status?.state).toBe('paused');
    await node.endAgent('SIGKILL');
    await startAgent();
    await node.until('it is found', async () => (await node.status('web'))?.state === 'paused');
    expect((await node.status('web'))?.pid).toBe(done?.status?.pid);
    const stop = await node.command({ verb: 'stop', uuid: 'web', timeoutSeconds: 0 });
    expect(stop.steps).toEqual(['quit', 'clear']);
  });

  test.skipIf(noGuest !== undefined)('its guest agent is asked through libvirt', TIMEOUT, async () => {
    copyFileSync(kernel, join(node.root, 'images/vmlinuz'));
    linuxInitramfs(imageFolder(), join(node.root, 'images/agent.gz'), guestAgent);
    const { error } = await node.start('web', [
      ...['platform.engine=libvirt', 'platform.memory.size=96M', 'platform.kernel.image=/images/vmlinuz'],
      ...[
        `platform.kernel.append=${LINUX_APPEND}`,
        'platform.kernel.initrd=/images/agent.gz',
        'runtime.qga=1',
      ],
    ]);
    expect(error).toBeUndefined();
    const ask = async (request: object): Promise<unknown> => {
      const { body } = await node.ask('POST', agentGuestPath('web'), JSON.stringify(request));
      return JSON.parse(body);
    };
    expect(await ask({ ask: 'ping' })).toMatchObject({ error: { code: 'TIMEOUT' } });
    await node.until(
      'its agent answers',
      async () => (await node.status('web'))?.guest?.agent === 'answers',
      40,
    );
    const content = Buffer.from('x'.repeat(100_000)).toString('base64');
    expect(await ask({ ask: 'write', path: '/tmp/file', content })).toMatchObject({ written: 100_000 });
    expect(await ask({ ask: 'read', path: '/tmp/file' })).toMatchObject({ content });
    const exec = { ask: 'exec', path: '/bin/sh', args: ['-c', 'cat; exit 3'], input: 'aGVsbG8=' };
    expect(await ask(exec)).toMatchObject({ exitCode: 3, output: 'aGVsbG8=' });
    const console = (await node.console('web')) as Duplex;
    const heard = hear(console, 'its agent was asked to shut it down');
    const stop = await node.command({ verb: 'stop', uuid: 'web', timeoutSeconds: 20 });
    expect(stop.steps).toEqual(['shutdown', 'clear']);
    await heard;
  });

  test('a start that libvirt refuses says why, and leaves nothing behind', TIMEOUT, async () => {
    const nic = ['network.0.type=bridge', 'network.0.bridge=br0', 'network.0.filter=no-such-filter'];
    const { error } = await node.start('web', [...iso('deaf.iso'), ...nic]);
    expect(error).toMatchObject({ code: 'WORKLOAD_FAILED' });
    expect(error?.message).toMatch(/^web: .*no-such-filter/);
    expect(daemon.virsh('list', '--all', '--name').trim()).toBe('');
    expect(await node.list()).toEqual([]);
  });

  test('a foreign domain with its uuid is left alone', TIMEOUT, async () => {
    await node.start('web', iso('deaf.iso'));
    const xml = daemon.virsh('dumpxml', '--inactive', 'web').replace(/<metadata>[\s\S]*<\/metadata>/, '');
    await node.command({ verb: 'stop', uuid: 'web', timeoutSeconds: 0 });
    node.write('foreign.xml', xml);
    daemon.virsh('define', join(node.root, 'foreign.xml'));
    const start = await node.start('web', iso('deaf.iso'));
    expect(start.error?.message).toContain('it is left alone');
    expect(daemon.virsh('list', '--all', '--name').trim()).toBe('web');
    daemon.virsh('undefine', 'web');
  });

  test('a node without virsh says that it has no libvirt', TIMEOUT, async () => {
    await node.endAgent('SIGTERM');
    const without = join(node.root, 'without-virsh');
    execFileSync('sh', [
      '-c',
      'mkdir "$0"; ln -s /usr/bin/* /usr/sbin/* "$0" 2>/dev/null; rm "$0/virsh"',
      without,
    ]);
    await node.startAgent(`PATH=${without}`);
    const start = await node.start('web', iso('deaf.iso'));
    expect(start.error?.details[0]).toContain(
      'platform.engine: got "libvirt", expected an engine that the node can run',
    );
    await node.endAgent('SIGTERM');
    await startAgent();
    expect(existsSync(join(node.root, 'tmp/pxen/web/domain.xml'))).toBe(false);
  });
});
