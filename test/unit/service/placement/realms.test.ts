import { describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import { fileOf, statusOf, textOf } from '../../../fakes/host-workloads.ts';
import { ALPHA, BETA } from '../../../fakes/registry.ts';
import { settled, short, TestAppliance } from '../workload/appliance.ts';

const rules = (more = ''): string => `pxen.vm.realms.lab {
  disabled = no, driver = pxen, name = Lab, registration-timeout = 2 m
  drives { lazy-allocation = on, min-size = 1 GiB, max-size = 8 GiB, cache = writethrough }
  ${more}
}`;

/** `web` asks for the realm that alpha is in. */
async function appliance(more: readonly string[] = [], text = rules()): Promise<TestAppliance> {
  const file = fileOf('web', textOf('web', ['placement.realm=lab', ...more]));
  const here = new TestAppliance({ files: [file], rules: text });
  await here.placement.changeHost('rack1-01', { expect: 'known', realm: 'lab' });
  here.log.lines.length = 0;
  return here;
}

const onlyAlpha = `${BETA.id}: not in realm lab`;

describe('a realm', () => {
  test('is where its workloads go', async () => {
    const here = await appliance();
    expect(short(await here.run('start', ['web'])).at(-1)).toBe(`web@${ALPHA.id}: done running`);
  });

  test('is no matter where a node is named', async () => {
    const here = await appliance();
    expect(short(await here.run('start', ['web'], { node: BETA.id })).at(-1)).toBe(
      `web@${BETA.id}: done running`,
    );
  });

  test('that is disabled takes nothing new', async () => {
    const here = await appliance([], rules('disabled = yes'));
    expect(short(await here.run('start', ['web']))).toEqual([
      `web: web: no host can take it | ${onlyAlpha} | rack1-01: its realm lab is disabled (PLACEMENT_REFUSED)`,
    ]);
  });

  test('with log-scheduling explains every decision in the log, as it is told to whoever asks', async () => {
    const here = await appliance([], rules('log-scheduling = on'));
    const [berthing] = await here.workloads.berthings([{ workload: 'web' }]);
    if (!berthing) throw new Error('there is one');
    const { reasons } = here.placement.view(berthing);
    await here.run('start', ['web']);
    expect(here.log.lines[0]).toMatch(/^info placement: web goes to rack1-01, which then costs [\d.]+; /);
    expect(here.log.lines[0]).toContain(`; ${reasons.join('; ')} {`);
    await here.run('stop', ['web']);
    await here.placement.changeHost('rack1-01', { expect: 'known', state: 'disabled' });
    here.log.lines.length = 0;
    await here.run('start', ['web']);
    expect(here.log.lines[0]).toBe(
      `info placement: web fits nowhere; ${onlyAlpha}; rack1-01: disabled {"workload":"web"}`,
    );
  });

  test('without it does not', async () => {
    const here = await appliance();
    await here.run('start', ['web']);
    expect(here.log.lines.filter(line => line.includes('placement:'))).toEqual([]);
  });

  test('refuses a new drive outside of its sizes, with the line of the file, and holds nothing', async () => {
    const disk = ['type=qcow2', 'path=/tmp/d.qcow2', 'writable=1', 'size=16G'];
    const here = await appliance(disk.map(line => `platform.volume.0.${line}`));
    expect(short(await here.run('start', ['web']))).toEqual([
      'web: /var/pxen/monoliths/web.conf: 1 problem | /var/pxen/monoliths/web.conf:9: platform.volume.0.size: ' +
        'got "16G", expected at most 8589934592 bytes, as the realm lab has it for new drives (WORKLOAD_INVALID)',
    ]);
    const refused = short(await here.run('start', ['web']));
    expect(short(await here.run('start', ['web'], { dryRun: true }))).toEqual(refused);
    expect(short(await here.run('download', ['web']))).toEqual(refused);
    expect([here.placement.tallies().vms.reserved, here.agents.received]).toEqual([0, []]);
  });

  test.each(['on', 'off'])('with lazy-allocation = %s tells that to whoever makes new drives', async lazy => {
    const disk = ['type=qcow2', 'path=/tmp/d.qcow2', 'writable=1', 'size=1G'];
    const keys = disk.map(line => `platform.volume.0.${line}`);
    const here = await appliance(keys, rules().replace('lazy-allocation = on', `lazy-allocation = ${lazy}`));
    await here.run('download', ['web']);
    await here.run('start', ['web'], { dryRun: true });
    await here.run('start', ['web']);
    expect(here.agents.runs.map(run => [run.verb, run.lazyAllocation])).toEqual(
      ['download', 'start', 'start'].map(verb => [verb, lazy === 'on']),
    );
  });

  test('gives volumes that say nothing its cache; the file as it is remembered stays as it is', async () => {
    const volumes = [
      'platform.volume.0.type=qcow2',
      'platform.volume.0.path=/tmp/a.qcow2',
      'platform.volume.1.type=qcow2',
      'platform.volume.1.path=/tmp/b.qcow2',
      'platform.volume.1.cache=none',
      'platform.volume.2.type=iso',
      'platform.volume.2.path=/tmp/c.iso',
    ];
    const here = await appliance(volumes);
    await here.run('start', ['web']);
    const text = textOf('web', ['placement.realm=lab', ...volumes]);
    const sent = `${text}# From realm lab:\nplatform.volume.0.cache=writethrough\n`;
    expect(here.agents.runs.at(-1)?.config?.text).toBe(sent);
    expect(here.store.get('uuid-web')?.config.text).toBe(text);
    expect((await here.view('web')).changed).toBe(false);
    here.reboot(ALPHA.id, 'boot-2');
    await settled();
    expect(here.agents.runs.at(-1)?.config?.text).toBe(sent);
  });

  test('whose network-filter the engine does not know leaves the file alone', async () => {
    const nic = ['network.0.type=bridge', 'network.0.bridge=br0'];
    const here = await appliance(nic, rules('network-filter = clean-traffic'));
    await here.run('start', ['web'], { node: ALPHA.id });
    expect(here.agents.runs.at(-1)?.config?.text).toBe(textOf('web', ['placement.realm=lab', ...nic]));
  });
});

describe('registration-timeout', () => {
  /** Starts that never say that they are done; stops that do. */
  function deafTo(here: TestAppliance): void {
    here.agents.script = async function* (run) {
      if (run.verb === 'stop') return yield { done: {} };
      yield { step: 'spawn', text: 'QEMU runs' };
      await new Promise(() => {});
    };
  }

  test('ends a start that its agent does not confirm, calls it off, and frees its place', async () => {
    const here = await appliance();
    deafTo(here);
    const started = here.run('start', ['web']);
    await settled();
    here.clock.advance(119_000);
    await settled();
    expect(here.placement.tallies().vms.reserved).toBe(1);
    here.clock.advance(1_000);
    await settled();
    expect(short(await started).at(-1)).toBe(
      `web@${ALPHA.id}: web: rack1-01 (91d5815f) did not confirm its start within 120 s, which is the ` +
        'registration-timeout of realm lab | it was called off (TIMEOUT)',
    );
    expect(here.agents.received).toEqual([`start web@${ALPHA.id}`, `stop web@${ALPHA.id}`]);
    expect(await here.state('web')).toMatch(/^stopped: its last start failed: web: rack1-01/);
    expect([here.placement.tallies().vms.reserved, here.clock.waiting, here.agents.links]).toEqual([0, 0, 0]);
  });

  test('says so when a start could not be called off; what comes up all the same is shown and counts', async () => {
    const here = await appliance();
    here.agents.script = async function* (run) {
      if (run.verb !== 'stop') yield { step: 'spawn', text: 'QEMU runs' };
      await new Promise(() => {});
    };
    const started = here.run('start', ['web']);
    await settled();
    here.clock.advance(120_000);
    await settled();
    here.clock.advance(20_000);
    await settled();
    expect(short(await started).at(-1)).toMatch(
      / \| it could not be called off; should it come up all the same: mesh workload stop -w web \(TIMEOUT\)$/,
    );
    here.report(ALPHA.id, { workloads: [statusOf('web')] });
    expect(here.placement.tallies().vms).toEqual({ reserved: 0, running: 1, unknown: 0 });
    expect(await here.state('web')).toMatch(/^running: its last start failed: /);
  });

  test('counts from the last word of the agent: a long download is no fault', async () => {
    const here = await appliance();
    here.agents.script = async function* (run, id) {
      for (let received = 0; received < 5; received++) {
        yield { progress: { volume: 0, path: '/tmp/a.iso', received } };
        await new Promise<void>(resolve => void here.clock.after(100_000, resolve));
      }
      yield* here.agents.obey(run, id);
    };
    const started = here.run('start', ['web']);
    for (let step = 0; step < 6; step++) {
      await settled();
      here.clock.advance(100_000);
    }
    expect(short(await started).at(-1)).toBe(`web@${ALPHA.id}: done running`);
  });

  test('outside of a realm is nobody’s business', async () => {
    const here = new TestAppliance();
    deafTo(here);
    const started = here.run('start', ['web'], { node: ALPHA.id });
    await settled();
    here.clock.advance(200_000);
    await settled();
    expect(here.agents.received).toEqual([`start web@${ALPHA.id}`]);
    here.agents.close();
    await started;
  });

  const QGA = ['runtime.qga=1'];
  const WHY = 'its guest agent did not answer within 120 s, which is the registration-timeout of realm lab';
  const answers = (agent: 'answers' | 'silent') => statusOf('web', { guest: { agent, addresses: [] } });

  test('ends a guest whose agent never answers, and frees its place', async () => {
    const here = await appliance(QGA);
    await here.run('start', ['web']);
    here.report(ALPHA.id, { workloads: [answers('silent')] });
    await settled();
    here.log.lines.length = 0;
    here.clock.advance(120_000);
    await settled();
    expect(here.agents.received).toEqual([`start web@${ALPHA.id}`, `stop web@${ALPHA.id}`]);
    here.report(ALPHA.id);
    expect(await here.state('web')).toBe(`stopped: its last start failed: ${WHY}`);
    expect([here.placement.tallies().vms, here.clock.waiting]).toEqual([
      { reserved: 0, running: 0, unknown: 0 },
      0,
    ]);
    expect(here.log.lines).toEqual([
      `warn workloads: web was ended: ${WHY} {"workload":"web","node":"91d5815f"}`,
    ]);
  });

  test('is met by a guest agent that answers once, also if it is silent later', async () => {
    const here = await appliance(QGA);
    await here.run('start', ['web']);
    here.report(ALPHA.id, { workloads: [answers('answers')] });
    await settled();
    expect([here.store.get('uuid-web')?.registration, here.clock.waiting]).toEqual([undefined, 0]);
    here.report(ALPHA.id, { workloads: [answers('silent')] });
    here.clock.advance(1_000_000);
    await settled();
    expect(await here.state('web')).toBe('running');
  });

  test('goes on when host0 is killed meanwhile', async () => {
    const here = await appliance(QGA);
    await here.run('start', ['web']);
    await here.workloads.stop();
    here.restart();
    here.report(ALPHA.id, { workloads: [answers('silent')] });
    here.clock.advance(120_000);
    await settled();
    expect(here.agents.received.at(-1)).toBe(`stop web@${ALPHA.id}`);
    expect(here.store.get('uuid-web')).toMatchObject({
      desired: 'stopped',
      problem: `its last start failed: ${WHY}`,
    });
  });

  test('ends nothing that registered while host0 was away', async () => {
    const here = await appliance(QGA);
    await here.run('start', ['web']);
    await here.workloads.stop();
    here.clock.advance(300_000);
    here.change(ALPHA.id, { state: 'unknown' });
    here.restart();
    here.clock.advance(1_000);
    await settled();
    here.report(ALPHA.id, { state: 'up', workloads: [answers('answers')] });
    await settled();
    here.clock.advance(60_000);
    await settled();
    expect([here.agents.received.length, await here.state('web'), here.clock.waiting]).toEqual([
      1,
      'running',
      0,
    ]);
  });

  test('ends nothing on a node that is silent: whoever comes back may have registered meanwhile', async () => {
    const here = await appliance(QGA);
    await here.run('start', ['web']);
    here.report(ALPHA.id, { workloads: [answers('silent')] });
    here.change(ALPHA.id, { state: 'silent' });
    here.clock.advance(600_000);
    await settled();
    expect(here.agents.received).toEqual([`start web@${ALPHA.id}`]);
    // The report came, and nobody was told of it yet.
    here.change(ALPHA.id, { state: 'up', workloads: [answers('answers')] });
    here.clock.advance(30_000);
    await settled();
    expect([here.agents.received.length, here.store.get('uuid-web')?.registration]).toEqual([1, undefined]);
  });

  test('is tried again when the node cannot be told', async () => {
    const here = await appliance(QGA);
    await here.run('start', ['web']);
    here.agents.unreachable.set(ALPHA.address, new PxenError('NODE_UNREACHABLE', 'no route'));
    here.clock.advance(120_000);
    await settled();
    expect([here.store.get('uuid-web')?.desired, here.log.lines.at(-1)]).toEqual([
      'running',
      'warn workloads: web did not register in time, and cannot be ended: no route {"workload":"web","node":"91d5815f"}',
    ]);
    here.agents.unreachable.clear();
    here.clock.advance(30_000);
    await settled();
    expect([here.store.get('uuid-web')?.desired, here.clock.waiting]).toEqual(['stopped', 0]);
  });

  test('ends with a stop', async () => {
    const here = await appliance(QGA);
    await here.run('start', ['web']);
    await here.run('stop', ['web']);
    here.clock.advance(120_000);
    await settled();
    expect([here.agents.received.length, here.clock.waiting]).toEqual([2, 0]);
  });
});
