import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { speakerIso } from '../../scripts/room/guests/speaker.ts';
import { imageFolder } from '../../scripts/room/room.ts';
import { type AgentAnswer, type AgentRun, type AgentStep, agentRunSchema } from '../../src/api/agent.ts';
import { PxenError } from '../../src/base/error.ts';
import { silentLog } from '../../src/base/ports.ts';
import { type HostState, libvirtHostId } from '../../src/domain/placement/host.ts';
import type { Host } from '../../src/domain/workload/host.ts';
import { systemClock } from '../../src/io/clock.ts';
import { generateRsaKey, generateSshKey, type SshKeyPair } from '../../src/io/keys/openssh.ts';
import { sha1 } from '../../src/io/sha1.ts';
import { sha256 } from '../../src/io/sha256.ts';
import { SshShell } from '../../src/io/ssh/shell.ts';
import { LibvirtHosts } from '../../src/service/libvirt/hosts.ts';
import { guestAgent, whyNoGuestAgent } from '../fixtures/guests/agent.ts';
import { LINUX_APPEND, linuxInitramfs } from '../fixtures/guests/linux.ts';
import { Libvirtd, until, whyNoLibvirtd } from './libvirtd.ts';

const reason = whyNoLibvirtd();
if (reason !== undefined) console.log(`skipped: ${reason}`);

const kernel = join(imageFolder(), 'http/boot/vmlinuz');
const noGuest =
  whyNoGuestAgent() ?? (existsSync(kernel) ? undefined : `no ${kernel} (scripts/prepare makes it)`);
if (noGuest !== undefined) console.log(`the guest agent of a domain is not tested: ${noGuest}`);

const TIMEOUT = { timeout: 60_000 };
const NAME = 'hv1';
const ID = libvirtHostId(NAME, sha256);

describe.skipIf(reason !== undefined)('a host with a libvirt URI and no agent, over SSH', () => {
  const daemon = new Libvirtd();
  let key: SshKeyPair;
  let folder = '';
  let door = { port: 0, knownHosts: '' };
  let hosts: LibvirtHosts;
  let state: HostState;
  let heard = 0;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hv-'));
    writeFileSync(join(folder, 'speaker.iso'), speakerIso('hello from hv1\r\n', { obeysPowerButton: true }));
    writeFileSync(join(folder, 'deaf.iso'), speakerIso('hello from hv1\r\n'));
    key = await generateRsaKey('pxen@host0 for libvirt');
    await daemon.start();
    door = await daemon.openSsh(key.publicKey);
  }, 120_000);
  afterAll(async () => {
    await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    state = 'enabled';
    heard = 0;
    hosts = open();
    await hosts.start();
    await until('the host is not looked at', () => heard > 0);
  });
  afterEach(() => hosts.stop());

  function open(knownHosts = door.knownHosts): LibvirtHosts {
    const options = { address: '127.0.0.1', port: door.port, user: 'root', knownHosts };
    return new LibvirtHosts({
      ...{ clock: systemClock, log: silentLog, sha1, sha256 },
      records: () => [{ id: ID, name: NAME, uri: 'qemu+ssh://root@hv1/system', state, pollFrequency: 200 }],
      shell: () => new SshShell({ ...options, privateKey: async () => key.privateKey }),
      heard: () => {
        heard++;
      },
    });
  }

  const host = (): Host => hosts.host(ID) as Host;
  const text = (name: string, lines: readonly string[]): string =>
    [
      ...[`name=${name}`, `uuid=hv-${name}`, 'platform.engine=libvirt'],
      ...(lines.some(line => line.startsWith('platform.memory.size')) ? [] : ['platform.memory.size=64M']),
      ...['platform.cpu.threads=1', 'platform.cpu.mode=max', ...lines, ''],
    ].join('\n');
  const disc = (iso = 'speaker.iso'): string[] => [
    'platform.volume.0.type=iso',
    `platform.volume.0.path=${join(folder, iso)}`,
  ];

  async function ask(
    verb: AgentRun['verb'],
    name: string,
    more: Partial<AgentRun> & { lines?: readonly string[] } = {},
  ): Promise<{ answer: AgentAnswer; steps: AgentStep[] }> {
    const { lines, ...fields } = more;
    const config = lines && { file: `${name}.conf`, text: text(name, lines) };
    const run = agentRunSchema.parse({ verb, uuid: `hv-${name}`, accel: 'tcg', config, ...fields });
    const steps: AgentStep[] = [];
    const answer = await hosts.run(host(), run, step => void steps.push(step), AbortSignal.timeout(60_000));
    return { answer, steps };
  }

  async function done(
    ...args: Parameters<typeof ask>
  ): Promise<{ names: string[]; done: NonNullable<object> }> {
    const { answer, steps } = await ask(...args);
    if (!('done' in answer)) throw 'refused' in answer ? answer.refused : answer.unsent;
    return { done: answer.done, names: steps.flatMap(step => ('step' in step ? step.step : [])) };
  }

  async function refusal(...args: Parameters<typeof ask>): Promise<PxenError> {
    const { answer } = await ask(...args);
    if ('refused' in answer) return answer.refused;
    throw new Error(`not refused: ${JSON.stringify(answer)}`);
  }

  async function freeConsole(uuid: string): Promise<Duplex> {
    for (let tries = 0; ; tries++) {
      try {
        return await hosts.console(host(), uuid, AbortSignal.timeout(20_000));
      } catch (thrown) {
        if (tries > 50 || !(thrown instanceof PxenError) || thrown.code !== 'WORKLOAD_BUSY') throw thrown;
        await new Promise(resolve => setTimeout(resolve, 50));
      }
    }
  }

  const reported = (name: string): Host['workloads'][number] | undefined =>
    host().workloads.find(status => status.name === name);

  async function says(stream: Duplex | Readable, wanted: string): Promise<void> {
    let heardSoFar = '';
    for await (const piece of stream) {
      heardSoFar += String(piece);
      if (heardSoFar.includes(wanted)) return;
    }
    throw new Error(`it ended without ${wanted}: ${heardSoFar}`);
  }

  test(
    'a whole life: started, reported, its console and logs read, frozen, thawed, shut down, nothing left',
    TIMEOUT,
    async () => {
      const lines = [...disc(), 'network.0.type=bridge', 'network.0.bridge=br0'];
      const start = await done('start', 'web', { lines });
      expect(start.names).toEqual(['validate', 'folder', 'define', 'start', 'boot']);
      expect(start.done).toMatchObject({
        status: {
          name: 'web',
          uuid: 'hv-web',
          state: 'running',
          engine: 'libvirt',
          accel: 'tcg',
          takes: { vcpus: 1 },
        },
      });
      await until('it is not reported', () => reported('web')?.state === 'running');
      expect(reported('web')?.console).toEqual({ type: 'serial-tcp', port: 7900 });
      const console = await hosts.console(host(), 'hv-web', AbortSignal.timeout(20_000));
      const second = hosts.console(host(), 'hv-web', AbortSignal.timeout(20_000));
      await expect(second).rejects.toMatchObject({ code: 'WORKLOAD_BUSY' });
      await says(console, 'hello from hv1');
      // Whoever comes next gets it, as soon as the end of the one before has come through.
      await says(await freeConsole('hv-web'), 'hello from hv1');
      await says(
        await hosts.output(
          host(),
          'hv-web',
          { of: 'serial', lines: 50, follow: true },
          AbortSignal.timeout(20_000),
        ),
        'hello',
      );
      await says(
        await hosts.output(
          host(),
          'hv-web',
          { of: 'log', lines: 1000, follow: false },
          AbortSignal.timeout(20_000),
        ),
        'qemu-system-x86_64',
      );
      expect(await refusal('start', 'web', { lines })).toMatchObject({
        code: 'WORKLOAD_STATE',
        message: 'web: runs already on this host',
      });
      expect((await done('pause', 'web')).done).toMatchObject({ status: { state: 'paused' } });
      expect(await refusal('soft-stop', 'web')).toMatchObject({ code: 'WORKLOAD_STATE' });
      expect((await done('resume', 'web')).done).toMatchObject({ status: { state: 'running' } });
      expect((await done('restart', 'web', { lines })).names).toContain('boot');
      expect((await done('stop', 'web')).names).toEqual(['shutdown', 'clear']);
      await until('it is still reported', () => reported('web') === undefined);
      expect(daemon.virsh('list', '--all', '--name').trim()).toBe('');
      expect(await refusal('stop', 'web')).toMatchObject({
        code: 'WORKLOAD_STATE',
        message: 'workload hv-web is not on hv1',
      });
    },
  );

  test('a guest that does not listen is ended by force, and left alone by soft-stop', TIMEOUT, async () => {
    await done('start', 'deaf', { lines: [...disc('deaf.iso'), 'runtime.console.type=serial-socket'] });
    expect(await refusal('soft-stop', 'deaf', { timeoutSeconds: 1 })).toMatchObject({ code: 'TIMEOUT' });
    await says(await hosts.console(host(), 'hv-deaf', AbortSignal.timeout(20_000)), 'hello from hv1');
    expect((await done('stop', 'deaf', { timeoutSeconds: 1 })).names).toEqual([
      'shutdown',
      'destroy',
      'clear',
    ]);
  });

  test(
    'host0 that starts anew finds what runs; a QEMU that dies is reported with its log',
    TIMEOUT,
    async () => {
      await done('start', 'found', {
        lines: [...disc(), 'runtime.power-state=paused', 'runtime.autostart=0'],
      });
      await hosts.stop();
      hosts = open();
      await hosts.start();
      await until('it is not found', () => reported('found')?.state === 'paused');
      daemon.run('kill', '-KILL', daemon.qemu('found'));
      await until('its end is not seen', () => reported('found')?.state === 'ended');
      expect(reported('found')?.end?.reason).toBe('QEMU ended by itself');
      expect(reported('found')?.end?.output).toContain('shutting down');
      // What has ended makes way for the next start.
      expect((await done('start', 'found', { lines: disc() })).names).toContain('clear');
      await done('stop', 'found', { timeoutSeconds: 0 });
    },
  );

  test('foreign domains are not touched, shown or replaced, clones of ours neither', TIMEOUT, async () => {
    await done('start', 'mine', { lines: [...disc(), 'runtime.power-state=paused'] });
    const xml = daemon.virsh('dumpxml', '--inactive', 'mine');
    const clone = xml
      .replace('<name>mine<', '<name>clone<')
      .replace(/<uuid>.*<\/uuid>/, '<uuid>11111111-2222-4333-8444-555555555555</uuid>')
      .replace(/<interface[\s\S]*<\/interface>/, '');
    writeFileSync(join(folder, 'clone.xml'), clone);
    daemon.virsh('define', join(folder, 'clone.xml'));
    const uuid = /<uuid>(.*)<\/uuid>/.exec(xml)?.[1] ?? '';
    await done('stop', 'mine', { timeoutSeconds: 0 });
    const foreign = xml.replace(/<metadata>[\s\S]*<\/metadata>/, '');
    writeFileSync(join(folder, 'foreign.xml'), foreign);
    daemon.virsh('define', join(folder, 'foreign.xml'));
    heard = 0;
    await until('no look', () => heard > 1);
    expect(host().workloads).toEqual([]);
    expect(await refusal('start', 'mine', { lines: disc() })).toMatchObject({ code: 'CONFLICT' });
    expect(await refusal('stop', 'mine')).toMatchObject({ code: 'CONFLICT' });
    expect(daemon.virsh('list', '--all', '--name').trim().split('\n').sort()).toEqual(['clone', 'mine']);
    for (const each of [uuid, 'clone']) daemon.virsh('undefine', each);
  });

  test(
    'a file with problems, a missing disk and a start that fails leave nothing behind',
    TIMEOUT,
    async () => {
      const missing = [...disc(), 'platform.volume.1.type=qcow2', 'platform.volume.1.path=/nowhere/a.qcow2'];
      const invalid = await refusal('start', 'bad', {
        lines: [...missing, 'network.0.type=bridge', 'network.0.bridge=br9'],
      });
      expect(invalid.code).toBe('WORKLOAD_INVALID');
      expect(invalid.details).toHaveLength(2);
      expect((await refusal('download', 'bad', { lines: missing })).details).toEqual([
        'platform.volume.1.path: /nowhere/a.qcow2 is not there: put it on the file system that the hosts share',
      ]);
      const pooled = ['platform.volume.1.type=qcow2', `platform.volume.1.path=${folder}/none/a.qcow2`];
      const noPool = await refusal('start', 'bad', {
        lines: [...disc(), ...pooled, 'platform.volume.1.pool=no-such-pool', 'platform.volume.1.size=8M'],
      });
      expect(noPool.message).toContain('no-such-pool');
      writeFileSync(join(folder, 'broken.qcow2'), 'no disk at all');
      const broken = await refusal('start', 'bad', {
        lines: [
          ...disc(),
          'platform.volume.1.type=qcow2',
          `platform.volume.1.path=${join(folder, 'broken.qcow2')}`,
        ],
      });
      expect(broken.message).toMatch(/^bad: does not start on hv1: .*qcow2/);
      expect(daemon.virsh('list', '--all', '--name').trim()).toBe('');
    },
  );

  test('disks are made in their pool, and go with an ephemeral run', TIMEOUT, async () => {
    const pool = join(folder, 'drives');
    daemon.virsh('pool-define-as', 'drives', 'dir', '-', '-', '-', '-', pool);
    for (const command of ['pool-build', 'pool-start']) daemon.virsh(command, 'drives');
    const volume = (id: number, ephemeral: 0 | 1): string[] => [
      `platform.volume.${id}.type=qcow2`,
      `platform.volume.${id}.path=${pool}/d${id}.qcow2`,
      ...[`platform.volume.${id}.pool=drives`, `platform.volume.${id}.size=8M`],
      ...[`platform.volume.${id}.ephemeral=${ephemeral}`, `platform.volume.${id}.writable=1`],
    ];
    const lines = [...disc(), ...volume(1, 1), ...volume(2, 0)];
    expect((await done('start', 'db', { lines })).names).toContain('disks');
    expect(daemon.virsh('vol-list', 'drives')).toMatch(/d1\.qcow2[\s\S]*d2\.qcow2/);
    await done('stop', 'db', { timeoutSeconds: 0 });
    const left = daemon.virsh('vol-list', 'drives');
    expect(left).toContain('d2.qcow2');
    expect(left).not.toContain('d1.qcow2');
    // The persistent one is its own at the next start.
    await done('start', 'db', { lines });
    await done('stop', 'db', { timeoutSeconds: 0 });
  });

  test('NICs: quality of service on the tap, a filter, and the network that NAT is', TIMEOUT, async () => {
    writeFileSync(join(folder, 'filter.xml'), '<filter name="quiet"/>');
    daemon.virsh('nwfilter-define', join(folder, 'filter.xml'));
    const inner = '<forward mode="open"/><bridge name="virbr0"/><dns enable="no"/>';
    const address = '<ip address="192.168.199.1" netmask="255.255.255.0"/>';
    const open = `<network><name>default</name>${inner}${address}</network>`;
    writeFileSync(join(folder, 'network.xml'), open);
    daemon.virsh('net-define', join(folder, 'network.xml'));
    daemon.virsh('net-start', 'default');
    const bridged = [
      'network.0.type=bridge',
      'network.0.bridge=br0',
      'network.0.qos.rate=10',
      'network.0.filter=quiet',
    ];
    const lines = [...disc(), ...bridged, 'network.1.type=nat', 'runtime.power-state=paused'];
    expect((await done('start', 'net', { lines })).names).toContain('shape');
    await until('it is not reported', () => reported('net') !== undefined);
    const [first, second] = reported('net')?.nics ?? [];
    expect(first).toMatchObject({ bridge: 'br0', qos: { rate: { value: 10, unit: 'mbit' } } });
    expect(daemon.run('tc', 'qdisc', 'show', 'dev', first?.tap ?? '')).toContain('tbf');
    const xml = daemon.virsh('dumpxml', 'net');
    expect(xml).toContain("<filterref filter='quiet'/>");
    expect(xml).toContain(`<mac address='${second?.mac}'/>`);
    expect(xml).toContain("bridge='virbr0'");
    await done('stop', 'net', { timeoutSeconds: 0 });
    expect(daemon.run('ls', '/sys/class/net')).not.toContain(first?.tap ?? '');
  });

  test.skipIf(noGuest !== undefined)(
    'the agent of a guest is told of, and asked to shut it down',
    TIMEOUT,
    async () => {
      linuxInitramfs(imageFolder(), join(folder, 'agent.gz'), guestAgent);
      const start = await done('start', 'linux', {
        lines: [
          ...[
            'platform.memory.size=160M',
            `platform.kernel.image=${kernel}`,
            `platform.kernel.append=${LINUX_APPEND}`,
          ],
          ...[
            `platform.kernel.initrd=${join(folder, 'agent.gz')}`,
            'runtime.qga=1',
            'platform.balloon=deflate-on-oom',
          ],
        ],
      });
      expect(start.done).toMatchObject({ status: { guest: { agent: 'silent' } } });
      await until('its agent does not answer', () => reported('linux')?.guest?.agent === 'answers');
      await done('balloon', 'linux', { memory: 128 * 1024 * 1024 });
      await until('its balloon does not grow', () => reported('linux')?.guestMemory === 128 * 1024 * 1024);
      const replacement = await refusal('replace', 'linux', { volume: 0 });
      expect(replacement).toMatchObject({ message: 'linux: replace needs a pxen-agent, and hv1 has none' });
      const heard = hosts.output(
        host(),
        'hv-linux',
        { of: 'serial', lines: 0, follow: true },
        AbortSignal.timeout(40_000),
      );
      const said = says(await heard, 'its agent was asked to shut it down');
      expect((await done('stop', 'linux')).names).toEqual(['shutdown', 'clear']);
      await said;
    },
  );

  test('a dry run prints the domain and changes nothing', TIMEOUT, async () => {
    const { answer } = await ask('start', 'dry', { lines: disc(), dryRun: true });
    const argv = 'done' in answer ? answer.done.argv : [];
    expect(argv?.at(-1)).toContain('<name>dry</name>');
    expect(daemon.virsh('list', '--all', '--name').trim()).toBe('');
  });

  test(
    'a disabled host is not asked, and one whose key is not known is not connected to',
    TIMEOUT,
    async () => {
      state = 'disabled';
      expect(hosts.condition(ID)).toMatchObject({ liveness: 'not asked' });
      expect((await ask('start', 'no', { lines: disc() })).answer).toMatchObject({
        unsent: { code: 'NODE_UNREACHABLE', message: `hv1 (${ID}) is disabled: nothing is asked of it` },
      });
      state = 'enabled';
      const empty = join(folder, 'known_hosts');
      writeFileSync(empty, readFileSync(door.knownHosts, 'utf8').replaceAll('127.0.0.1', '127.0.0.2'));
      await hosts.stop();
      hosts = open(empty);
      await hosts.start();
      await until('no look', () => hosts.condition(ID).problem !== undefined);
      expect(hosts.condition(ID)).toMatchObject({
        liveness: 'unreachable',
        problem: `127.0.0.1: its SSH host key is not in ${empty}`,
      });
      expect(host().state).toBe('silent');
    },
  );

  test('SSH that does not let pxend in says what to do', TIMEOUT, async () => {
    const other = await generateRsaKey('somebody');
    const advice = {
      unauthorized: 'put the key there',
      mismatch: '',
      refused: 'no sshd',
      unreachable: () => '',
    };
    const options = { address: '127.0.0.1', user: 'root', advice, privateKey: async () => other.privateKey };
    const shell = new SshShell({ ...options, port: door.port, knownHosts: door.knownHosts });
    await expect(shell.run(['true'], { timeout: 10_000 })).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      details: ['put the key there'],
    });
    const foreign = join(folder, 'foreign');
    const lines = [door.port, 1].map(port => `[127.0.0.1]:${port} ${generateSshKey('x').publicKey}\n`);
    writeFileSync(foreign, lines.join(''));
    const misled = new SshShell({ ...options, port: door.port, knownHosts: foreign });
    await expect(misled.run(['true'], { timeout: 10_000 })).rejects.toMatchObject({
      code: 'HOST_KEY_MISMATCH',
    });
    const nobody = new SshShell({ ...options, port: 1, knownHosts: foreign });
    await expect(nobody.run(['true'], { timeout: 10_000 })).rejects.toMatchObject({ details: ['no sshd'] });
    for (const each of [shell, misled, nobody]) each.close();
  });

  test(
    'commands share one connection, wait their turn, and are given up when they take too long',
    TIMEOUT,
    async () => {
      const options = { address: '127.0.0.1', port: door.port, user: 'root', knownHosts: door.knownHosts };
      const shell = new SshShell({ ...options, privateKey: async () => key.privateKey });
      const numbers = Array.from({ length: 20 }, (_, i) => i);
      const ends = await Promise.all(numbers.map(i => shell.run(['echo', `it's ${i}`], { timeout: 20_000 })));
      expect(ends.map(({ stdout }) => stdout)).toEqual(numbers.map(i => `it's ${i}\n`));
      const end = await shell.run(['sh', '-c', 'cat; exit 3'], { timeout: 20_000, input: 'in' });
      expect(end).toMatchObject({ exitCode: 3, stdout: 'in' });
      await expect(shell.run(['sleep', '30'], { timeout: 300 })).rejects.toMatchObject({ code: 'TIMEOUT' });
      expect((await shell.run(['echo', 'on'], { timeout: 20_000 })).stdout).toBe('on\n');
      shell.close();
    },
  );
});
