import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import { fileOf, hostsOf, ROOMY, statusOf, textOf } from '../../../fakes/host-workloads.ts';
import { ALPHA, BETA } from '../../../fakes/registry.ts';
import { settled, short, TestAppliance } from '../workload/appliance.ts';

/** Two GPUs on hosts of the profile `gpu`; every VM costs 1, wherever it is. */
const RULES = `pxen.vm {
  cost-functions {
    flat { vms { curve = linear, slope = 1, base = 0 } }
    gpu { vms { curve = linear, slope = 1, base = 0 }, devices.gpu { curve = constant, value = 1 } }
  }
  hardware-profiles {
    plain { cores = 8, memory = 32 GiB, cost-function = flat }
    gpu {
      cores = 8, memory = 32 GiB, cost-function = gpu
      devices = [{ type = gpu, addr = "01:00.0" }, { type = gpu, addr = "02:00.0" }]
    }
  }
}`;
/** The first one was taken out. */
const ONE_GPU = RULES.replace('{ type = gpu, addr = "01:00.0" }, ', '');
const GPU = 'platform.device.0.type=gpu';
const NAMES = ['w0', 'w1', 'w2', 'w3', 'w4', 'w5'];

/** With workloads w0 to w5, each with these further lines; alpha has the GPUs. */
async function appliance(more: readonly string[] = []): Promise<TestAppliance> {
  const here = new TestAppliance({
    files: NAMES.map(name => fileOf(name, textOf(name, more))),
    rules: RULES,
  });
  await here.placement.changeHost('rack1-01', { expect: 'known', profile: 'gpu' });
  await here.placement.changeHost(BETA.id, { expect: 'known', profile: 'plain' });
  here.log.lines.length = 0;
  return here;
}

/** `w0 running, w1 reserved` of one host. */
function held(here: TestAppliance, id: MachineId): string {
  const host = here.placement.hosts().find(each => each.id === id);
  return host?.workloads.map(({ name, state }) => `${name} ${state}`).join(', ') ?? 'no such host';
}

const gpusOf = (here: TestAppliance): unknown[] =>
  here.agents.runs.map(({ devices }) => devices.map(({ address }) => address));

describe('a start without -n', () => {
  test('goes to the host that then costs least, and each further one sees those before it', async () => {
    const here = await appliance();
    expect(short(await here.run('start', NAMES.slice(0, 4))).filter(line => line.includes('done'))).toEqual(
      expect.arrayContaining([
        `w0@${BETA.id}: done running`,
        `w1@${ALPHA.id}: done running`,
        `w2@${BETA.id}: done running`,
        `w3@${ALPHA.id}: done running`,
      ]),
    );
    expect([held(here, ALPHA.id), held(here, BETA.id)]).toEqual([
      'w1 running, w3 running',
      'w0 running, w2 running',
    ]);
  });

  test('goes to where it was last when that costs no more than elsewhere', async () => {
    const here = await appliance();
    await here.run('start', ['w0'], { node: ALPHA.id });
    await here.run('stop', ['w0']);
    expect(short(await here.run('start', ['w0'])).at(-1)).toBe(`w0@${ALPHA.id}: done running`);
    await here.run('stop', ['w0']);
    await here.run('start', ['w1'], { node: ALPHA.id });
    expect(short(await here.run('start', ['w0'])).at(-1)).toBe(`w0@${BETA.id}: done running`);
  });

  test('goes to where its disk is, whatever that costs, until it has run elsewhere', async () => {
    const disk = [
      'type=qcow2',
      'path=/srv/d.qcow2',
      'source=http://host0/isos/d.qcow2',
      'writable=1',
      'ephemeral=0',
    ];
    const here = await appliance(disk.map(line => `platform.volume.0.${line}`));
    await here.run('start', ['w0', 'w1'], { node: ALPHA.id });
    await here.run('stop', ['w0']);
    expect(short(await here.run('start', ['w0'])).at(-1)).toBe(`w0@${ALPHA.id}: done running`);
    await here.run('stop', ['w0']);
    // biome-ignore lint/correctness/useYield: it refuses before it says anything
    here.agents.script = async function* () {
      throw new PxenError('WORKLOAD_FAILED', 'QEMU says no');
    };
    await here.run('start', ['w0'], { node: BETA.id });
    here.agents.script = (run, id) => here.agents.obey(run, id);
    expect(short(await here.run('start', ['w0'])).at(-1)).toBe(`w0@${ALPHA.id}: done running`);
    await here.run('stop', ['w0']);
    await here.run('start', ['w0'], { node: BETA.id });
    await here.run('stop', ['w0']);
    await here.run('start', ['w2'], { node: BETA.id });
    expect(short(await here.run('start', ['w0'])).at(-1)).toBe(`w0@${BETA.id}: done running`);
  });

  test('of what runs already goes to its node, which refuses it, and its place stays', async () => {
    const here = await appliance();
    await here.run('start', ['w0'], { node: ALPHA.id });
    expect(short(await here.run('start', ['w0']))).toEqual([
      `w0@${ALPHA.id}: w0: runs already on this node (pid 7) (WORKLOAD_STATE)`,
    ]);
    expect(held(here, ALPHA.id)).toBe('w0 running');
  });

  test('that fits nowhere tells why, host by host, and asks no node', async () => {
    const here = await appliance(['platform.device.0.type=fpga']);
    expect(short(await here.run('start', ['w0']))).toEqual([
      `w0: w0: no host can take it | ${BETA.id}: 1 fpga asked for, 0 of 0 free | rack1-01: 1 fpga asked for, 0 of 0 free (PLACEMENT_REFUSED)`,
    ]);
    expect(here.agents.received).toEqual([]);
  });

  test('does not go to a node that does not report', async () => {
    const here = await appliance();
    here.change(BETA.id, { state: 'silent' });
    expect(short(await here.run('start', ['w0', 'w1'])).filter(line => line.includes('done'))).toEqual([
      `w0@${ALPHA.id}: done running`,
      `w1@${ALPHA.id}: done running`,
    ]);
  });

  test('in a realm that there is not says which there are', async () => {
    const here = await appliance(['placement.realm=lab']);
    expect(short(await here.run('start', ['w0']))).toEqual([
      'w0: w0: its placement.realm is lab, and there is no such realm | there is none: see mesh realm list (NOT_FOUND)',
    ]);
  });

  test('needs no file of rules: nodes are measured by what they report', async () => {
    const files = NAMES.slice(0, 2).map(name => fileOf(name));
    const here = new TestAppliance({ files });
    expect(short(await here.run('start', ['w0', 'w1'])).filter(line => line.includes('done'))).toEqual([
      `w0@${BETA.id}: done running`,
      `w1@${ALPHA.id}: done running`,
    ]);
  });

  test('may have the memory of what has stopped since its node reported', async () => {
    const big = (name: string): string => textOf(name).replace('1G', '12G');
    const beta = { id: BETA.id, state: 'silent' as const };
    const here = new TestAppliance({ files: ['w0', 'w1'].map(name => fileOf(name, big(name))) });
    here.change(BETA.id, beta);
    const load = { average: 0, availableKib: 3 * 1024 * 1024, uptimeSeconds: 1 };
    const takes = { vcpus: 1, memory: 12 * 2 ** 30 };
    here.agents.script = async function* (run, id) {
      for await (const line of here.agents.obey(run, id)) {
        here.agents.machines.get(id)?.set('uuid-w0', statusOf('w0', { takes }));
        yield line;
      }
    };
    await here.run('start', ['w0']);
    here.report(ALPHA.id, { load });
    here.agents.script = (run, id) => here.agents.obey(run, id);
    expect(short(await here.run('start', ['w1'])).at(-1)).toContain(
      '12.0 GiB of memory do not fit: it has 3.0 GiB',
    );
    await here.run('stop', ['w0']);
    expect(short(await here.run('start', ['w1'])).at(-1)).toBe(`w1@${ALPHA.id}: done running`);
  });
});

describe('a named node', () => {
  test('may cost anything', async () => {
    const rules = `pxen.vm {
      cost-functions.one { vms { curve = linear, slope = 1, base = 0, max = 1 } }
      hardware-profiles.one { cores = 8, memory = 32 GiB, cost-function = one }
    }`;
    const here = new TestAppliance({ files: [fileOf('w0'), fileOf('w1')], rules });
    for (const name of ['rack1-01', BETA.id])
      await here.placement.changeHost(name, { expect: 'known', profile: 'one' });
    await here.run('start', ['w0'], { node: ALPHA.id });
    expect(short(await here.run('start', ['w1'], { node: ALPHA.id })).at(-1)).toBe(
      `w1@${ALPHA.id}: done running`,
    );
  });

  test.each([
    ['disabled', 'rack1-01: disabled'],
    ['no-scheduling', 'rack1-01: no-scheduling: it takes no new VMs'],
  ] as const)('that is %s takes nothing all the same', async (state, reason) => {
    const here = await appliance();
    await here.placement.changeHost('rack1-01', { expect: 'known', state });
    expect(short(await here.run('start', ['w0'], { node: ALPHA.id }))).toEqual([
      `w0: w0: rack1-01 cannot take it | ${reason} (PLACEMENT_REFUSED)`,
    ]);
    expect(here.agents.received).toEqual([]);
  });

  test('by its file counts as by -n', async () => {
    const here = await appliance([`placement.node=${BETA.id}`, GPU]);
    expect(short(await here.run('start', ['w0']))).toEqual([
      `w0: w0: ${BETA.id} cannot take it | ${BETA.id}: 1 gpu asked for, 0 of 0 free (PLACEMENT_REFUSED)`,
    ]);
  });

  test('judges memory, bridges and engines itself, by what it has at that moment', async () => {
    const files = [fileOf('w0', textOf('w0').replace('1G', '900G'))];
    const here = new TestAppliance({ files });
    expect(short(await here.run('start', ['w0'])).at(-1)).toContain('PLACEMENT_REFUSED');
    await here.run('start', ['w0'], { node: ALPHA.id });
    expect(here.agents.received).toEqual([`start w0@${ALPHA.id}`]);
  });

  test('that drains keeps what runs there: a restart and a return are no news', async () => {
    const here = await appliance();
    await here.run('start', ['w0'], { node: ALPHA.id });
    await here.placement.changeHost('rack1-01', { expect: 'known', state: 'no-scheduling' });
    expect(short(await here.run('restart', ['w0'])).at(-1)).toBe(`w0@${ALPHA.id}: done running`);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect(await here.state('w0')).toBe('running');
  });

  test('that is disabled gets nothing of what still waits for its turn', async () => {
    const here = await appliance();
    const { promise: ready, resolve: go } = Promise.withResolvers<void>();
    here.agents.script = async function* (run, id) {
      await ready;
      yield* here.agents.obey(run, id);
    };
    const started = here.run('start', ['w0', 'w1'], { node: ALPHA.id });
    await settled();
    await here.placement.changeHost('rack1-01', { expect: 'known', state: 'disabled' });
    go();
    expect(short(await started).slice(-2)).toEqual([
      `w0@${ALPHA.id}: done running`,
      `w1@${ALPHA.id}: w1: rack1-01 (91d5815f) cannot take it | it was disabled meanwhile (PLACEMENT_REFUSED)`,
    ]);
    expect(held(here, ALPHA.id)).toBe('w0 running');
  });

  test('that is disabled gets nothing back after its reboot until it is enabled', async () => {
    const here = await appliance();
    await here.run('start', ['w0'], { node: ALPHA.id });
    await here.placement.changeHost('rack1-01', { expect: 'known', state: 'disabled' });
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect(await here.state('w0')).toBe(
      'returning: it did not come back on rack1-01 (91d5815f): w0: rack1-01 cannot take it; rack1-01: disabled',
    );
    await here.placement.changeHost('rack1-01', { expect: 'known', state: 'enabled' });
    here.clock.advance(2000);
    await settled();
    expect(await here.state('w0')).toBe('running');
  });
});

describe('devices', () => {
  test('a dry run is sent with the device that a start would get, and none is held', async () => {
    const here = await appliance([GPU]);
    await here.run('start', ['w0'], { dryRun: true });
    await here.run('start', ['w1'], { dryRun: true });
    expect(here.agents.runs.map(({ devices, dryRun }) => [dryRun, devices.length])).toEqual([
      [true, 1],
      [true, 1],
    ]);
    expect(here.agents.runs[0]?.devices).toEqual(here.agents.runs[1]?.devices);
  });

  test('what found a start of it under way must not go on without a place of its own when that has ended', async () => {
    const here = await appliance([GPU]);
    const turns = new Map(['uuid-w0', 'uuid-w1'].map(uuid => [uuid, Promise.withResolvers<void>()]));
    here.agents.script = async function* (run, id) {
      await turns.get(run.uuid)?.promise;
      yield* here.agents.obey(run, id);
    };
    const first = here.run('start', ['w1']);
    await settled();
    // On one node one after the other: w1 waits for its turn until w0 is done, and nobody is in its way any more.
    const second = here.run('start', ['w0', 'w1'], { node: ALPHA.id });
    await settled();
    turns.get('uuid-w1')?.resolve();
    await first;
    await here.run('stop', ['w1']);
    turns.get('uuid-w0')?.resolve();
    expect(short(await second).at(-1)).toBe(
      `w1@${ALPHA.id}: w1: another start of it was under way | it is over now: try again (WORKLOAD_BUSY)`,
    );
    expect(held(here, ALPHA.id)).toBe('w0 running');
  });

  test('of three starts at once two get a GPU of their own, and the third is refused before delivery', async () => {
    const here = await appliance([GPU]);
    const { promise: ready, resolve: go } = Promise.withResolvers<void>();
    here.agents.script = async function* (run, id) {
      await ready;
      yield* here.agents.obey(run, id);
    };
    const starts = ['w0', 'w1', 'w2'].map(name => here.run('start', [name]));
    await settled();
    expect(held(here, ALPHA.id)).toBe('w0 reserved, w1 reserved');
    go();
    expect((await Promise.all(starts)).map(lines => short(lines).at(-1))).toEqual([
      `w0@${ALPHA.id}: done running`,
      `w1@${ALPHA.id}: done running`,
      `w2: w2: no host can take it | ${BETA.id}: 1 gpu asked for, 0 of 0 free | rack1-01: 1 gpu asked for, 0 of 2 free (PLACEMENT_REFUSED)`,
    ]);
    expect(gpusOf(here)).toEqual([['0000:01:00.0'], ['0000:02:00.0']]);
    expect(held(here, ALPHA.id)).toBe('w0 running, w1 running');
  });

  test.each<[string, (here: TestAppliance) => Promise<unknown>]>([
    [
      'that the agent refuses',
      async here => {
        // biome-ignore lint/correctness/useYield: it refuses before it says anything
        here.agents.script = async function* () {
          throw new PxenError('WORKLOAD_FAILED', 'QEMU says no');
        };
        await here.run('start', ['w0', 'w1']);
      },
    ],
    [
      'whose node cannot be reached',
      async here => {
        here.agents.unreachable.set(ALPHA.address, new PxenError('NODE_UNREACHABLE', 'no route'));
        await here.run('start', ['w0', 'w1']);
      },
    ],
    [
      'that a stop has called off',
      async here => {
        const { promise: called, resolve: off } = Promise.withResolvers<void>();
        here.agents.script = async function* (run) {
          if (run.verb === 'stop') {
            off();
            return yield { done: {} };
          }
          await called;
          throw new PxenError('WORKLOAD_FAILED', 'it was called off');
        };
        const started = here.run('start', ['w0', 'w1']);
        await settled();
        await here.run('stop', ['w0']);
        await started;
      },
    ],
  ])('of a start %s are free again', async (_, fail) => {
    const here = await appliance([GPU]);
    await fail(here);
    expect(held(here, ALPHA.id)).toBe('');
    here.agents.unreachable.clear();
    here.agents.script = (run, id) => here.agents.obey(run, id);
    expect(
      short(await here.run('start', ['w2', 'w3'])).filter(line => line.endsWith('done running')),
    ).toHaveLength(2);
  });

  test('of a start whose caller is gone are kept as long as nobody knows what became of it', async () => {
    const here = await appliance([GPU]);
    const caller = new AbortController();
    here.agents.script = async function* () {
      yield { step: 'fetch', text: 'slowly' };
      await new Promise(() => {});
    };
    const started = here.run('start', ['w0', 'w1'], {}, caller.signal);
    await settled();
    caller.abort();
    await started;
    expect(held(here, ALPHA.id)).toBe('w0 reserved');
    here.report(ALPHA.id);
    await settled();
    expect(held(here, ALPHA.id)).toBe('');
  });

  test('come back with a workload after a reboot, and nobody else gets them meanwhile', async () => {
    const here = await appliance([GPU]);
    await here.run('start', ['w0', 'w1']);
    await here.run('stop', ['w0']);
    here.agents.script = async function* () {
      yield { step: 'fetch', text: 'slowly' };
      await new Promise(() => {});
    };
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect(here.agents.runs.at(-1)).toMatchObject({
      uuid: 'uuid-w1',
      devices: [{ type: 'gpu', address: '0000:02:00.0' }],
    });
    expect(held(here, ALPHA.id)).toBe('w1 reserved');
  });

  test('stay with what is restarted, and are let go of when its file asks for none any more', async () => {
    const here = await appliance([GPU]);
    await here.run('start', ['w0', 'w1']);
    await here.run('stop', ['w0']);
    await here.run('restart', ['w1']);
    expect(gpusOf(here).at(-1)).toEqual(['0000:02:00.0']);
    here.files.files = [fileOf('w1')];
    await here.run('restart', ['w1']);
    expect([gpusOf(here).at(-1), here.store.get('uuid-w1')?.devices]).toEqual([[], undefined]);
  });
});

describe('host0 that was killed', () => {
  test('knows from records alone who has which GPU, before any node reports', async () => {
    const here = await appliance([GPU]);
    await here.run('start', ['w0', 'w1']);
    here.restart();
    here.change(ALPHA.id, { state: 'unknown' });
    expect(held(here, ALPHA.id)).toBe('w0 unknown, w1 unknown');
    expect(short(await here.run('start', ['w2'])).at(-1)).toContain('0 of 2 free');
    here.report(ALPHA.id, { state: 'up' });
    expect(held(here, ALPHA.id)).toBe('w0 running, w1 running');
  });

  test('between holding a place and its confirmation loses nothing and leaks nothing', async () => {
    const here = await appliance([GPU]);
    here.agents.script = async function* () {
      yield { step: 'fetch', text: 'slowly' };
      await new Promise(() => {});
    };
    void here.run('start', ['w0']);
    await settled();
    here.restart();
    expect([held(here, ALPHA.id), here.store.get('uuid-w0')?.devices]).toEqual([
      'w0 reserved',
      [{ type: 'gpu', address: '0000:01:00.0' }],
    ]);
    here.report(ALPHA.id);
    await settled();
    expect(held(here, ALPHA.id)).toBe('');
  });

  test('finds what was started in the very moment as its node tells of it', async () => {
    const here = await appliance([GPU]);
    here.agents.script = async function* () {
      yield { step: 'fetch', text: 'slowly' };
      await new Promise(() => {});
    };
    void here.run('start', ['w0']);
    await settled();
    here.restart();
    here.agents.machines.set(ALPHA.id, new Map([['uuid-w0', statusOf('w0')]]));
    here.report(ALPHA.id);
    await settled();
    expect(held(here, ALPHA.id)).toBe('w0 running');
  });
});

describe('a node that is lost', () => {
  async function lost(): Promise<TestAppliance> {
    const here = await appliance([GPU]);
    await here.run('start', ['w0', 'w1']);
    here.report(ALPHA.id);
    here.change(ALPHA.id, { state: 'silent' });
    await here.placement.changeHost(BETA.id, { expect: 'known', profile: 'gpu' });
    return here;
  }

  test('keeps what it had, until it reports', async () => {
    const here = await lost();
    expect(held(here, ALPHA.id)).toBe('w0 unknown, w1 unknown');
    here.report(ALPHA.id, { state: 'up', workloads: [statusOf('w1')] });
    expect(held(here, ALPHA.id)).toBe('w1 running');
  });

  test('loses what an admin stops, though it cannot be told', async () => {
    const here = await lost();
    here.agents.unreachable.set(ALPHA.address, new PxenError('NODE_UNREACHABLE', 'no route'));
    await here.run('stop', ['w0']);
    expect(held(here, ALPHA.id)).toBe('w1 unknown');
    expect(short(await here.run('start', ['w0'])).at(-1)).toBe(`w0@${BETA.id}: done running`);
  });

  test('that is forgotten loses all, which may be started elsewhere then', async () => {
    const here = await lost();
    here.lose(ALPHA.id);
    await here.workloads.forget(ALPHA.id);
    await here.placement.forget(ALPHA.id);
    expect(here.placement.hosts().map(({ name }) => name)).toEqual([BETA.id]);
    expect(await here.state('w0')).toBe('stopped: the node that it was on, 91d5815f, was forgotten');
    expect(short(await here.run('start', ['w0', 'w1'])).filter(line => line.endsWith('running'))).toEqual([
      `w0@${BETA.id}: done running`,
      `w1@${BETA.id}: done running`,
    ]);
    expect(here.table.saved.has(ALPHA.id)).toBe(false);
  });
});

test('a dry run tells where it would go and what each host would cost, then what that node says; nothing is held', async () => {
  const here = await appliance();
  const lines = await here.run('start', ['w0'], { dryRun: true });
  expect(short(lines)).toEqual([
    `w0@${BETA.id}: would go to ${BETA.id}`,
    `w0@${BETA.id}: spawn`,
    `w0@${BETA.id}: done`,
  ]);
  const parts = { vms: 1, vcpus: 0, memory: 0, devices: {}, offset: 0 };
  expect(lines[0]).toEqual({
    workload: 'w0',
    node: BETA.id,
    placement: {
      workload: 'w0',
      host: BETA.id,
      node: BETA.id,
      reasons: [`rack1-01: costs 1 too; ${BETA.id} is first by name`],
      costs: [
        { host: BETA.id, total: 1, parts },
        { host: 'rack1-01', total: 1, parts },
      ],
    },
  });
  expect([held(here, ALPHA.id), held(here, BETA.id)]).toEqual(['', '']);
});

test('a dry run of what fits nowhere shows that before it fails', async () => {
  const here = await appliance(['platform.device.0.type=fpga']);
  expect(short(await here.run('start', ['w0'], { dryRun: true }))).toEqual([
    'w0: would go to null',
    expect.stringMatching(/^w0: w0: no host can take it \| .* \(PLACEMENT_REFUSED\)$/),
  ]);
});

test('a dry run and a download on a named node that cannot take it say why, by its name', async () => {
  const here = await appliance();
  await here.placement.changeHost('rack1-01', { expect: 'known', state: 'disabled' });
  const refusal = 'w0: w0: rack1-01 cannot take it | rack1-01: disabled (PLACEMENT_REFUSED)';
  expect(short(await here.run('start', ['w0'], { dryRun: true, node: ALPHA.id })).at(-1)).toBe(refusal);
  expect(short(await here.run('download', ['w0'], { node: ALPHA.id }))).toEqual([refusal]);
});

test('a download goes to where a start would, and holds nothing', async () => {
  const here = await appliance([GPU]);
  expect(short(await here.run('download', ['w0', 'w1', 'w2'])).filter(line => line.endsWith('done'))).toEqual(
    [`w0@${ALPHA.id}: done`, `w1@${ALPHA.id}: done`, `w2@${ALPHA.id}: done`],
  );
  expect(held(here, ALPHA.id)).toBe('');
});

test('whatever is started, stopped and lost: no device twice, no coschedule broken, nothing on a disabled host', async () => {
  const step = fc.record({
    verb: fc.constantFrom(
      'start',
      'start',
      'stop',
      'reboot',
      'silence',
      'report',
      'restart host0',
      'two',
      'rules',
    ),
    name: fc.constantFrom(...NAMES),
  });
  const limits = ['-1', '-1', '2', '1', '-1', '3'];
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
      const files = NAMES.map((name, at) =>
        fileOf(name, textOf(name, [`placement.coschedule=${limits[at]}`, ...(at % 2 === 0 ? [GPU] : [])])),
      );
      const here = new TestAppliance({
        files,
        rules: RULES,
        hosts: hostsOf(3).map(host => ({ ...host, ...ROOMY })),
      });
      const [a, b, c] = here.placement.hosts().map(({ id }) => id);
      if (!a || !b || !c) throw new Error('there are three hosts');
      await here.placement.changeHost(a, { expect: 'known', profile: 'gpu' });
      await here.placement.changeHost(b, { expect: 'known', profile: 'gpu' });
      await here.placement.changeHost(c, { expect: 'known', profile: 'gpu', state: 'disabled' });
      for (const [at, { verb, name }] of steps.entries()) {
        if (verb === 'start' || verb === 'stop') await here.run(verb, [name]);
        if (verb === 'reboot') here.reboot(a, `boot-${at + 2}`);
        if (verb === 'silence') here.change(b, { state: 'silent' });
        if (verb === 'report') here.report(b, { state: 'up' });
        if (verb === 'restart host0') here.restart();
        if (verb === 'two') await Promise.all([here.run('start', [name]), here.run('start', NAMES)]);
        if (verb === 'rules') {
          here.rules.write(at % 2 === 0 ? ONE_GPU : RULES);
          here.sweeps.advance(10_000);
        }
        await settled();
        for (const host of here.placement.hosts()) {
          expect(host.problem).toBeUndefined();
          expect(host.usage.devices['gpu'] ?? 0).toBeLessThanOrEqual(2);
          const allowed = host.workloads.map(held => Number(limits[NAMES.indexOf(held.name)]));
          for (const limit of allowed)
            if (limit >= 0) expect(host.workloads.length).toBeLessThanOrEqual(limit + 1);
        }
        expect(here.agents.on(c)).toEqual([]);
      }
    }),
    { numRuns: 40 },
  );
});
