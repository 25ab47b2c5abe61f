import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Room } from '../../scripts/room/room.ts';
import type { HostView } from '../../src/api/placement.ts';
import type { FullReport } from '../../src/api/report.ts';
import { admit, pretendNode, report, running } from './pretend-nodes.ts';

/** What a real pxend knows of who holds what, after it was killed with SIGKILL at the worst of moments. */
const ALDER = pretendNode('alder', 1, 8, 16);
const BIRCH = pretendNode('birch', 2, 8, 16);

const RULES = `pxen.vm {
  cost-functions.gpu { vms { curve = linear, slope = 1, base = 0 }, devices.gpu { curve = constant, value = 1 } }
  hardware-profiles.gpu {
    cores = 8, memory = 16 GiB, cost-function = gpu, devices = [{ type = gpu, addr = "01:00.0" }]
  }
}`;

const room = new Room();

function conf(name: string): string {
  return `name=${name}
uuid=${name}-uuid
platform.memory.size=4G
platform.cpu.threads=2
platform.device.0.type=gpu
`;
}

beforeAll(async () => {
  room.open();
  admit(room, [ALDER, BIRCH]);
  for (const name of ['web', 'db']) room.write(`var/pxen/monoliths/${name}.conf`, conf(name));
  room.write('host0/hardware.conf', RULES);
  await room.startPxend();
  for (const node of [ALDER, BIRCH]) report(room, node);
  await room.mesh('host', 'set-profile', 'alder', 'gpu');
  // Their sshd takes a connection and says nothing: a start is under way for as long as pxend waits for it.
  const deaf = room.spawn('deaf', [
    process.execPath,
    '-e',
    `for (const each of ['${ALDER.address}', '${BIRCH.address}'])
       require('node:net').createServer(() => console.log('asked')).listen(22, each, () => console.log('deaf'));`,
  ]);
  await deaf.saw(/deaf\ndeaf/, 10_000);
});
afterAll(() => room.close());

async function hostNamed(name: string): Promise<HostView | undefined> {
  const { stdout } = await room.mesh('host', 'list', '--json');
  return (JSON.parse(stdout) as { hosts: HostView[] }).hosts.find(host => host.name === name);
}

async function killed(): Promise<void> {
  await room.pxend.stop('SIGKILL');
  await room.startPxend();
}

/** `web reserved` of alder, and how many GPUs are taken there. */
async function held(): Promise<unknown[]> {
  const host = await hostNamed('alder');
  return [host?.workloads.map(({ name, state }) => `${name} ${state}`), host?.usage.devices];
}

const withGpu = (name: string): NonNullable<FullReport['workloads']>[number] => ({
  ...running(name),
  devices: [{ id: 0, type: 'gpu', address: '0000:01:00.0' }],
});

test('a place that is held for a start outlives pxend, and nobody else gets the last GPU', async () => {
  void room.mesh('workload', 'start', '-w', 'web');
  await expect.poll(held, { timeout: 10_000 }).toEqual([['web reserved'], { gpu: 1 }]);
  const second = await room.mesh('workload', 'start', '-w', 'db');
  expect([second.code, second.stderr]).toEqual([
    1,
    [
      'mesh: db: no host can take it',
      '  alder: 1 gpu asked for, 0 of 1 free',
      '  birch: 1 gpu asked for, 0 of 0 free',
      '',
    ].join('\n'),
  ]);
  await killed();
  expect(await held()).toEqual([['web reserved'], { gpu: 1 }]);
});

test('when its node reports without it, the place is free again, and the start is told as cut off', async () => {
  report(room, ALDER);
  await expect.poll(held, { timeout: 5000 }).toEqual([[], {}]);
  const { stdout } = await room.mesh('workload', 'status', '-w', 'web');
  expect(stdout).toContain('its start was interrupted, and it is not on its node: start it again');
});

test('what runs is known again from what nodes last said, before they say it anew', async () => {
  report(room, ALDER, [withGpu('db')]);
  expect(await held()).toEqual([['db running'], { gpu: 1 }]);
  await killed();
  expect(await held()).toEqual([['db unknown'], { gpu: 1 }]);
  expect(await hostNamed('alder')).toMatchObject({ profile: 'gpu', described: true, liveness: 'unknown' });
  report(room, ALDER, [withGpu('db')]);
  expect(await held()).toEqual([['db running'], { gpu: 1 }]);
});

test('a start that was under way when pxend was killed, and went well, holds one place and not two', async () => {
  report(room, ALDER);
  void room.mesh('workload', 'start', '-w', 'web');
  await expect.poll(held, { timeout: 10_000 }).toEqual([['web reserved'], { gpu: 1 }]);
  await killed();
  report(room, ALDER, [withGpu('web')]);
  await expect.poll(held, { timeout: 5000 }).toEqual([['web running'], { gpu: 1 }]);
});

test('figures count hosts and places for everybody, and name none of them', () => {
  const [program = '', ...words] = [...room.network.enter(), 'curl', '-sS', 'http://10.77.0.1/metrics'];
  const lines = execFileSync(program, words, { encoding: 'utf8' }).split('\n');
  expect(lines.filter(line => /^pxen_(hosts|places)/.test(line))).toEqual([
    'pxen_hosts{state="enabled"} 2',
    'pxen_hosts{state="no-scheduling"} 0',
    'pxen_hosts{state="disabled"} 0',
    'pxen_places{state="reserved"} 0',
    'pxen_places{state="running"} 1',
    'pxen_places{state="unknown"} 0',
  ]);
});
