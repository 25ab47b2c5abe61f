import { describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import { libvirtHostId } from '../../../../src/domain/placement/host.ts';
import { sha256 } from '../../../../src/io/sha256.ts';
import type { HostChange } from '../../../../src/service/placement/table.ts';
import { ALPHA_HOST, BETA_HOST, fileOf, statusOf, textOf } from '../../../fakes/host-workloads.ts';
import { ALPHA, BETA } from '../../../fakes/registry.ts';
import { TestAppliance } from '../workload/appliance.ts';

const RULES = `pxen.vm {
  cost-functions.flat { vms { curve = linear, slope = 1, base = 0 }, offset = 5 }
  hardware-profiles {
    plain { cores = 8, memory = 32 GiB, cost-function = flat }
    gpu { cores = 8, memory = 32 GiB, cost-function = flat, devices = [{ type = gpu, addr = "01:00.0" }] }
  }
  realms {
    nodes { disabled = no, driver = pxen, name = Nodes, drives.lazy-allocation = on }
    kvm { disabled = no, driver = libvirt, name = Kvm, drives.lazy-allocation = on, poll-frequency = 3 s }
  }
}`;
const KVM = { expect: 'new', uri: 'qemu+ssh://root@kvm1/system', profile: 'plain', realm: 'kvm' } as const;
const KVM_ID = libvirtHostId('kvm1', sha256);

function appliance(): TestAppliance {
  const here = new TestAppliance({ files: [fileOf('web')], rules: RULES });
  here.log.lines.length = 0;
  return here;
}

/** The whole error. */
async function refusal(work: Promise<unknown>): Promise<string[]> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof PxenError)) throw error;
    return [`${error.code} ${error.message}`, ...error.details];
  }
  throw new Error('it was not refused');
}

const nameOf = (here: TestAppliance): string[] => here.placement.hosts().map(({ name }) => name);

describe('hosts', () => {
  test('are all nodes that have reported, measured by what they said', () => {
    const here = appliance();
    here.change(BETA.id, { facts: undefined, bootId: undefined });
    expect(here.placement.hosts()).toEqual([
      {
        name: 'rack1-01',
        id: ALPHA.id,
        state: 'enabled',
        described: false,
        liveness: 'up',
        profile: 'default',
        cores: 4,
        memory: 16 * 2 ** 30,
        usage: { vms: 0, vcpus: 0, memory: 0, devices: {} },
        devices: {},
        cost: 0,
        workloads: [],
      },
    ]);
  });

  test('show what an admin has said, what they run and what that costs', async () => {
    const here = appliance();
    const translation = { address: '192.168.1.7', basePort: 20_000 };
    await here.placement.changeHost('rack1-01', {
      expect: 'known',
      profile: 'gpu',
      state: 'no-scheduling',
      realm: 'nodes',
      group: 'rack1',
      translation,
    });
    const takes = { vcpus: 2, memory: 2 ** 30 };
    const devices = [{ id: 0, type: 'gpu', address: '0000:01:00.0' }];
    here.report(ALPHA.id, { workloads: [statusOf('web', { takes, devices })] });
    expect(here.placement.hosts()[1]).toEqual({
      name: 'rack1-01',
      id: ALPHA.id,
      state: 'no-scheduling',
      described: true,
      liveness: 'up',
      profile: 'gpu',
      realm: 'nodes',
      group: 'rack1',
      translation,
      cores: 8,
      memory: 32 * 2 ** 30,
      usage: { vms: 1, vcpus: 2, memory: 2 ** 30, devices: { gpu: 1 } },
      devices: { gpu: 1 },
      // A device type without a curve is not available.
      cost: 'Infinity',
      workloads: [{ name: 'web', state: 'running' }],
    });
  });

  test('that libvirt controls are added, changed and removed while everything runs', async () => {
    const here = appliance();
    expect(await here.placement.changeHost('kvm1', KVM)).toEqual({
      name: 'kvm1',
      id: KVM_ID,
      uri: KVM.uri,
      state: 'enabled',
      described: true,
      liveness: 'not asked',
      profile: 'plain',
      realm: 'kvm',
      cores: 8,
      memory: 32 * 2 ** 30,
      usage: { vms: 0, vcpus: 0, memory: 0, devices: {} },
      devices: {},
      cost: 5,
      workloads: [],
    });
    expect(here.placement.libvirtHosts()).toEqual([
      { id: KVM_ID, name: 'kvm1', uri: KVM.uri, state: 'enabled', realm: 'kvm', pollFrequency: 3000 },
    ]);
    await here.placement.changeHost('kvm1', { expect: 'known', realm: null, state: 'disabled' });
    expect(here.placement.libvirtHosts()).toEqual([
      { id: KVM_ID, name: 'kvm1', uri: KVM.uri, state: 'disabled', realm: undefined, pollFrequency: 10_000 },
    ]);
    here.restart();
    expect(nameOf(here)).toEqual([BETA.id, 'kvm1', 'rack1-01']);
    expect(await here.placement.removeHost('kvm1')).toEqual({ removed: 'kvm1' });
    expect([nameOf(here), here.table.saved.size]).toEqual([[BETA.id, 'rack1-01'], 0]);
    expect(here.log.lines.filter(line => line.includes('kvm1'))).toEqual([
      'info placement: host kvm1 is enabled {"host":"kvm1","profile":"plain","realm":"kvm"}',
      'info placement: host kvm1 is disabled {"host":"kvm1","profile":"plain"}',
      'info placement: host kvm1 was removed {"host":"kvm1"}',
    ]);
  });

  test('that libvirt controls run nothing but libvirt, and only once they answer', async () => {
    const here = appliance();
    await here.placement.changeHost('kvm1', KVM);
    const reasonOf = async (): Promise<string | undefined> => {
      const [berthing] = await here.workloads.berthings([{ workload: 'web' }]);
      const { reasons } = here.placement.view(berthing ?? { workload: {} as never });
      return reasons.find(reason => reason.startsWith('kvm1'));
    };
    expect(await reasonOf()).toBe('kvm1: libvirt there was not asked yet');
    here.add({
      ...BETA_HOST,
      id: KVM_ID,
      uri: KVM.uri,
      state: 'silent',
      facts: undefined,
      problem: 'no route to kvm1',
    });
    expect(await reasonOf()).toBe('kvm1: no route to kvm1');
    expect(here.placement.hosts()[1]).toMatchObject({ liveness: 'unreachable', problem: 'no route to kvm1' });
    here.change(KVM_ID, { state: 'up', problem: undefined });
    expect(await reasonOf()).toBe('kvm1: no engine qemu');
    expect(here.placement.hosts()[1]).toMatchObject({ liveness: 'connected' });
    here.files.files = [fileOf('web', textOf('web', ['platform.engine=libvirt']))];
    expect(await reasonOf()).toMatch(/^kvm1: costs 6, /);
  });

  test('are added once, also by two who do it at once', async () => {
    const here = appliance();
    const both = await Promise.allSettled([
      here.placement.changeHost('kvm1', KVM),
      here.placement.changeHost('kvm1', KVM),
    ]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  test('that are changed and removed at once are gone, in memory as on disk', async () => {
    const here = appliance();
    await here.placement.changeHost('kvm1', KVM);
    await Promise.allSettled([
      here.placement.changeHost('kvm1', { expect: 'known', state: 'disabled' }),
      here.placement.removeHost('kvm1'),
    ]);
    expect([nameOf(here).includes('kvm1'), here.table.saved.has(KVM_ID)]).toEqual([false, false]);
    await here.placement.changeHost('kvm1', KVM);
    here.table.failure = new Error('disk full');
    await expect(here.placement.removeHost('kvm1')).rejects.toThrow('disk full');
    expect(nameOf(here)).toContain('kvm1');
  });

  test('with workloads are not removed under them', async () => {
    const here = appliance();
    await here.placement.changeHost('kvm1', KVM);
    here.add({ ...BETA_HOST, id: KVM_ID, uri: KVM.uri, facts: undefined, workloads: [statusOf('web')] });
    expect(await refusal(here.placement.removeHost('kvm1'))).toEqual([
      'CONFLICT kvm1 still has workloads: web',
      'let it take no new ones, and stop those: mesh host drain kvm1',
    ]);
  });

  test('that are nodes are measured again when what was said of them is removed', async () => {
    const here = appliance();
    await here.placement.changeHost('rack1-01', { expect: 'known', profile: 'gpu', state: 'disabled' });
    await here.placement.removeHost('rack1-01');
    expect(here.placement.hosts()[1]).toMatchObject({
      profile: 'default',
      state: 'enabled',
      described: false,
    });
  });

  test('of one name are told apart: the node goes by its id', async () => {
    const here = appliance();
    here.change(ALPHA.id, { name: undefined });
    await here.placement.changeHost('rack1-01', KVM);
    here.change(ALPHA.id, { name: 'rack1-01' });
    expect(nameOf(here)).toEqual([BETA.id, ALPHA.id, 'rack1-01'].sort());
    expect(here.placement.hosts().find(({ id }) => id === ALPHA.id)?.problem).toBe(
      'a libvirt host is called rack1-01 too: the node goes by its id',
    );
  });

  test('say what is wrong with them, and nothing is started there', async () => {
    const here = appliance();
    await here.placement.changeHost('rack1-01', { expect: 'known', profile: 'gpu', realm: 'nodes' });
    here.rules.write('pxen.vm { cost-functions {} }');
    here.sweeps.advance(10_000);
    const [, alpha] = here.placement.hosts();
    expect(alpha).toMatchObject({
      profile: 'gpu',
      problem:
        'profile: got "gpu", expected the id of a profile in the files of host0: there is none; ' +
        'realm: got "nodes", expected the id of a realm in the files of host0: there is none',
    });
    expect(alpha?.cost).toBeUndefined();
    const [line] = await here.run('start', ['web'], { node: ALPHA.id });
    expect(line).toMatchObject({ error: { details: ['rack1-01: its profile gpu is not known'] } });
  });

  test('that tell of one device twice have a problem', () => {
    const here = appliance();
    const devices = [{ id: 0, type: 'gpu', address: '0000:01:00.0' }];
    here.report(ALPHA.id, { workloads: [statusOf('web', { devices }), statusOf('db', { devices })] });
    expect(here.placement.hosts()[1]?.problem).toBe('0000:01:00.0 is with web and with db');
  });
});

describe('a change of a host is refused', () => {
  test.each<[string, string, HostChange, string[]]>([
    [
      'that is to be new and is a node',
      'rack1-01',
      { ...KVM },
      [
        'CONFLICT there is a host rack1-01 already',
        'see: mesh host list',
        'change it: mesh host set-state, mesh host set-profile',
      ],
    ],
    [
      'that is to be known and is not',
      'rack1-10',
      { expect: 'known', state: 'disabled' },
      ['NOT_FOUND no host is called "rack1-10"', 'did you mean rack1-01?'],
    ],
    [
      'that is new and has no URI',
      'kvm1',
      { expect: 'new', profile: 'plain' },
      [
        'BAD_REQUEST kvm1: a host that is added needs a libvirt URI',
        'a node with the agent is a host by itself as soon as it reports',
      ],
    ],
    [
      'that is a node and shall get a URI',
      'rack1-01',
      { expect: 'known', uri: KVM.uri },
      ['BAD_REQUEST rack1-01 is a node with the agent: it has no libvirt URI'],
    ],
    [
      'with all that is wrong with it',
      '91d5815f0',
      { expect: 'new', uri: 'http://kvm1', realm: 'kvn', translation: { address: '1.2.3', basePort: 1 } },
      [
        'BAD_REQUEST host 91d5815f0: 4 problems',
        'uri: got "http://kvm1", expected qemu:///system or qemu+ssh://[user@]host[:port]/system',
        'profile: is missing: nobody reports what hardware the host has',
        'realm: got "kvn", expected the id of a realm in the files of host0: there are nodes, kvm; did you mean kvm?',
        'translation: got "1.2.3:1", expected an IPv4 address and a base port from 1 to 65280',
      ],
    ],
    [
      'that would be taken for a machine id',
      'deadbeef',
      { ...KVM },
      ['BAD_REQUEST host deadbeef: 1 problem', 'name: got "deadbeef", expected no machine id'],
    ],
    [
      'whose realm is driven otherwise',
      'rack1-01',
      { expect: 'known', realm: 'kvm' },
      [
        'BAD_REQUEST host rack1-01: 1 problem',
        'realm: got "kvm", whose driver is libvirt, expected one with the driver pxen',
      ],
    ],
  ])('%s', async (_, name, change, expected) => {
    const here = appliance();
    expect(await refusal(here.placement.changeHost(name, change))).toEqual(expected);
    expect(here.table.saved.size).toBe(0);
  });

  test('when it cannot be saved, and then nothing has changed', async () => {
    const here = appliance();
    here.table.failure = new PxenError('STATE_UNUSABLE', 'disk full');
    expect(
      await refusal(here.placement.changeHost('rack1-01', { expect: 'known', state: 'disabled' })),
    ).toEqual(['STATE_UNUSABLE disk full']);
    expect([here.placement.hosts()[1]?.state, here.placement.health()]).toEqual([
      'enabled',
      'what was said of hosts is not saved: disk full',
    ]);
  });
});

describe('a plan', () => {
  test('places a set together, with the id of each host; what runs stays where it is', async () => {
    const files = ['a', 'b', 'c'].map(name => fileOf(name));
    const here = new TestAppliance({ files, hosts: [ALPHA_HOST, BETA_HOST] });
    await here.run('start', ['c'], { node: ALPHA.id });
    const text = textOf('d', ['platform.device.0.type=gpu']);
    const subjects = [{ workload: 'a' }, { workload: 'c' }, { file: 'd.conf', text }];
    expect(await here.placement.plan(await here.workloads.berthings(subjects))).toEqual({
      placements: [
        { name: 'a', host: BETA.id, node: BETA.id, reasons: [] },
        { name: 'c', host: 'rack1-01', node: ALPHA.id, reasons: [] },
        {
          name: 'd',
          host: null,
          reasons: [`${BETA.id}: 1 gpu asked for, 0 of 0 free`, 'rack1-01: 1 gpu asked for, 0 of 0 free'],
        },
      ],
      placed: 2,
      cost: expect.any(Number),
      oneByOne: { placed: 2, cost: expect.any(Number) },
    });
    expect(here.placement.tallies()).toEqual({
      hosts: { enabled: 2 },
      vms: { reserved: 0, running: 1, unknown: 0 },
    });
  });

  test('has each workload once', async () => {
    const here = appliance();
    const twice = await here.workloads.berthings([{ workload: 'web' }, { workload: 'web' }]);
    expect(await refusal(here.placement.plan(twice))).toEqual([
      'BAD_REQUEST web is in the set twice',
      'name each workload once: one that is planned twice would have two places',
    ]);
  });

  test('leaves a workload where its disk is, as a start would', async () => {
    const disk = [
      ['type', 'qcow2'],
      ['path', '/data/a.qcow2'],
      ['ephemeral', '0'],
    ].map(([key, value]) => `platform.volume.0.${key}=${value}`);
    const files = [fileOf('a', textOf('a', disk)), fileOf('b')];
    const here = new TestAppliance({ files, hosts: [ALPHA_HOST, BETA_HOST] });
    await here.run('start', ['a'], { node: ALPHA.id });
    await here.run('stop', ['a']);
    here.report(ALPHA.id);
    await here.run('start', ['b'], { node: ALPHA.id });
    const [berthing] = await here.workloads.berthings([{ workload: 'a' }]);
    const { placements } = await here.placement.plan(berthing ? [berthing] : []);
    expect(placements.map(({ node }) => node)).toEqual([ALPHA.id]);
  });

  test('of a file with problems, or of a workload that there is not, is refused', async () => {
    const here = appliance();
    expect(await refusal(here.workloads.berthings([{ workload: 'wep' }]))).toEqual([
      'NOT_FOUND no workload is called "wep"',
      '"wep": did you mean web?',
    ]);
    const [first] = await refusal(here.workloads.berthings([{ file: 'x.conf', text: 'name=x\n' }]));
    expect(first).toBe('WORKLOAD_INVALID x.conf: 3 problems');
  });
});

test('where a workload would go shows what that host is priced by', async () => {
  const here = appliance();
  await here.placement.changeHost('rack1-01', { expect: 'known', profile: 'plain' });
  const [berthing] = await here.workloads.berthings([{ workload: 'web' }]);
  if (!berthing) throw new Error('there is one');
  expect(here.placement.view({ ...berthing, asked: ALPHA.id }, true)).toMatchObject({
    workload: 'web',
    host: 'rack1-01',
    node: ALPHA.id,
    reasons: [`${BETA.id}: rack1-01 is named`],
    curves: { host: 'rack1-01', of: [{ part: 'vms', at: 1, cost: 1 }] },
  });
});
