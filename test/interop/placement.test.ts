import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT, Room } from '../../scripts/room/room.ts';
import type { HostView, PlacementView, PlanView, RealmList } from '../../src/api/placement.ts';
import type { FullReport } from '../../src/api/report.ts';
import { admit, pretendNode, report, running } from './pretend-nodes.ts';

/**
 * Placement as an admin meets it: the real pxend and the real mesh in a room, with nodes that report and run nothing.
 * Where VMs really go is in test/boot/placement.test.ts.
 */
const GiB = 2 ** 30;
const ALDER = pretendNode('alder', 1, 8, 16);
const BIRCH = pretendNode('birch', 2, 8, 16);
const CEDAR = pretendNode('cedar', 3, 16, 64);
const NODES = [ALDER, BIRCH, CEDAR];

const RULES = `pxen.vm {
  cost-functions {
    simple {
      vms    { curve = linear, slope = 1, base = 0 }
      vcpus  { curve = hard-soft, soft = 8, hard = 16, softAmt = 4, hardAmt = 32 }
      memory { curve = hard-soft, soft = 8 GiB, hard = 16 GiB, scale = 10 }
    }
    gpu = \${pxen.vm.cost-functions.simple} {
      devices.nvidia-gpu { curve = linear, slope = 1, base = 0 }
      offset = 1000
    }
  }
  hardware-profiles {
    standard { cores = 8, memory = 16 GiB, cost-function = simple }
    gpu-node {
      cores = 16, memory = 64 GiB, cost-function = gpu
      devices = [ { type = nvidia-gpu, addr = "0000:01:02.0" }, { type = nvidia-gpu, addr = "02:03.0" } ]
    }
  }
}
`;
const REALM = `disabled = off
driver = libvirt
name = "Virtual lab"
volumes-pool = lab-vm
drives.lazy-allocation = on
`;

const room = new Room();

function conf(name: string, more = '', memory = '4G'): string {
  const base = `name=${name}\nuuid=${name}-uuid\nplatform.memory.size=${memory}\nplatform.cpu.threads=2\n`;
  return `${base}platform.cpu.mode=qemu64\n${more}`;
}

beforeAll(async () => {
  room.open();
  admit(room, NODES);
  room.write('var/pxen/monoliths/web.conf', conf('web'));
  room.write('var/pxen/monoliths/db.conf', conf('db'));
  room.write('var/pxen/monoliths/train.conf', conf('train', 'platform.device.0.type=nvidia-gpu\n'));
  await room.startPxend();
  for (const node of NODES) report(room, node);
});
afterAll(() => room.close());

/** What a command printed as JSON; nodes are silent when they have not reported for a while. */
async function asJson<T>(...words: string[]): Promise<T> {
  for (const node of NODES) report(room, node, loads.get(node.name) ?? []);
  const { stdout } = await room.mesh(...words, '--json');
  return JSON.parse(stdout) as T;
}

/** What runs on the nodes, by their names. */
const loads = new Map<string, NonNullable<FullReport['workloads']>>();

async function winner(name: string, ...words: string[]): Promise<string | null> {
  return (await asJson<PlacementView>('cost', 'explain', '-w', name, ...words)).host;
}

async function hosts(): Promise<readonly HostView[]> {
  return (await asJson<{ hosts: HostView[] }>('host', 'list')).hosts;
}

async function ruled(check: (rules: RealmList) => boolean): Promise<RealmList> {
  const end = Date.now() + 10_000;
  for (;;) {
    const rules = await asJson<RealmList>('realm', 'list');
    if (check(rules) || Date.now() > end) return rules;
  }
}

describe('without any configuration', () => {
  test('every node is a host, made from what it reports', async () => {
    expect(
      (await hosts()).map(({ name, cores, memory, profile, cost }) => [name, cores, memory, profile, cost]),
    ).toEqual([
      ['alder', 8, 16 * GiB, 'default', 0],
      ['birch', 8, 16 * GiB, 'default', 0],
      ['cedar', 16, 64 * GiB, 'default', 0],
    ]);
    expect((await room.mesh('realm', 'list')).stdout).toMatch(/^There is no realm/);
  });

  test('a workload has a host all the same: the one that it weighs least on', async () => {
    expect(await winner('web')).toBe('cedar');
    expect(await winner('train')).toBeNull();
  });
});

describe('with hardware.conf and a realm', () => {
  beforeAll(async () => {
    room.write('host0/hardware.conf', RULES);
    room.write('host0/realms/vlab.conf', REALM);
    await ruled(({ profiles, realms }) => profiles.length === 2 && realms.length === 1);
    await room.mesh('host', 'set-profile', 'alder', 'standard');
    await room.mesh('host', 'set-profile', 'birch', 'standard');
    await room.mesh('host', 'set-profile', 'cedar', 'gpu-node');
  });

  test('mesh cost explain tells what each host would cost, by part, and why it is not the one', async () => {
    await asJson('host', 'list');
    expect(await room.mesh('cost', 'explain', '-w', 'web')).toEqual({
      code: 0,
      stdout: [
        'web goes to alder',
        '',
        'HOST   COST  VMS  VCPUS  MEMORY  DEVICES  OFFSET  SPREAD',
        'alder  7     1    1      5       -        0       -',
        'birch  7     1    1      5       -        0       -',
        'cedar  1007  1    1      5       -        1000    -',
        '',
        'birch: costs 7 too; alder is first by name',
        'cedar: costs 1007, alder costs 7',
        '',
      ].join('\n'),
      stderr: '',
    });
    expect(await winner('train')).toBe('cedar');
    expect(await winner('web', '-n', 'birch')).toBe('birch');
  });

  test('--plot draws what the host is priced by', async () => {
    const { stdout } = await room.mesh('cost', 'explain', '-w', 'train', '--plot');
    const heads = stdout.split('\n').filter(line => line.endsWith('(O)'));
    expect(heads).toEqual([
      'cedar: vms at 1 costs 1 (O)',
      'cedar: vcpus at 2 costs 1 (O)',
      'cedar: memory at 4.0 GiB costs 5 (O)',
      'cedar: nvidia-gpu at 1 costs 1 (O)',
    ]);
  });

  test('a dry run has the decision, though nobody answers on the node', async () => {
    const line = await asJson<{ error: object; placement: object }>(
      'workload',
      'start',
      '-w',
      'web',
      '--dry-run',
    );
    expect(line).toMatchObject({
      error: { code: 'NODE_UNREACHABLE' },
      placement: {
        host: 'alder',
        costs: [
          { host: 'alder', total: 7, parts: { vms: 1, vcpus: 1, memory: 5, devices: {}, offset: 0 } },
          { host: 'birch', total: 7 },
          { host: 'cedar', total: 1007 },
        ],
      },
    });
    expect((await hosts()).flatMap(({ workloads }) => workloads)).toEqual([]);
  });

  test('a host that is disabled, or takes nothing new, gets none', async () => {
    await room.mesh('host', 'set-state', 'alder', 'disabled');
    await room.mesh('host', 'set-state', 'birch', 'No', 'Scheduling');
    const { host, reasons } = await asJson<PlacementView>('cost', 'explain', '-w', 'web');
    expect([host, reasons]).toEqual([
      'cedar',
      ['alder: disabled', 'birch: no-scheduling: it takes no new VMs'],
    ]);
    expect(await winner('web', '-n', 'alder')).toBeNull();
    await room.mesh('host', 'set-state', 'alder', 'enabled');
    await room.mesh('host', 'set-state', 'birch', 'Enabled');
  });

  test('a plan places all of them together; one that fits nowhere is explained', async () => {
    const { placements } = await asJson<PlanView>('plan', '-w', 'ALL');
    expect(placements.map(({ name, host }) => [name, host])).toEqual([
      ['db', 'alder'],
      ['train', 'cedar'],
      ['web', 'birch'],
    ]);
    room.write('next/huge.conf', conf('huge', '', '100G'));
    room.write('next/small.conf', conf('small'));
    const files = ['huge', 'small'].map(name => `${room.root}/next/${name}.conf`);
    const { code, stdout } = await room.mesh('plan', ...files);
    expect([code, stdout]).toEqual([
      1,
      [
        'VM     HOST',
        'huge   fits nowhere',
        'small  alder',
        '',
        'huge:',
        '  alder: 100 GiB of memory do not fit: it has 15.8 GiB',
        '  birch: 100 GiB of memory do not fit: it has 15.8 GiB',
        '  cedar: 100 GiB of memory do not fit: it has 63.8 GiB',
        '',
        '1 of 2 VMs placed, all hosts together cost 7, as one by one',
        '',
      ].join('\n'),
    ]);
  });

  test('--start starts them as planned; a node that does not answer holds nothing', async () => {
    for (const node of NODES) report(room, node);
    const { code, stdout, stderr } = await room.mesh('plan', '-w', 'web,db', '--start');
    expect([code, stdout.split('\n').slice(0, 3), stderr.match(/^mesh: \w+: \S+/gm)?.sort()]).toEqual([
      1,
      ['VM   HOST', 'web  alder', 'db   birch'],
      ['mesh: db: 10.77.0.112:22:', 'mesh: web: 10.77.0.111:22:'],
    ]);
    expect((await hosts()).flatMap(({ workloads }) => workloads)).toEqual([]);
  });

  test('a libvirt host comes and goes without a restart', async () => {
    const uri = 'qemu+ssh://root@10.77.0.250/system';
    const words = ['--uri', uri, '--profile', 'standard', '--realm', 'vlab', '--state', 'no-scheduling'];
    expect((await room.mesh('host', 'add', 'kvm1', ...words)).code).toBe(0);
    expect((await hosts()).find(({ name }) => name === 'kvm1')).toMatchObject({
      uri,
      realm: 'vlab',
      cores: 8,
    });
    const again = await room.mesh('host', 'add', 'kvm1', ...words);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('there is a host kvm1 already')]);
    expect(
      (await room.mesh('realm', 'pools', 'vlab', '--path', '/pools')).stdout.split('\n').slice(0, 4),
    ).toEqual([
      'virsh pool-define-as lab-vm dir - - - - /pools/lab-vm',
      'virsh pool-build lab-vm',
      'virsh pool-start lab-vm',
      'virsh pool-autostart lab-vm',
    ]);
    expect(await room.mesh('host', 'remove', 'kvm1')).toEqual({
      code: 0,
      stdout: 'kvm1: removed\n',
      stderr: '',
    });
    expect((await hosts()).map(({ name }) => name)).toEqual(['alder', 'birch', 'cedar']);
  });

  test('files with problems: each is told with its line, and the rules from before stay in force', async () => {
    room.write('host0/hardware.conf', RULES.replace('gpu { curve = linear', 'gpu { curve = lineer'));
    const { problems } = await ruled(rules => rules.problems.length > 0);
    expect(problems.map(text => text.replace(room.root, ''))).toEqual([
      expect.stringMatching(
        /^\/host0\/hardware\.conf:9: pxen\.vm\.cost-functions\.gpu\.devices\.nvidia-gpu\.curve: got "lineer", expected one of .*; did you mean linear\?$/,
      ),
    ]);
    const { code, stderr } = await room.mesh('realm', 'list');
    expect([code, stderr]).toEqual([1, expect.stringContaining('which have problems:\n')]);
    expect(await winner('train')).toBe('cedar');
    room.write('host0/hardware.conf', RULES);
    expect((await ruled(rules => rules.problems.length === 0)).problems).toEqual([]);
  });

  test('what a node runs counts, is shown with its host, and a drain waits for it', async () => {
    loads.set('alder', [running('db')]);
    const alder = (await hosts()).find(({ name }) => name === 'alder');
    expect([alder?.usage.vms, alder?.cost, alder?.workloads]).toEqual([
      1,
      7,
      [{ name: 'db', state: 'running' }],
    ]);
    const status = await room.mesh('workload', 'status', '-w', 'db');
    expect(status.stdout).toMatch(/^host +alder, costs 7 with all that is on it$/m);
    expect(await winner('web')).toBe('birch');
    const again = await asJson<PlacementView>('cost', 'explain', '-w', 'db');
    // It is there already, and counts once.
    expect(again.costs.map(({ host, total }) => [host, total])).toEqual([
      ['alder', 7],
      ['birch', 7],
      ['cedar', 1007],
    ]);
    const drained = await room.mesh('host', 'drain', 'alder');
    expect(drained.stdout.split('\n').slice(0, 2)).toEqual([
      'alder: takes nothing new; 1 workload left:',
      '  db (running)',
    ]);
    const words = ['--root', room.root, 'host', 'drain', 'alder', '--wait'];
    const waiting = room.spawn('drain', [join(PROJECT, 'scripts/mesh'), ...words]);
    await waiting.saw(/1 workload left/, 30_000);
    loads.delete('alder');
    report(room, ALDER);
    expect(await waiting.ended()).toBe(0);
    expect(waiting.output).toMatch(/\nalder: takes nothing new; nothing is left on it\s*$/);
  });

  test('what was said of hosts outlives pxend', async () => {
    await room.pxend.stop();
    await room.startPxend();
    expect((await hosts()).map(({ name, profile, state }) => [name, profile, state])).toEqual([
      ['alder', 'standard', 'no-scheduling'],
      ['birch', 'standard', 'enabled'],
      ['cedar', 'gpu-node', 'enabled'],
    ]);
    expect((await room.mesh('host', 'remove', 'alder')).stdout).toBe(
      'alder: nothing is said of it any more; a node stays a host\n',
    );
    expect((await hosts())[0]).toMatchObject({ name: 'alder', profile: 'default', state: 'enabled' });
  });
});
