import { describe, expect, test } from 'vitest';
import { hostListSchema } from '../../../../src/api/placement.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import type { Host } from '../../../../src/domain/workload/host.ts';
import type { WorkloadStatus } from '../../../../src/domain/workload/status.ts';
import {
  ALPHA_HOST,
  BETA_HOST,
  fileOf,
  ROOMY,
  recordOf,
  statusOf,
  textOf,
} from '../../../fakes/host-workloads.ts';
import { FACTS } from '../../../fakes/registry.ts';
import { short, TestAppliance } from '../workload/appliance.ts';

/** A node that is not what its admin takes it for may harm itself, and nobody else. */
const LIAR = '00000bad' as MachineId;
const RULES = `pxen.vm {
  cost-functions {
    flat { vms { curve = constant, value = 1 }, devices.gpu { curve = constant, value = 1 } }
    dear { vms { curve = constant, value = 50 }, devices.gpu { curve = constant, value = 1 } }
  }
  hardware-profiles {
    gpu { cores = 8, memory = 32 GiB, cost-function = flat, devices = [{ type = gpu, addr = "01:00.0" }] }
    dear { cores = 8, memory = 32 GiB, cost-function = dear, devices = [{ type = gpu, addr = "01:00.0" }] }
  }
}`;

function lying(workloads: readonly WorkloadStatus[], change: Partial<Host> = {}): Host {
  return { ...BETA_HOST, id: LIAR, name: 'liar', workloads, ...change };
}

/** Alpha and a liar, both with a GPU; the one of alpha is dearer. */
async function appliance(workloads: readonly WorkloadStatus[]): Promise<TestAppliance> {
  const here = new TestAppliance({
    files: [fileOf('web', textOf('web', ['platform.device.0.type=gpu']))],
    hosts: [ALPHA_HOST, lying(workloads)],
    rules: RULES,
  });
  await here.placement.changeHost('rack1-01', { expect: 'known', profile: 'dear' });
  await here.placement.changeHost('liar', { expect: 'known', profile: 'gpu' });
  return here;
}

const has = (type: string, address = '0000:01:00.0'): WorkloadStatus =>
  statusOf('x', { devices: [{ id: 0, type, address }] });

describe('a node that calls its devices something else', () => {
  test('is not chosen for one that it cannot give, so others are', async () => {
    const here = await appliance([has('nothing of interest')]);
    expect(here.placement.hosts().find(({ id }) => id === LIAR)?.usage.devices).toEqual({ gpu: 1 });
    expect(short(await here.run('start', ['web'])).at(-1)).toBe('web@91d5815f: done running');
  });

  test('has the devices of its own host alone', async () => {
    const here = await appliance([has('gpu'), { ...has('gpu', '0000:02:00.0'), uuid: 'y' }]);
    expect(short(await here.run('start', ['web'])).at(-1)).toBe('web@91d5815f: done running');
  });
});

test('a device that an edited profile calls by another name is in use all the same', async () => {
  const here = await appliance([]);
  await here.run('start', ['web']);
  here.rules.write(
    RULES.replaceAll('type = gpu', 'type = big-gpu').replaceAll('devices.gpu', 'devices.big-gpu'),
  );
  here.sweeps.advance(10_000);
  here.files.files = [...here.files.files, fileOf('db', textOf('db', ['platform.device.0.type=big-gpu']))];
  expect(here.placement.hosts().map(({ name, usage }) => [name, usage.devices])).toEqual([
    ['liar', { 'big-gpu': 1 }],
    ['rack1-01', {}],
  ]);
  expect(short(await here.run('start', ['db'])).at(-1)).toBe('db@91d5815f: done running');
});

describe('the list of hosts', () => {
  test('can be read, whatever a node says of its size and of what it runs', async () => {
    const facts = { ...FACTS, memoryKib: Number.MAX_SAFE_INTEGER };
    const takes = { vcpus: 65_536, memory: Number.MAX_SAFE_INTEGER, coschedule: 0, group: 'web' };
    const workloads = Array.from({ length: 256 }, (_, i) => statusOf(`w${i}`, { takes }));
    const here = new TestAppliance({ hosts: [ALPHA_HOST, lying(workloads, { ...ROOMY, facts })] });
    const { hosts } = hostListSchema.parse(JSON.parse(JSON.stringify({ hosts: here.placement.hosts() })));
    expect(hosts.map(({ name, usage }) => [name, usage.vms])).toEqual([
      ['liar', 256],
      ['rack1-01', 0],
    ]);
    expect(short(await here.run('start', ['web'])).at(-1)).toBe('web@91d5815f: done running');
  });

  test('tells of three impossible things on a host, not of thousands', () => {
    const devices = Array.from({ length: 64 }, (_, id) => ({
      ...{ id, type: 'gpu' },
      address: `0000:${id.toString(16).padStart(2, '0')}:00.0`,
    }));
    const workloads = Array.from({ length: 256 }, (_, i) => statusOf(`w${i}`, { devices }));
    const here = new TestAppliance({ hosts: [lying(workloads)] });
    const problem = here.placement.hosts()[0]?.problem?.split('; ') ?? [];
    expect([problem.length, problem[0], problem.at(-1)]).toEqual([
      4,
      '0000:00:00.0 is with w0 and with w1',
      'and so are others',
    ]);
  });
});

describe('a node that says that it runs a workload', () => {
  test('does not get it from a plan', async () => {
    const here = new TestAppliance({
      hosts: [ALPHA_HOST, lying([statusOf('web', { takes: { vcpus: 1, memory: 1 } })])],
    });
    await here.placement.changeHost('liar', { expect: 'known', state: 'no-scheduling' });
    const { placements } = await here.placement.plan(await here.workloads.berthings([{ workload: 'web' }]));
    expect(placements).toEqual([{ name: 'web', host: 'rack1-01', node: ALPHA_HOST.id, reasons: [] }]);
  });

  test('and does is where a plan leaves it, though its memory is taken', async () => {
    const here = new TestAppliance();
    here.store.saved.set('uuid-web', JSON.stringify(recordOf('web')));
    here.restart();
    const takes = { vcpus: 1, memory: 2 ** 30 };
    const load = { ...ALPHA_HOST.load, availableKib: 1024 } as Host['load'];
    here.report(ALPHA_HOST.id, { workloads: [statusOf('web', { takes })], load });
    const { placements } = await here.placement.plan(await here.workloads.berthings([{ workload: 'web' }]));
    expect(placements).toEqual([{ name: 'web', host: 'rack1-01', node: ALPHA_HOST.id, reasons: [] }]);
  });
});

test('a node whose folder is called as the id of another one goes by its id', () => {
  const here = new TestAppliance({ hosts: [ALPHA_HOST, lying([], { name: ALPHA_HOST.id })] });
  const views = here.placement.hosts().map(({ id, name, problem }) => [id, name, problem]);
  expect(views).toEqual([
    [LIAR, LIAR, `${ALPHA_HOST.id} is the id of another host: the node goes by its id`],
    [ALPHA_HOST.id, 'rack1-01', undefined],
  ]);
});
