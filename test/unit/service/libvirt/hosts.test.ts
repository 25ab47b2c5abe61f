import { beforeEach, expect, test } from 'vitest';
import { agentRunSchema } from '../../../../src/api/agent.ts';
import { libvirtHostId } from '../../../../src/domain/placement/host.ts';
import { wrapped } from '../../../../src/domain/vm/libvirt/look.ts';
import type { Host } from '../../../../src/domain/workload/host.ts';
import { rfcUuid } from '../../../../src/domain/workload/rfcuuid.ts';
import { sha1 } from '../../../../src/io/sha1.ts';
import { sha256 } from '../../../../src/io/sha256.ts';
import { LibvirtHosts, type LibvirtRecord } from '../../../../src/service/libvirt/hosts.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { FakeHostShell } from '../../../fakes/host-shell.ts';
import { RecordingLog } from '../../../fakes/log.ts';

const ID = libvirtHostId('hv1', sha256);
const WEB = rfcUuid('web', sha1);

let clock: ManualClock;
let log: RecordingLog;
let shells: FakeHostShell[];
let table: LibvirtRecord[];
let heard: string[];
let hosts: LibvirtHosts;

beforeEach(async () => {
  clock = new ManualClock();
  log = new RecordingLog();
  shells = [];
  heard = [];
  table = [{ id: ID, name: 'hv1', uri: 'qemu:///system', state: 'enabled', pollFrequency: 10_000 }];
  hosts = new LibvirtHosts({
    ...{ clock, log, sha1, sha256 },
    records: () => table,
    shell: () => {
      const shell = new FakeHostShell();
      shells.push(shell);
      return shell;
    },
    heard: id => heard.push(id),
  });
});

const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 1000) {
    clock.advance(Math.min(left, 1000));
    await settle();
  }
}

const shell = (): FakeHostShell => shells.at(-1) as FakeHostShell;
const host = (): Host => hosts.host(ID) as Host;

/** What virsh prints of a domain that pxen started. */
function printed(
  state: number,
  reason: number,
  bootId = 'boot-1',
  workload = 'web',
  cpu = 1e9,
  more: object = {},
): string {
  const status = { ...more, name: 'web', uuid: workload, state: 'running', since: 5, engine: 'libvirt' };
  const note = {
    bootId,
    made: [],
    status: { ...status, console: { type: 'serial-socket' }, volumes: [], nics: [] },
  };
  const stats = `  state.state=${state}\n  state.reason=${reason}\n  cpu.time=${cpu}\n`;
  return `${stats}<workload uuid="${workload}"><run>${wrapped(JSON.stringify(note))}</run></workload>`;
}

test('a host is looked at when it is due, and told of', async () => {
  expect(host()).toMatchObject({ state: 'unknown', uri: 'qemu:///system', workloads: [] });
  await hosts.start();
  await settle();
  expect(host()).toMatchObject({
    state: 'up',
    bootId: 'boot-1',
    room: { threads: 4, memAvailable: 2 ** 31, bridges: ['br0'] },
  });
  await pass(9000);
  expect(shell().looks).toBe(1);
  await pass(1000);
  expect(shell().looks).toBe(2);
  expect(heard).toEqual([ID, ID]);
  await hosts.stop();
  expect(clock.waiting).toBe(0);
  expect(shell().isClosed).toBe(true);
});

test('domains of ours are reported with their share of a processor; clones, strangers and damaged ones are not', async () => {
  await hosts.start();
  await settle();
  shell().domains.set(WEB, printed(1, 1));
  shell().domains.set('11111111-2222-4333-8444-555555555555', printed(1, 1));
  shell().domains.set('21111111-2222-4333-8444-555555555555', '  state.state=1\n');
  shell().domains.set(
    rfcUuid('bad', sha1),
    '  state.state=1\n<workload uuid="bad"><run>%7B</run></workload>',
  );
  await pass(10_000);
  expect(host().workloads).toMatchObject([
    { uuid: 'web', state: 'running', since: 5, usage: { cpuSeconds: 1 } },
  ]);
  expect(host().workloads[0]?.usage?.cpuPercent).toBeUndefined();
  shell().domains.set(WEB, printed(1, 1, 'boot-1', 'web', 6e9));
  await pass(10_000);
  expect(host().workloads[0]?.usage?.cpuPercent).toBe(50);
});

test('one that ends is told with its reason, the time it was seen and the last words of its log, once', async () => {
  await hosts.start();
  await settle();
  shell().domains.set(WEB, printed(1, 1));
  await pass(10_000);
  shell().domains.set(WEB, printed(5, 3));
  shell().answer = () => ({ stdout: 'terminating on signal 9\n' });
  await pass(10_000);
  const end = { reason: 'QEMU ended by itself', output: 'terminating on signal 9\n' };
  expect(host().workloads).toMatchObject([{ state: 'ended', since: clock.now(), end }]);
  await pass(20_000);
  expect(host().workloads).toMatchObject([{ state: 'ended', since: clock.now() - 20_000, end }]);
  expect(shell().commands).toEqual(['tail -n 20 -- /var/log/libvirt/qemu/web.log']);
});

test('the agent in a guest is asked where there is one: a realm may wait for it', async () => {
  await hosts.start();
  await settle();
  const silent = { guest: { agent: 'silent', addresses: [] } };
  shell().domains.set(WEB, printed(1, 1, 'boot-1', 'web', 1e9, silent));
  shell().answer = () => ({ exitCode: 1, stderr: 'error: QEMU guest agent is not connected\n' });
  await pass(10_000);
  expect(host().workloads[0]?.guest).toEqual({ agent: 'silent', addresses: [] });
  const addresses = [{ 'ip-address': '10.0.0.7', 'ip-address-type': 'ipv4', prefix: 24 }];
  const answer = { return: [{ name: 'eth0', 'ip-addresses': addresses }] };
  shell().answer = () => ({ stdout: JSON.stringify(answer) });
  await pass(10_000);
  expect(host().workloads[0]?.guest).toEqual({ agent: 'answers', addresses: ['10.0.0.7/24'] });
  shell().answer = () => ({ exitCode: 1, stderr: 'error: internal error: command is disabled\n' });
  await pass(10_000);
  expect(host().workloads[0]?.guest).toEqual({ agent: 'answers', addresses: [] });
  shell().domains.set(WEB, printed(3, 1, 'boot-1', 'web', 1e9, silent));
  await pass(10_000);
  expect(host().workloads[0]).toMatchObject({ state: 'paused', guest: undefined });
});

test('a balloon is moved within its bounds, where there is one', async () => {
  await hosts.start();
  await settle();
  const ask = (more: object): ReturnType<LibvirtHosts['run']> =>
    hosts.run(
      host(),
      agentRunSchema.parse({ verb: 'balloon', uuid: 'web', ...more }),
      () => {},
      new AbortController().signal,
    );
  shell().domains.set(WEB, printed(1, 1));
  expect(await ask({})).toMatchObject({ refused: { code: 'WORKLOAD_STATE' } });
  const some = { guestMemory: 2 ** 30, takes: { vcpus: 1, memory: 2 ** 30 } };
  const stats = '  balloon.current=524288\n';
  shell().domains.set(WEB, `${stats}${printed(1, 1, 'boot-1', 'web', 1e9, some)}`);
  expect(await ask({})).toMatchObject({ done: { status: { guestMemory: 2 ** 29 } } });
  expect(await ask({ memory: 2 ** 31 })).toMatchObject({ refused: { code: 'BAD_REQUEST' } });
  expect(await ask({ memory: 2 ** 29 })).toMatchObject({ done: { status: { guestMemory: 2 ** 29 } } });
  expect(shell().commands.at(-1)).toContain(`setmem --domain ${WEB} --size 524288 --live`);
  const replaced = await hosts.run(
    host(),
    agentRunSchema.parse({ verb: 'replace', uuid: 'web', volume: 0 }),
    () => {},
    new AbortController().signal,
  );
  expect(replaced).toMatchObject({ refused: { code: 'WORKLOAD_STATE' } });
});

test('what ended in a former boot of the host is no more, so that it can come back', async () => {
  await hosts.start();
  await settle();
  shell().domains.set(WEB, printed(5, 0, 'boot-0'));
  await pass(10_000);
  expect(host().workloads).toEqual([]);
  // Somebody else started it.
  shell().domains.set(WEB, printed(1, 1, 'boot-0'));
  await pass(10_000);
  expect(host().workloads).toMatchObject([{ state: 'running' }]);
});

test('a host that is out of reach is said once, keeps what it told, and is said to answer again', async () => {
  await hosts.start();
  await settle();
  shell().domains.set(WEB, printed(1, 1));
  await pass(10_000);
  shell().away = 'hv1:22: no route';
  await pass(30_000);
  expect(host()).toMatchObject({
    state: 'silent',
    problem: 'hv1:22: no route',
    workloads: [{ uuid: 'web' }],
  });
  expect(hosts.condition(ID)).toMatchObject({ liveness: 'unreachable', problem: 'hv1:22: no route' });
  shell().away = undefined;
  await pass(10_000);
  expect(host().state).toBe('up');
  expect(hosts.health()).toBeUndefined();
  expect(log.lines).toEqual([
    `warn libvirt: hv1:22: no route {"node":"${ID}"}`,
    `info libvirt: hv1 answers again {"node":"${ID}"}`,
  ]);
});

test('the table counts as it is now: a new URI is a new connection, and a disabled host is not asked', async () => {
  await hosts.start();
  await settle();
  table = table.map(record => ({ ...record, uri: 'qemu+ssh://root@hv1/system' }));
  await pass(1000);
  expect(shells.map(({ isClosed, looks }) => [isClosed, looks])).toEqual([
    [true, 1],
    [false, 1],
  ]);
  table = table.map(record => ({ ...record, state: 'disabled' as const }));
  await pass(20_000);
  expect(shells.map(({ isClosed, looks }) => [isClosed, looks])).toEqual([
    [true, 1],
    [true, 1],
  ]);
  expect(host().state).toBe('unknown');
  expect(hosts.condition(ID).liveness).toBe('not asked');
  const run = agentRunSchema.parse({ verb: 'stop', uuid: 'web' });
  const answer = await hosts.run(host(), run, () => {}, new AbortController().signal);
  expect(answer).toMatchObject({
    unsent: { code: 'NODE_UNREACHABLE', details: ['mesh host set-state hv1 enabled'] },
  });
  table = [];
  expect(hosts.hosts()).toEqual([]);
});

test('a host that cannot be asked has done nothing, and one whose verb is refused says why', async () => {
  await hosts.start();
  await settle();
  const ask = (verb: string): ReturnType<LibvirtHosts['run']> =>
    hosts.run(host(), agentRunSchema.parse({ verb, uuid: 'web' }), () => {}, new AbortController().signal);
  expect(await ask('stop')).toMatchObject({
    refused: { code: 'WORKLOAD_STATE', message: 'workload web is not on hv1' },
  });
  shell().domains.set(WEB, '  state.state=1\n');
  expect(await ask('pause')).toMatchObject({ refused: { code: 'CONFLICT' } });
  shell().domains.set(WEB, printed(3, 1));
  expect(await ask('pause')).toMatchObject({ refused: { message: 'web: is paused already' } });
  expect(await ask('soft-stop')).toMatchObject({ refused: { code: 'WORKLOAD_STATE' } });
  shell().domains.set(WEB, printed(5, 1));
  expect(await ask('resume')).toMatchObject({
    refused: { message: 'web: does not run: the guest shut down' },
  });
  expect(await ask('start')).toMatchObject({ refused: { code: 'BAD_REQUEST' } });
  expect(shell().commands.filter(command => !command.startsWith('tail'))).toEqual([]);
  shell().away = 'gone';
  expect(await ask('stop')).toMatchObject({ unsent: { message: 'gone' } });
});
