import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { speakerIso } from '../../scripts/room/guests/speaker.ts';
import { type HostView, hostListSchema, type PlacementView } from '../../src/api/placement.ts';
import { ALDER, BIRCH, CEDAR, Lab, type LabNode, PATIENCE } from '../fixtures/lab/lab.ts';

const HELLO = 'hello from the ISO';

/** A VM costs 1 on alder, 1 and once 2.5 on birch, and 101 on cedar, which takes no second one. */
const RULES = `
pxen.vm {
  cost-functions {
    new { vms { curve = linear, slope = 1, base = 0 } }
    old = \${pxen.vm.cost-functions.new} { offset = 2.5 }
    spare { vms { curve = linear, slope = 1, base = 0, max = 1 }, offset = 100 }
  }
  hardware-profiles {
    new { cores = 4, memory = 1 GiB, cost-function = new }
    old { cores = 2, memory = 1 GiB, cost-function = old }
    spare { cores = 2, memory = 1 GiB, cost-function = spare }
  }
}
`;
const small = (node: LabNode): LabNode => ({ ...node, memory: 768 });
const [alder, birch, cedar] = [small(ALDER), small(BIRCH), small(CEDAR)];
const PROFILES = { alder: 'new', birch: 'old', cedar: 'spare' };

describe('three nodes with different profiles', () => {
  // A node that misses three reports is silent: after 15 s instead of 30.
  const lab = new Lab('--agent-interval', '5s');

  beforeAll(async () => {
    lab.room.write('host0/hardware.conf', RULES);
    await lab.open(alder, birch, cedar);
    writeFileSync(join(lab.isos, 'speaker.iso'), speakerIso(HELLO));
    for (const [host, profile] of Object.entries(PROFILES))
      await lab.mesh('host', 'set-profile', host, profile);
    for (const name of ['one', 'two', 'three', 'five']) workload(lab, name);
    workload(lab, 'four', { 'placement.coschedule': 0 });
  }, PATIENCE * 2);
  afterAll(() => lab.close());

  test('two that are started at once go to the cheapest node, and run there', async () => {
    expect(await placedOn(lab, 'one', 'two')).toEqual([alder.id, alder.id]);
    for (const name of ['one', 'two']) await lab.heard(name, new RegExp(HELLO));
    expect(await lab.onNode(alder, 'pidof qemu-system-x86_64 | wc -w')).toBe('2');
    expect(await hosts(lab)).toMatchObject([
      { name: 'alder', cost: 2, usage: { vms: 2, vcpus: 2 }, workloads: running('one', 'two') },
      { name: 'birch', usage: { vms: 0 }, workloads: [] },
      { name: 'cedar', usage: { vms: 0 }, workloads: [] },
    ]);
  });

  test('a disabled host gets none, not even the cheapest one', async () => {
    await lab.mesh('host', 'set-state', 'alder', 'disabled');
    expect(await placedOn(lab, 'three')).toEqual([birch.id]);
    const { code, stderr } = await lab.refusal('workload', 'start', '-w', 'five', '-n', 'alder');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'mesh: five: alder cannot take it\n  alder: disabled\n',
    });
    await lab.mesh('host', 'set-state', 'alder', 'enabled');
    expect((await lab.view('one')).state).toBe('running');
  });

  test('a workload that wants a host for itself gets the only one that has none, at any cost; nobody joins it there', async () => {
    expect(await placedOn(lab, 'four')).toEqual([cedar.id]);
    const { code, stderr } = await lab.refusal('workload', 'start', '-w', 'five', '-n', 'cedar');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^mesh: five: .*coschedule/s),
    });
  });

  test('a dry start tells what every host would cost, and why it is not taken', async () => {
    expect(await decision(lab, 'five')).toMatchObject({
      host: 'alder',
      reasons: [expect.stringMatching(/^birch: /), expect.stringMatching(/^cedar: .*coschedule/)],
      costs: [
        { host: 'alder', total: 3, parts: { vms: 3, offset: 0 } },
        { host: 'birch', total: 4.5, parts: { vms: 2, offset: 2.5 } },
        { host: 'cedar', total: 'Infinity', parts: { vms: 'Infinity', offset: 100 } },
      ],
    });
  });

  test('what runs on a node that is cut off is reported lost, and its place is kept', async () => {
    const before = await hosts(lab);
    await lab.machines.get(birch)?.stop('SIGKILL');
    await lab.becomes('three', view => view.state === 'lost');
    const after = await hosts(lab);
    expect(after.map(held)).toEqual(before.map(held));
    expect(after[1]).toMatchObject({ name: 'birch', liveness: 'silent', usage: { vms: 1 } });
    expect(after[1]?.workloads).toEqual([{ name: 'three', state: 'unknown' }]);
    const { code, stderr } = await lab.refusal('workload', 'start', '-w', 'three', '-n', 'alder');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^mesh: three may still run on birch \(6e6da274\), which does not report now\n/,
      ),
    });
  });

  test('host0 is killed with -9: the next one knows what runs where, and decides as before', async () => {
    const [before, wouldBe] = [await hosts(lab), await decision(lab, 'five')];
    await lab.room.pxend.stop('SIGKILL');
    await lab.startHost0();
    await lab.becomes('one', view => view.state === 'running');
    await lab.becomes('four', view => view.state === 'running');
    expect((await hosts(lab)).map(held)).toEqual(before.map(held));
    // Of birch it does not know yet that it is silent.
    expect(await decision(lab, 'five')).toMatchObject({ host: wouldBe.host, costs: wouldBe.costs });
    expect(await placedOn(lab, 'five')).toEqual([alder.id]);
    await lab.heard('five', new RegExp(HELLO));
  });

  test('what is stopped gives its place back', async () => {
    await lab.mesh('workload', 'stop', '-w', 'one,two,four,five', '--now');
    expect((await hosts(lab)).map(({ usage }) => usage.vms)).toEqual([0, 1, 0]);
    // Its node is off for sure, and so an admin says.
    await lab.mesh('node', 'forget', 'birch');
    expect((await hosts(lab)).map(({ usage }) => usage.vms)).toEqual([0, 0]);
    expect(await placedOn(lab, 'three')).toEqual([alder.id]);
  });
});

function workload(lab: Lab, name: string, more: Record<string, number> = {}): void {
  lab.workload(name, {
    'platform.memory.size': '64M',
    'platform.cpu.threads': 1,
    'platform.volume.0.type': 'iso',
    'platform.volume.0.path': `/tmp/isos/${name}.iso`,
    'platform.volume.0.source': 'http://host0/isos/speaker.iso',
    ...more,
  });
}

/** Starts them at once; the ids of the nodes on which they run. */
async function placedOn(lab: Lab, ...names: string[]): Promise<(string | undefined)[]> {
  const starts = await Promise.all(names.map(name => lab.verb('start', name)));
  return starts.map(lines => {
    const last = lines.at(-1);
    expect(last).toMatchObject({ done: { status: { state: 'running', accel: 'kvm' } } });
    return last?.node;
  });
}

async function decision(lab: Lab, name: string): Promise<PlacementView> {
  const lines = await lab.verb('start', name, '--dry-run');
  const [placement] = lines.flatMap(line => ('placement' in line ? [line.placement] : []));
  if (!placement) throw new Error(`a dry start of ${name} told no decision: ${JSON.stringify(lines)}`);
  return placement;
}

/** By name. */
async function hosts(lab: Lab): Promise<HostView[]> {
  return hostListSchema.parse(JSON.parse(await lab.mesh('host', 'list', '--json'))).hosts;
}

/** What of a host its workloads take. */
function held({ name, usage, workloads }: HostView): object {
  return { name, usage, workloads: workloads.map(each => each.name) };
}

function running(...names: string[]): { name: string; state: string }[] {
  return names.map(name => ({ name, state: 'running' }));
}
