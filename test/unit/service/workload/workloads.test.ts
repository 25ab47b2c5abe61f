import { describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import {
  ALPHA_HOST,
  fileOf,
  hostsOf,
  MemoryWorkloads,
  recordOf,
  statusOf,
  textOf,
} from '../../../fakes/host-workloads.ts';
import { ALPHA, BETA } from '../../../fakes/registry.ts';
import { settled, short, TestAppliance } from './appliance.ts';

const at = (id: string) => ({ node: id as typeof ALPHA.id });
const down = new PxenError('NODE_UNREACHABLE', '10.77.0.100:22: connect EHOSTUNREACH', {
  details: ['ping it'],
});

describe('start', () => {
  test('goes to the agent of the chosen node with the file, and its lines come back', async () => {
    const here = new TestAppliance({ files: [fileOf('db'), fileOf('web')] });
    expect(short(await here.run('start', ['web'], at(ALPHA.id)))).toEqual([
      'web@91d5815f: spawn',
      'web@91d5815f: done running',
    ]);
    expect(here.agents.runs).toEqual([
      {
        verb: 'start',
        uuid: 'uuid-web',
        config: { file: '/var/pxen/monoliths/web.conf', text: textOf('web') },
        accel: 'kvm',
        otherUuids: ['uuid-db'],
        devices: [],
        timeoutSeconds: 20,
        dryRun: false,
      },
    ]);
    expect(here.agents.opened).toEqual([
      { node: 'rack1-01 (91d5815f)', address: ALPHA.address, hostKey: ALPHA_HOST.hostKey, bootId: 'boot-1' },
    ]);
    expect(here.log.lines).toEqual([
      'info workloads: start done {"workload":"web","node":"91d5815f","ms":0}',
    ]);
  });

  test('is remembered before the node hears of it', async () => {
    const here = new TestAppliance();
    const remembered: unknown[] = [];
    here.agents.script = async function* (run, id) {
      remembered.push(here.store.get('uuid-web'));
      yield* here.agents.obey(run, id);
    };
    await here.run('start', ['web'], at(ALPHA.id));
    expect(remembered).toEqual([recordOf('web', { start: 'sent' })]);
    expect(here.store.get('uuid-web')).toEqual(recordOf('web'));
    expect(here.store.history).toEqual(['web running sent', 'web running confirmed']);
  });

  test('is not given up because the node reports without it meanwhile', async () => {
    const here = new TestAppliance();
    const { promise: ready, resolve: go } = Promise.withResolvers<void>();
    here.agents.script = async function* (run, id) {
      yield { step: 'fetch', text: 'slowly' };
      await ready;
      yield* here.agents.obey(run, id);
    };
    const start = here.run('start', ['web'], at(ALPHA.id));
    await settled();
    here.report(ALPHA.id);
    await settled();
    expect(await here.state('web')).toBe('starting');
    go();
    expect(short(await start).at(-1)).toBe('web@91d5815f: done running');
    expect(here.store.history).toEqual(['web running sent', 'web running confirmed']);
  });

  test('shows at once, before the node reports', async () => {
    const here = new TestAppliance();
    expect(await here.state('web')).toBe('stopped');
    await here.run('start', ['web'], at(ALPHA.id));
    expect(await here.view('web')).toEqual({
      name: 'web',
      uuid: 'uuid-web',
      file: '/var/pxen/monoliths/web.conf',
      problems: [],
      node: ALPHA.id,
      nodeName: 'rack1-01',
      desired: 'running',
      state: 'running',
      status: statusOf('web'),
      reportedAt: here.clock.now(),
      changed: false,
    });
  });

  test('that cannot be remembered is not sent', async () => {
    const here = new TestAppliance();
    here.store.failure = new PxenError('STATE_UNUSABLE', 'disk full');
    expect(short(await here.run('start', ['web'], at(ALPHA.id)))).toEqual([
      'web@91d5815f: disk full (STATE_UNUSABLE)',
    ]);
    expect([here.agents.received, here.workloads.health()]).toEqual([
      [],
      'what shall run where is not saved: disk full',
    ]);
  });

  test('of a file with problems tells them all, and asks no node', async () => {
    const broken = fileOf('web', 'name=web\nuuid=uuid-web\nplatform.memory.size=4GB\n');
    const here = new TestAppliance({ files: [broken] });
    const [line] = short(await here.run('start', ['web'], at(ALPHA.id)));
    expect(line).toContain('web: /var/pxen/monoliths/web.conf: 2 problems | /var/pxen/monoliths/web.conf:3:');
    expect(line).toContain('platform.cpu.threads: is missing');
    expect(here.agents.received).toEqual([]);
  });

  test('that the agent refuses is not remembered as wanted; the node is, for its log', async () => {
    const here = new TestAppliance();
    // biome-ignore lint/correctness/useYield: it refuses before it says anything
    here.agents.script = async function* () {
      throw new PxenError('WORKLOAD_FAILED', 'QEMU says no', { details: ['its last words'] });
    };
    expect(short(await here.run('start', ['web'], at(ALPHA.id)))).toEqual([
      'web@91d5815f: QEMU says no | its last words (WORKLOAD_FAILED)',
    ]);
    expect(here.store.get('uuid-web')).toEqual(
      recordOf('web', { desired: 'stopped', problem: 'its last start failed: QEMU says no' }),
    );
    expect(await here.state('web')).toBe('stopped: its last start failed: QEMU says no');
    expect(here.log.lines).toEqual([
      'warn workloads: start: QEMU says no {"workload":"web","node":"91d5815f","ms":0,"code":"WORKLOAD_FAILED"}',
    ]);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect(here.agents.received).toEqual(['start web@91d5815f']);
  });

  test('of what runs on that node already is refused by its agent, and what is remembered stays', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    expect(short(await here.run('start', ['web']))).toEqual([
      'web@91d5815f: web: runs already on this node (pid 7) (WORKLOAD_STATE)',
    ]);
    expect(here.store.get('uuid-web')).toEqual(recordOf('web'));
  });

  test('on another node than the one it runs on is refused', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    here.report(ALPHA.id);
    expect(short(await here.run('start', ['web'], at(BETA.id)))).toEqual([
      'web@6e6da274: web runs already on rack1-01 (91d5815f) | ' +
        'stop it there first: mesh workload stop -w web -n 91d5815f (WORKLOAD_STATE)',
    ]);
    expect(here.agents.received).toEqual(['start web@91d5815f']);
  });

  test('while its node is silent waits for a word of the admin', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    here.report(ALPHA.id);
    here.change(ALPHA.id, { state: 'silent' });
    here.agents.unreachable.set(ALPHA.address, down);
    const refusal =
      'web@6e6da274: web may still run on rack1-01 (91d5815f), which does not report now | bring that node back, ' +
      'or, when it is off for sure: mesh workload stop -w web; then start it here (WORKLOAD_STATE)';
    expect(short(await here.run('start', ['web'], at(BETA.id)))).toEqual([refusal]);
    expect(short(await here.run('stop', ['web']))).toEqual([
      'web@91d5815f: 10.77.0.100:22: connect EHOSTUNREACH | ping it | ' +
        'it is remembered as stopped: it does not come back when its node reboots (NODE_UNREACHABLE)',
    ]);
    expect(short(await here.run('start', ['web'], at(BETA.id)))).toEqual([
      'web@6e6da274: spawn',
      'web@6e6da274: done running',
    ]);
    here.report(ALPHA.id, { state: 'up' });
    expect(await here.state('web')).toBe(
      'running: it runs on rack1-01 (91d5815f) and on 6e6da274 at once: stop one of them with -n',
    );
    here.agents.unreachable.clear();
    await here.run('stop', ['web'], at(ALPHA.id));
    expect([await here.state('web'), here.store.get('uuid-web')?.desired]).toEqual(['running', 'running']);
  });

  test('of a file whose name another workload has taken to a node is refused', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    here.files.files = [fileOf('web', textOf('web').replace('uuid-web', 'uuid-new'))];
    expect(short(await here.run('start', ['web'], at(BETA.id)))).toEqual([
      'web: a workload called web with another uuid (uuid-web) is on rack1-01 (91d5815f) | ' +
        'stop it first: mesh workload stop -w web (WORKLOAD_STATE)',
    ]);
    await here.run('stop', ['web']);
    expect(here.agents.received).toEqual(['start web@91d5815f', 'stop web@91d5815f']);
    expect(short(await here.run('start', ['web'], at(BETA.id)))[1]).toBe('web@6e6da274: done running');
  });

  test('twice at once: the second one hears that the first is under way', async () => {
    const here = new TestAppliance();
    const both = await Promise.all([
      here.run('start', ['web'], at(ALPHA.id)),
      here.run('start', ['web'], at(ALPHA.id)),
    ]);
    expect(both.map(lines => short(lines).at(-1))).toEqual([
      'web@91d5815f: done running',
      'web: web: a start is under way | try again when it is over (WORKLOAD_BUSY)',
    ]);
  });

  test('dry says what would be done, and nothing is remembered', async () => {
    const here = new TestAppliance();
    const lines = await here.run('start', ['web'], { ...at(ALPHA.id), dryRun: true });
    expect(lines.at(-1)).toEqual({ workload: 'web', node: ALPHA.id, done: { argv: ['qemu-system-x86_64'] } });
    expect([here.store.history, await here.state('web')]).toEqual([[], 'stopped']);
  });
});

describe('stop', () => {
  test('is remembered before the node hears of it', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    const remembered: unknown[] = [];
    here.agents.script = async function* (run, id) {
      remembered.push(here.store.get('uuid-web')?.desired);
      yield* here.agents.obey(run, id);
    };
    expect(short(await here.run('stop', ['web']))).toEqual(['web@91d5815f: done']);
    expect([remembered, await here.state('web')]).toEqual([['stopped'], 'stopped']);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect(here.agents.received).toEqual(['start web@91d5815f', 'stop web@91d5815f']);
  });

  test('of what is on no node is refused', async () => {
    const here = new TestAppliance();
    expect(short(await here.run('stop', ['web']))).toEqual([
      'web: web is on no node | start it: mesh workload start -w web (WORKLOAD_STATE)',
    ]);
  });

  test('of a workload without a file leaves nothing behind', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    here.files.files = [];
    expect(await here.state('web')).toBe('running');
    await here.run('stop', ['web']);
    here.report(ALPHA.id);
    expect([await here.workloads.list(), here.store.load()]).toEqual([[], []]);
  });

  test('of a workload that only its node knows', async () => {
    const here = new TestAppliance({ files: [] });
    here.agents.machines.set(BETA.id, new Map([['uuid-odd', statusOf('odd')]]));
    here.report(BETA.id);
    expect(await here.state('odd')).toBe('running');
    expect(short(await here.run('stop', ['odd']))).toEqual(['odd@6e6da274: done']);
    expect([await here.workloads.list(), here.store.history]).toEqual([[], []]);
  });

  test('that asks the guest in vain leaves all as it was', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    // biome-ignore lint/correctness/useYield: it refuses before it says anything
    here.agents.script = async function* () {
      throw new PxenError('TIMEOUT', 'the guest did not shut down within 20 s');
    };
    await here.run('soft-stop', ['web']);
    expect(here.store.get('uuid-web')).toEqual(recordOf('web'));
  });

  test('overtakes a start, which then changes nothing of what is remembered', async () => {
    const here = new TestAppliance();
    const { promise: calledOff, resolve: callOff } = Promise.withResolvers<void>();
    here.agents.script = async function* (run, id) {
      if (run.verb === 'stop') {
        callOff();
        yield { done: {} };
        return;
      }
      yield { step: 'fetch', text: 'slowly' };
      await calledOff;
      throw new PxenError('WORKLOAD_FAILED', `called off on ${id}`);
    };
    const start = here.run('start', ['web'], at(ALPHA.id));
    await settled();
    expect(await here.state('web')).toBe('starting');
    expect(short(await here.run('stop', ['web']))).toEqual(['web@91d5815f: done']);
    expect(short(await start).at(-1)).toBe('web@91d5815f: called off on 91d5815f (WORKLOAD_FAILED)');
    expect(here.store.get('uuid-web')).toEqual(recordOf('web', { desired: 'stopped' }));
    expect(await here.state('web')).toBe('stopped');
  });
});

describe('what is changed in a machine that runs', () => {
  const volume = (path: string): string[] => ['platform.volume.0.type=iso', `platform.volume.0.path=${path}`];

  test('balloon: the size goes to the node, and nothing is remembered', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    const saved = here.store.history.length;
    expect(short(await here.run('balloon', ['web'], { memory: 2 ** 28 }))).toEqual([
      'web@91d5815f: done running',
    ]);
    expect(here.agents.runs.at(-1)).toEqual({
      ...{ verb: 'balloon', uuid: 'uuid-web', memory: 2 ** 28, accel: 'kvm' },
      ...{ devices: [], otherUuids: [], timeoutSeconds: 20, dryRun: false },
    });
    expect(here.store.history.length).toBe(saved);
  });

  test('replace: its file goes to the node, and what was changed of it is remembered', async () => {
    const text = textOf('web', volume('/v/a.iso'));
    const here = new TestAppliance({ files: [fileOf('web', text)] });
    await here.run('start', ['web'], at(ALPHA.id));
    const other = textOf('web', volume('/v/b.iso'));
    here.files.files = [fileOf('web', other)];
    expect(short(await here.run('replace', ['web'], { volume: 0 }))).toEqual(['web@91d5815f: done running']);
    expect(here.agents.runs.at(-1)).toMatchObject({ verb: 'replace', volume: 0, config: { text: other } });
    expect([here.store.get('uuid-web')?.config.text, (await here.view('web')).changed]).toEqual([
      other,
      false,
    ]);
    // More memory waits for a restart.
    here.files.files = [fileOf('web', text.replace('1G', '2G'))];
    await here.run('replace', ['web'], { volume: 0 });
    expect([here.store.get('uuid-web')?.config.text, (await here.view('web')).changed]).toEqual([text, true]);
  });

  test('replace: of a NIC, too', async () => {
    const wired = (bridge: string): string =>
      textOf('web', ['network.0.type=bridge', `network.0.bridge=${bridge}`]);
    const here = new TestAppliance({ files: [fileOf('web', wired('br0'))] });
    await here.run('start', ['web'], at(ALPHA.id));
    here.files.files = [fileOf('web', wired('br1').replace('1G', '2G'))];
    await here.run('replace', ['web'], { nic: 0 });
    expect(here.agents.runs.at(-1)).toMatchObject({ verb: 'replace', nic: 0 });
    expect([here.store.get('uuid-web')?.config.text, (await here.view('web')).changed]).toEqual([
      wired('br1'),
      true,
    ]);
  });

  test('replace: what the node refuses changes nothing', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    const before = here.store.get('uuid-web');
    here.files.files = [fileOf('web', textOf('web', volume('/v/b.iso')))];
    // biome-ignore lint/correctness/useYield: it refuses before it says anything
    here.agents.script = async function* () {
      throw new PxenError('WORKLOAD_STATE', 'web: volume 0 cannot be replaced');
    };
    expect(short(await here.run('replace', ['web'], { volume: 0 }))).toEqual([
      'web@91d5815f: web: volume 0 cannot be replaced (WORKLOAD_STATE)',
    ]);
    expect(here.store.get('uuid-web')).toEqual(before);
  });

  test('replace: without a file there is nothing to go by', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    here.files.files = [];
    expect(short(await here.run('replace', ['web'], { volume: 0 }))[0]).toContain('(FILE_MISSING)');
  });
});

describe('restart', () => {
  test('takes the file as it is now', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    const text = textOf('web').replace('1G', '2G');
    here.files.files = [fileOf('web', text)];
    expect((await here.view('web')).changed).toBe(true);
    expect(short(await here.run('restart', ['web']))).toEqual([
      'web@91d5815f: spawn',
      'web@91d5815f: done running',
    ]);
    expect(here.agents.runs.at(-1)?.config?.text).toBe(text);
    expect((await here.view('web')).changed).toBe(false);
  });

  test('of a workload without a file takes the one it was started with', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    here.files.files = [];
    await here.run('restart', ['web']);
    expect(here.agents.runs.at(-1)).toMatchObject({ verb: 'restart', config: { text: textOf('web') } });
    expect(short(await here.run('start', ['web']))).toEqual([
      'web: web has no workload file any more | mesh workload status tells where it was started (FILE_MISSING)',
    ]);
  });

  test('on another node than the one it runs on is refused', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    expect(short(await here.run('restart', ['web'], at(BETA.id)))).toEqual([
      'web@6e6da274: web runs already on rack1-01 (91d5815f) | ' +
        'stop it there first: mesh workload stop -w web -n 91d5815f (WORKLOAD_STATE)',
    ]);
  });

  test('that is refused before anything was stopped leaves it running, by the file it runs by', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    here.files.files = [fileOf('web', textOf('web').replace('1G', '999G'))];
    // biome-ignore lint/correctness/useYield: it refuses before it says anything
    here.agents.script = async function* () {
      throw new PxenError('WORKLOAD_INVALID', 'too much memory');
    };
    await here.run('restart', ['web']);
    expect(await here.state('web')).toBe('running: too much memory');
    here.report(ALPHA.id);
    await settled();
    expect([await here.state('web'), here.store.get('uuid-web')]).toEqual(['running', recordOf('web')]);
    expect((await here.view('web')).changed).toBe(true);
  });

  test('that stopped it and could not start it again is not tried again behind the back of the admin', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    // biome-ignore lint/correctness/useYield: it refuses before it says anything
    here.agents.script = async function* (_, id) {
      here.agents.machines.delete(id);
      throw new PxenError('WORKLOAD_FAILED', 'QEMU says no');
    };
    await here.run('restart', ['web']);
    here.report(ALPHA.id);
    await settled();
    expect(await here.state('web')).toBe('stopped: QEMU says no');
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect(here.agents.received).toEqual(['start web@91d5815f', 'restart web@91d5815f']);
  });
});

describe('pause, resume and download', () => {
  test('show at once, and change nothing of what shall be', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    const states = [];
    for (const verb of ['pause', 'resume'] as const) {
      await here.run(verb, ['web']);
      states.push(await here.state('web'));
    }
    expect(short(await here.run('download', ['web']))).toEqual([
      'web@91d5815f: 5 of 10',
      'web@91d5815f: done',
    ]);
    expect([states, here.store.history]).toEqual([
      ['paused', 'running'],
      ['web running sent', 'web running confirmed'],
    ]);
  });
});

describe('a request', () => {
  test('with a name that nobody has is refused as a whole', async () => {
    const here = new TestAppliance({ files: [fileOf('db'), fileOf('webshop')] });
    const error = await here.run('start', ['db', 'websop', 'x'], at(ALPHA.id)).catch(thrown => thrown);
    expect([error.code, error.message, error.details]).toEqual([
      'NOT_FOUND',
      '2 workloads do not exist',
      ['"websop": did you mean webshop?', '"x": see mesh workload list'],
    ]);
    expect(here.agents.received).toEqual([]);
  });

  test('for a dry run of anything but a start is refused', async () => {
    const here = new TestAppliance();
    await expect(here.run('stop', ['web'], { dryRun: true })).rejects.toThrow(
      'there is no dry run of stop, only of start',
    );
  });

  test('goes on with the others when one fails, and every one has its end', async () => {
    const files = [fileOf('db'), fileOf('web', 'name=web\n')];
    const here = new TestAppliance({ files, hosts: [ALPHA_HOST] });
    const lines = short(await here.run('start', ['web', 'db', 'web']));
    expect(lines.map(line => line.split(' | ')[0])).toEqual([
      'web: /var/pxen/monoliths/web.conf: 3 problems',
      'db@91d5815f: spawn',
      'db@91d5815f: done running',
    ]);
  });

  test('works on one node in order, and on sixteen nodes at once', async () => {
    const hosts = hostsOf(20);
    const names = hosts.flatMap((_, host) => [`a${host}`, `b${host}`]);
    const files = names.map(name =>
      fileOf(name, textOf(name, [`placement.node=${hosts[Number(name.slice(1))]?.id}`])),
    );
    const here = new TestAppliance({ hosts, files });
    let atOnce = 0;
    let most = 0;
    here.agents.script = async function* (run, id) {
      most = Math.max(most, ++atOnce);
      await settled();
      yield* here.agents.obey(run, id);
      atOnce--;
    };
    const lines = short(await here.run('start', names));
    expect(most).toBe(16);
    expect(lines.filter(line => line.endsWith('done running'))).toHaveLength(40);
    for (const host of hosts)
      expect(here.agents.received.filter(each => each.endsWith(host.id))).toEqual([
        `start a${hosts.indexOf(host)}@${host.id}`,
        `start b${hosts.indexOf(host)}@${host.id}`,
      ]);
  });

  test('of a caller who leaves ends: what is under way goes on at the node, the rest is not begun', async () => {
    const here = new TestAppliance({ files: [fileOf('db'), fileOf('web')], hosts: [ALPHA_HOST] });
    const caller = new AbortController();
    let told = false;
    here.agents.script = async function* (_, __, gone) {
      yield { step: 'fetch', text: 'slowly' };
      gone.addEventListener('abort', () => {
        told = true;
      });
      await new Promise(() => {});
    };
    const run = here.run('start', ['web', 'db'], {}, caller.signal);
    await settled();
    caller.abort();
    expect(short(await run)).toEqual([
      'web@91d5815f: fetch',
      'web@91d5815f: the caller went away | whether it runs shows as soon as its node reports: mesh workload status (TIMEOUT)',
      'db@91d5815f: the caller went away (TIMEOUT)',
    ]);
    await settled();
    expect([told, here.agents.links]).toEqual([true, 0]);
    expect(here.agents.received).toEqual(['start web@91d5815f']);
    here.agents.machines.set(ALPHA.id, new Map([['uuid-web', statusOf('web')]]));
    here.report(ALPHA.id);
    await settled();
    expect([await here.state('web'), here.store.get('uuid-web')?.start]).toEqual(['running', 'confirmed']);
  });
});

describe('an agent that', () => {
  test('is not there is told, and nothing is remembered', async () => {
    const here = new TestAppliance();
    here.agents.unreachable.set(ALPHA.address, down);
    expect(short(await here.run('start', ['web'], at(ALPHA.id)))).toEqual([
      'web@91d5815f: 10.77.0.100:22: connect EHOSTUNREACH | ping it (NODE_UNREACHABLE)',
    ]);
    expect([here.store.load(), await here.state('web')]).toEqual([[], 'stopped']);
  });

  test('goes away in the middle is told, and its next report shows what became of it', async () => {
    const here = new TestAppliance();
    here.agents.script = async function* () {
      yield { step: 'spawn', text: 'QEMU runs' };
      await settled();
      throw new Error('killed');
    };
    expect(short(await here.run('start', ['web'], at(ALPHA.id)))).toEqual([
      'web@91d5815f: spawn',
      'web@91d5815f: the agent of rack1-01 (91d5815f) ended before its answer was complete: aborted | ' +
        'is it still there? see: mesh node info 91d5815f | ' +
        'whether it runs shows as soon as its node reports: mesh workload status (AGENT_DOWN)',
    ]);
    here.report(ALPHA.id);
    await settled();
    expect(await here.state('web')).toBe(
      'stopped: its start was interrupted, and it is not on its node: start it again',
    );
  });

  test('says nothing for too long is given up', async () => {
    const here = new TestAppliance();
    here.agents.script = async function* () {
      yield { step: 'spawn', text: 'QEMU runs' };
      await new Promise(() => {});
    };
    const run = here.run('start', ['web'], at(ALPHA.id));
    await settled();
    here.clock.advance(319_000);
    await settled();
    here.clock.advance(1000);
    expect(short(await run).at(-1)).toContain(
      'the agent of rack1-01 (91d5815f) said nothing for 320 s | whether it runs shows',
    );
    await settled();
    expect([here.agents.links, here.clock.waiting]).toEqual([0, 0]);
  });

  test.each<[string, object]>([
    ['lines of another kind', { hello: 1 }],
    ['a status that is none', { done: { status: { name: 7 } } }],
  ])('sends %s is of another version', async (_, line) => {
    const here = new TestAppliance();
    here.agents.script = async function* () {
      yield line;
    };
    expect(short(await here.run('start', ['web'], at(ALPHA.id)))[0]).toContain(
      'web@91d5815f: the agent of rack1-01 (91d5815f) answered in an unknown form | ' +
        'its overlay may be of another version of pxen: mesh system configure, then reboot the node',
    );
  });

  test('ends without a last line is told', async () => {
    const here = new TestAppliance();
    here.agents.script = async function* () {
      yield { step: 'spawn', text: 'QEMU runs' };
    };
    expect(short(await here.run('pause', ['web'], at(ALPHA.id))).at(-1)).toContain(
      'ended before its answer was complete: its last line is missing',
    );
  });
});

describe('the list', () => {
  test('has files, what runs without one, and files with problems under the name they say', async () => {
    const odd = {
      ...fileOf('broken', 'name=shop\nuuid=uuid-shop\n'),
      file: '/var/pxen/monoliths/broken.conf',
    };
    const nameless = fileOf('nameless', 'hello\n');
    const store = new MemoryWorkloads([recordOf('gone'), recordOf('old', { desired: 'stopped' })]);
    const here = new TestAppliance({ files: [fileOf('web'), odd, nameless], store });
    here.agents.machines.set(BETA.id, new Map([['uuid-odd', statusOf('odd')]]));
    here.report(BETA.id);
    const views = await here.workloads.list();
    expect(views.map(view => [view.name, view.uuid, view.problems.length, view.state])).toEqual([
      ['gone', 'uuid-gone', 0, 'stopped'],
      ['nameless', undefined, nameless.problems.length, 'stopped'],
      ['odd', 'uuid-odd', 0, 'running'],
      ['shop', 'uuid-shop', odd.problems.length, 'stopped'],
      ['web', 'uuid-web', 0, 'stopped'],
    ]);
  });

  test('joins a file that was broken after the start with what runs', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    here.files.files = [fileOf('web', textOf('web').replace('1G', '1GB'))];
    const views = await here.workloads.list();
    expect(
      views.map(({ name, changed, problems, state }) => [name, changed, problems.length, state]),
    ).toEqual([['web', true, 1, 'running']]);
    expect(short(await here.run('stop', ['web']))).toEqual(['web@91d5815f: done']);
  });

  test('costs no node a word', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    const before = here.agents.opened.length;
    for (let i = 0; i < 100; i++) await here.workloads.list();
    expect(here.agents.opened.length).toBe(before);
  });

  test('tells what the report after an answer tells, not the answer', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    here.agents.machines.set(ALPHA.id, new Map([['uuid-web', statusOf('web', { state: 'ended' })]]));
    expect(await here.state('web')).toBe('running');
    here.report(ALPHA.id);
    expect(await here.state('web')).toBe('ended');
  });
});

describe('output and console', () => {
  const signal = new AbortController().signal;

  test('come from the node that has the workload', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    const text = await here.workloads.output('web', { of: 'serial', lines: 10, follow: false }, signal);
    expect([await text.setEncoding('utf8').toArray(), here.agents.received.at(-1)]).toEqual([
      ['one line\n'],
      'output of=serial&lines=10&follow=0@91d5815f',
    ]);
    const console = await here.workloads.console('web', signal);
    console.write('root\n');
    const heard: string[] = [];
    for await (const piece of console.setEncoding('utf8')) {
      heard.push(String(piece));
      if (heard.join('').includes('ROOT')) break;
    }
    expect(heard.join('')).toBe('login: ROOT\n');
  });

  test('and so does what the agent in its guest answers', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    expect(await here.workloads.guest('web', { ask: 'ping' }, signal)).toEqual({ version: '7.2.22' });
    expect(here.agents.received.at(-1)).toBe('/v1/workloads/uuid-web/guest {"ask":"ping"}@91d5815f');
    expect(here.agents.links).toBe(0);
  });

  test('of a caller who leaves are closed at the agent', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], at(ALPHA.id));
    const caller = new AbortController();
    const text = await here.workloads.output('web', { of: 'log', lines: 1, follow: true }, caller.signal);
    text.on('error', () => {});
    text.resume();
    await settled();
    expect(here.agents.links).toBe(1);
    caller.abort();
    await settled();
    expect(here.agents.links).toBe(0);
  });

  test('of a workload that was never started are nowhere', async () => {
    const here = new TestAppliance();
    await expect(
      here.workloads.output('web', { of: 'log', lines: 1, follow: false }, signal),
    ).rejects.toMatchObject({
      code: 'WORKLOAD_STATE',
      message: 'web is on no node, and was never started on one',
    });
  });
});

test('more files than are looked at make it complain', async () => {
  const here = new TestAppliance();
  here.files.beyond = 3;
  await here.workloads.list();
  expect(here.workloads.health()).toBe('there are too many workload files: 3 of them are not looked at');
});

test('figures are those of nodes that report', async () => {
  const here = new TestAppliance();
  await here.run('start', ['web'], at(ALPHA.id));
  here.report(ALPHA.id);
  expect(here.workloads.statuses()).toEqual([{ node: ALPHA.id, status: statusOf('web') }]);
  here.change(ALPHA.id, { state: 'silent' });
  expect(here.workloads.statuses()).toEqual([]);
});
