import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { speakerIso } from '../../scripts/room/guests/speaker.ts';
import type { RoomProcess } from '../../scripts/room/process.ts';
import { Room } from '../../scripts/room/room.ts';
import type { HostView } from '../../src/api/placement.ts';
import type { WorkloadView } from '../../src/api/workloads.ts';
import { Libvirtd, whyNoLibvirtd } from './libvirtd.ts';

const reason = whyNoLibvirtd();
if (reason !== undefined) console.log(`skipped: ${reason}`);

const TIMEOUT = { timeout: 90_000 };
const PATH = process.env['PATH'];

const RULES = `pxen.vm {
  cost-functions.simple { vms { curve = linear, slope = 1, base = 0 } }
  hardware-profiles.standard { cores = 8, memory = 16 GiB, cost-function = simple }
}
`;
const REALM = `disabled = off
driver = libvirt
name = "Virtual lab"
drives.lazy-allocation = on
poll-frequency = 1 s
`;

/** libvirt hosts as an admin meets them: the real pxend, the real mesh and a real libvirtd behind qemu:///system. */
describe.skipIf(reason !== undefined)('an appliance with a libvirt host', () => {
  const daemon = new Libvirtd();
  const room = new Room();
  let pxend: RoomProcess;
  beforeAll(async () => {
    await daemon.start();
    // pxend finds this virsh before any other.
    process.env['PATH'] = `${daemon.programs()}:${PATH}`;
    room.open();
    const iso = join(daemon.folder, 'speaker.iso');
    writeFileSync(iso, speakerIso('hello from the appliance\r\n', { obeysPowerButton: true }));
    room.write('host0/hardware.conf', RULES);
    room.write('host0/realms/lab.conf', REALM);
    room.write('var/pxen/monoliths/web.conf', conf('web', iso, ['placement.realm=lab']));
    room.write('var/pxen/monoliths/node.conf', conf('node', iso, ['platform.engine=qemu']));
    pxend = await room.startPxend('--workload-accel', 'tcg');
  }, 120_000);
  afterAll(async () => {
    process.env['PATH'] = PATH;
    await room.close();
    await daemon.stop();
  });

  function conf(name: string, iso: string, more: readonly string[]): string {
    const engine = more.some(line => line.startsWith('platform.engine')) ? [] : ['platform.engine=libvirt'];
    const lines = [`name=${name}`, `uuid=${name}-uuid`, ...engine, 'platform.memory.size=64M'];
    const disc = ['platform.volume.0.type=iso', `platform.volume.0.path=${iso}`];
    const rest = ['platform.cpu.threads=1', 'platform.cpu.mode=max', 'runtime.console.type=serial-socket'];
    return [...lines, ...rest, ...disc, ...more, ''].join('\n');
  }

  async function mesh(...words: string[]): Promise<string> {
    const { code, stderr, stdout } = await room.mesh(...words);
    if (code !== 0) throw new Error(`mesh ${words.join(' ')}: ${stderr}`);
    return stdout;
  }

  async function host(): Promise<HostView | undefined> {
    return (JSON.parse(await mesh('host', 'list', '--json')) as { hosts: HostView[] }).hosts[0];
  }

  async function web(): Promise<WorkloadView | undefined> {
    const { workloads } = JSON.parse(await mesh('workload', 'list', '--json')) as {
      workloads: WorkloadView[];
    };
    return workloads.find(({ name }) => name === 'web');
  }

  async function untilSo(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + 30_000;
    while (!(await isSo())) if (Date.now() > end) throw new Error(`${what} within 30 s`);
  }

  test('is added at run time, gets what fits it, shows it, and gives it back', TIMEOUT, async () => {
    expect(await host()).toBeUndefined();
    await mesh('host', 'add', 'hv1', '--uri', 'qemu:///system', '--profile', 'standard', '--realm', 'lab');
    await untilSo('it is not connected', async () => (await host())?.liveness === 'connected');
    await mesh('workload', 'start', '-w', 'web');
    expect(daemon.virsh('list', '--name').trim()).toBe('web');
    await untilSo('it is not reported', async () => (await web())?.status?.usage !== undefined);
    expect(await web()).toMatchObject({ state: 'running', nodeName: 'hv1', status: { engine: 'libvirt' } });
    expect(await host()).toMatchObject({
      usage: { vms: 1, vcpus: 1 },
      workloads: [{ name: 'web', state: 'running' }],
    });
    await untilSo('the guest says nothing', async () =>
      (await mesh('workload', 'logs', '-w', 'web', '--serial')).includes('hello from the appliance'),
    );
    await mesh('workload', 'pause', '-w', 'web');
    expect(await web()).toMatchObject({ state: 'paused' });
    await mesh('workload', 'resume', '-w', 'web');
    await mesh('workload', 'stop', '-w', 'web');
    expect(daemon.virsh('list', '--all', '--name').trim()).toBe('');
    expect(await web()).toMatchObject({ state: 'stopped' });
  });

  test('takes no workload of another engine, and none when it is not enabled', TIMEOUT, async () => {
    const other = await room.mesh('workload', 'start', '-w', 'node');
    expect(other.code).not.toBe(0);
    expect(other.stderr).toContain('hv1');
    await mesh('host', 'set-state', 'hv1', 'No Scheduling');
    const draining = await room.mesh('workload', 'start', '-w', 'web');
    expect(draining.stderr).toContain('no-scheduling');
    await mesh('host', 'set-state', 'hv1', 'disabled');
    await untilSo('it is still asked', async () => (await host())?.liveness === 'not asked');
    await mesh('host', 'set-state', 'hv1', 'enabled');
    await untilSo('it is not connected again', async () => (await host())?.liveness === 'connected');
  });

  test('pxend that is killed and started again finds what runs there', TIMEOUT, async () => {
    await mesh('workload', 'start', '-w', 'web');
    await pxend.stop('SIGKILL');
    pxend = await room.startPxend('--workload-accel', 'tcg');
    await untilSo('it is not found', async () => (await web())?.state === 'running');
    daemon.run('kill', '-KILL', daemon.qemu('web'));
    await untilSo('its end does not show', async () => (await web())?.state === 'ended');
    expect((await web())?.status?.end?.reason).toBe('QEMU ended by itself');
    await mesh('workload', 'stop', '-w', 'web');
    await mesh('host', 'remove', 'hv1');
    expect(await host()).toBeUndefined();
  });
});
