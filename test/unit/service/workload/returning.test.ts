import { describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import {
  fileOf,
  hostsOf,
  MemoryWorkloads,
  recordOf,
  statusOf,
  textOf,
} from '../../../fakes/host-workloads.ts';
import { ALPHA, BETA } from '../../../fakes/registry.ts';
import { settled, short, TestAppliance } from './appliance.ts';

const onAlpha = { node: ALPHA.id };

/** With `web` running on alpha in its first boot. */
async function started(more: readonly string[] = []): Promise<TestAppliance> {
  const here = new TestAppliance({ files: [fileOf('web', textOf('web', more))] });
  await here.run('start', ['web'], onAlpha);
  here.report(ALPHA.id);
  here.agents.received.length = 0;
  here.log.lines.length = 0;
  return here;
}

/** From now on no start succeeds. */
function failStarts(here: TestAppliance): void {
  // biome-ignore lint/correctness/useYield: it refuses before it says anything
  here.agents.script = async function* () {
    throw new PxenError('WORKLOAD_INVALID', 'web.conf: 1 problem', { details: ['no bridge br7'] });
  };
}

const starts = (here: TestAppliance): number =>
  here.agents.received.filter(each => each.startsWith('start')).length;

describe('a workload whose node reboots', () => {
  test('comes back as it was started, whatever its file says now', async () => {
    const here = await started();
    here.files.files = [fileOf('web', 'name=web\nnonsense\n')];
    here.reboot(ALPHA.id, 'boot-2');
    expect(await here.state('web')).toBe('returning');
    await settled();
    expect(here.agents.runs.at(-1)).toMatchObject({ verb: 'start', config: { text: textOf('web') } });
    expect(await here.state('web')).toBe('running');
    expect(here.store.get('uuid-web')).toEqual(recordOf('web', { bootId: 'boot-2' }));
    expect(here.log.lines).toEqual([
      'info workloads: web is back on rack1-01 (91d5815f) after its reboot {"workload":"web","node":"91d5815f","ms":0}',
    ]);
  });

  test('comes back once, however often the node reports meanwhile', async () => {
    const here = await started();
    here.reboot(ALPHA.id, 'boot-2');
    here.report(ALPHA.id);
    await settled();
    here.report(ALPHA.id);
    await settled();
    expect(here.agents.received).toEqual(['start web@91d5815f']);
  });

  test('comes back even if the folder of workload files cannot be read', async () => {
    const here = await started();
    here.files.failure = new PxenError('FILE_MISSING', 'cannot be listed');
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    here.files.failure = undefined;
    expect(await here.state('web')).toBe('running');
  });

  test('comes back after every reboot', async () => {
    const here = await started();
    for (const bootId of ['boot-2', 'boot-3']) {
      here.reboot(ALPHA.id, bootId);
      await settled();
    }
    expect([starts(here), here.store.get('uuid-web')?.bootId]).toEqual([2, 'boot-3']);
  });

  test('stays ended if it ended by itself in this boot', async () => {
    const here = await started();
    here.agents.machines.set(ALPHA.id, new Map([['uuid-web', statusOf('web', { state: 'ended' })]]));
    here.report(ALPHA.id);
    await settled();
    expect([starts(here), await here.state('web')]).toEqual([0, 'ended']);
  });

  test('does not come back with autostart=0', async () => {
    const here = await started(['runtime.autostart=0']);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect([starts(here), await here.state('web'), here.store.get('uuid-web')?.desired]).toEqual([
      0,
      'stopped',
      'stopped',
    ]);
  });

  test('does not come back when it was stopped while nobody could tell the node', async () => {
    const here = await started();
    here.agents.unreachable.set(ALPHA.address, new PxenError('NODE_UNREACHABLE', 'no route'));
    await here.run('stop', ['web']);
    here.agents.unreachable.clear();
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect([starts(here), await here.state('web')]).toEqual([0, 'stopped']);
  });

  test('is lost as long as the node is silent', async () => {
    const here = await started();
    here.change(ALPHA.id, { state: 'silent' });
    here.clock.advance(24 * 3600 * 1000);
    await settled();
    expect([starts(here), await here.state('web')]).toEqual([
      0,
      'lost: rack1-01 (91d5815f) does not report: it is silent',
    ]);
  });

  test('does not start on another node meanwhile', async () => {
    const here = await started();
    failStarts(here);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect(short(await here.run('start', ['web'], { node: BETA.id }))).toEqual([
      'web@6e6da274: web is being brought back on rack1-01 (91d5815f), where it ran before that node rebooted | ' +
        'stop it there first: mesh workload stop -w web -n 91d5815f (WORKLOAD_STATE)',
    ]);
  });
});

describe('a return that fails', () => {
  test('is tried again after 2 s, 10 s, 60 s and then every 5 minutes, and says why', async () => {
    const here = await started();
    failStarts(here);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect(await here.state('web')).toBe(
      'returning: it did not come back on rack1-01 (91d5815f): web.conf: 1 problem; no bridge br7',
    );
    const waits: number[] = [];
    for (let seconds = 0; seconds < 700; seconds++) {
      const before = starts(here);
      here.clock.advance(1000);
      await settled();
      if (starts(here) > before) waits.push(seconds + 1);
    }
    expect(waits).toEqual([2, 12, 72, 372, 672]);
    expect(here.log.lines.slice(0, 2)).toEqual([
      'warn workloads: web: it did not come back on rack1-01 (91d5815f): web.conf: 1 problem; no bridge br7; ' +
        'next try in 2 s {"workload":"web","node":"91d5815f","code":"WORKLOAD_INVALID"}',
      'warn workloads: web: it did not come back on rack1-01 (91d5815f): web.conf: 1 problem; no bridge br7; ' +
        'next try in 10 s {"workload":"web","node":"91d5815f","code":"WORKLOAD_INVALID"}',
    ]);
  });

  test('ends well once the reason is gone', async () => {
    const here = await started();
    failStarts(here);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    here.agents.script = (run, id) => here.agents.obey(run, id);
    here.clock.advance(2000);
    await settled();
    expect([await here.state('web'), here.clock.waiting]).toEqual(['running', 0]);
  });

  test('is given up when its node goes silent, and begins anew with its next report', async () => {
    const here = await started();
    failStarts(here);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    here.change(ALPHA.id, { state: 'silent' });
    here.clock.advance(2000);
    await settled();
    expect([starts(here), here.clock.waiting, await here.state('web')]).toEqual([
      1,
      0,
      'lost: rack1-01 (91d5815f) does not report: it is silent',
    ]);
    here.agents.script = (run, id) => here.agents.obey(run, id);
    here.report(ALPHA.id, { state: 'up' });
    await settled();
    expect([starts(here), await here.state('web')]).toEqual([2, 'running']);
  });

  test('ends with a stop, which needs no word from the node', async () => {
    const here = await started();
    failStarts(here);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    await here.run('stop', ['web']);
    here.clock.advance(3_600_000);
    here.report(ALPHA.id);
    await settled();
    expect([starts(here), here.clock.waiting, await here.state('web')]).toEqual([1, 0, 'stopped']);
  });

  test('does not keep an admin from a start at once', async () => {
    const here = await started();
    failStarts(here);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    here.agents.script = (run, id) => here.agents.obey(run, id);
    expect(short(await here.run('start', ['web'])).at(-1)).toBe('web@91d5815f: done running');
    expect([here.clock.waiting, here.store.get('uuid-web')]).toEqual([
      0,
      recordOf('web', { bootId: 'boot-2' }),
    ]);
  });

  test('is over when somebody on the node started it', async () => {
    const here = await started();
    failStarts(here);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    here.agents.machines.set(ALPHA.id, new Map([['uuid-web', statusOf('web')]]));
    here.report(ALPHA.id);
    await settled();
    expect([here.clock.waiting, await here.state('web'), here.store.get('uuid-web')?.bootId]).toEqual([
      0,
      'running',
      'boot-2',
    ]);
  });
});

test('a stop calls off a return that is under way', async () => {
  const here = await started();
  here.agents.script = async function* (run) {
    if (run.verb === 'stop') yield { done: {} };
    else {
      yield { step: 'fetch', text: 'slowly' };
      await new Promise(() => {});
    }
  };
  here.reboot(ALPHA.id, 'boot-2');
  await settled();
  expect(short(await here.run('start', ['web']))).toEqual([
    'web@91d5815f: web: it is being brought back on its node | try again when it is over (WORKLOAD_BUSY)',
  ]);
  expect(short(await here.run('stop', ['web']))).toEqual(['web@91d5815f: done']);
  await settled();
  expect([await here.state('web'), here.agents.links, here.clock.waiting]).toEqual(['stopped', 0, 0]);
});

test('a rack that comes back is served by sixteen nodes at once', async () => {
  const hosts = hostsOf(40);
  const store = new MemoryWorkloads(
    hosts.map((host, at) => recordOf(`w${at}`, { node: host.id, bootId: 'boot-0' })),
  );
  const here = new TestAppliance({ hosts, files: [], store });
  let atOnce = 0;
  let most = 0;
  here.agents.script = async function* (run, id) {
    most = Math.max(most, ++atOnce);
    await settled();
    yield* here.agents.obey(run, id);
    atOnce--;
  };
  for (const { id } of hosts) here.report(id);
  for (let i = 0; i < 10; i++) await settled();
  expect([most, starts(here)]).toEqual([16, 40]);
});

describe('host0 that was killed', () => {
  test('between sending a start and its end finds it running', async () => {
    const store = new MemoryWorkloads([recordOf('web', { start: 'sent' })]);
    const here = new TestAppliance({ store });
    here.agents.machines.set(ALPHA.id, new Map([['uuid-web', statusOf('web')]]));
    here.report(ALPHA.id);
    await settled();
    expect([await here.state('web'), store.get('uuid-web')]).toEqual(['running', recordOf('web')]);
  });

  test('during an upload says so, and does not start it later', async () => {
    const store = new MemoryWorkloads([recordOf('web', { start: 'sent' })]);
    const here = new TestAppliance({ store });
    here.report(ALPHA.id);
    await settled();
    const expected = 'stopped: its start was interrupted, and it is not on its node: start it again';
    expect(await here.state('web')).toBe(expected);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect([await here.state('web'), here.agents.received]).toEqual([expected, []]);
    expect(short(await here.run('start', ['web'])).at(-1)).toBe('web@91d5815f: done running');
    expect(await here.state('web')).toBe('running');
  });

  test('while a node rebooted brings its workloads back', async () => {
    const here = await started();
    here.restart();
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect([starts(here), await here.state('web')]).toEqual([1, 'running']);
  });

  test('while nothing happened starts nothing', async () => {
    const here = await started();
    here.restart();
    here.report(ALPHA.id);
    await settled();
    expect([starts(here), await here.state('web')]).toEqual([0, 'running']);
  });

  test('in the middle of a return goes on with it', async () => {
    const here = await started();
    here.agents.script = async function* () {
      yield { step: 'fetch', text: 'slowly' };
      await new Promise(() => {});
    };
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    here.agents.script = (run, id) => here.agents.obey(run, id);
    here.restart();
    here.report(ALPHA.id);
    await settled();
    expect([starts(here), await here.state('web')]).toEqual([2, 'running']);
  });

  test('stops without waiting for returns that are under way', async () => {
    const here = await started();
    here.agents.script = async function* () {
      yield { step: 'fetch', text: 'slowly' };
      await new Promise(() => {});
    };
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    await here.workloads.stop();
    await settled();
    expect([here.agents.links, here.clock.waiting, here.store.get('uuid-web')]).toEqual([
      0,
      0,
      recordOf('web'),
    ]);
  });

  test('writes on when the disk has room again', async () => {
    const store = new MemoryWorkloads([recordOf('web', { start: 'sent' })]);
    const here = new TestAppliance({ store });
    store.failure = new PxenError('STATE_UNUSABLE', 'disk full');
    here.report(ALPHA.id);
    await settled();
    expect(here.log.lines).toEqual(['error workloads: web: disk full {"workload":"web","node":"91d5815f"}']);
    store.failure = undefined;
    here.report(ALPHA.id);
    await settled();
    expect([store.get('uuid-web')?.desired, here.workloads.health()]).toEqual(['stopped', undefined]);
  });
});
