import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Devices } from '../../../../src/agent/device/devices.ts';
import { treeUnder } from '../../../../src/agent/tree.ts';
import { StateFolder } from '../../../../src/agent/workload/folder.ts';
import { asPxenError } from '../../../../src/base/error.ts';
import type { WantedDevice } from '../../../../src/domain/device/passing.ts';
import { FakePci } from '../../../fakes/pci.ts';

const GPU = '0000:01:00.0';
const SOUND = '0000:01:00.1';
const PCI = '/sys/bus/pci';
const gpu: WantedDevice = { id: 0, type: 'nvidia-gpu', address: GPU };
const sound: WantedDevice = { id: 1, type: 'nvidia-sound', address: SOUND };

let root = '';
let pci: FakePci;
let said: string[];
/** What modprobe was asked for. */
let loaded: string[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'devices-'));
  pci = new FakePci(root);
  said = [];
  loaded = [];
});
afterEach(() => rmSync(root, { recursive: true }));

function devices(modprobe = 0): Devices {
  return new Devices({
    root,
    tree: treeUnder(root),
    write: pci.write,
    say: line => said.push(line),
    exec: async (program, args) => {
      loaded.push([program, ...args].join(' '));
      const stderr = modprobe === 0 ? '' : 'modprobe: FATAL: Module vfio-pci not found.';
      const rest = { signal: undefined, stdout: '', timedOut: false, failure: undefined };
      return { command: program, exitCode: modprobe, stderr, ...rest };
    },
  });
}

async function folderOf(uuid: string): Promise<StateFolder> {
  mkdirSync(join(root, 'tmp'), { recursive: true });
  const folder = new StateFolder(root, uuid);
  await folder.make();
  return folder;
}

async function failure(work: Promise<unknown>): Promise<string[]> {
  const error = asPxenError(
    await work.then(
      () => new Error('it did not fail'),
      thrown => thrown,
    ),
  );
  return [error.code, error.message, ...error.details];
}

describe('taking', () => {
  test('binds a device to vfio-pci, and giving back to the driver that had it', async () => {
    pci.add(GPU, { group: '1', driver: 'nouveau' });
    const folder = await folderOf('w1');
    const mine = devices();
    expect(await mine.take('web', [gpu], folder)).toEqual([`${GPU} from nouveau`]);
    expect([pci.driverOf(GPU), loaded]).toEqual(['vfio-pci', ['modprobe -a vfio-pci vfio_iommu_type1']]);
    // An agent that knows nothing of it.
    expect(await devices().giveBack(folder)).toEqual([GPU]);
    expect([pci.driverOf(GPU), await mine.giveBack(folder), said]).toEqual(['nouveau', [], []]);
  });

  test('one without a driver has none afterwards', async () => {
    pci.add(GPU, { group: '1', driver: 'nouveau', idle: true });
    const folder = await folderOf('w1');
    const mine = devices();
    expect(await mine.take('web', [gpu], folder)).toEqual([GPU]);
    expect(pci.driverOf(GPU)).toBe('vfio-pci');
    expect([await mine.giveBack(folder), pci.driverOf(GPU)]).toEqual([[GPU], undefined]);
  });

  test('what an admin has set aside with vfio-pci is used and stays so', async () => {
    pci.put(`${PCI}/drivers/vfio-pci/bind`);
    pci.add(GPU, { group: '1', driver: 'vfio-pci' });
    const folder = await folderOf('w1');
    const mine = devices();
    expect(await mine.take('web', [gpu], folder)).toEqual([`${GPU} from vfio-pci`]);
    expect([await mine.giveBack(folder), pci.driverOf(GPU), loaded]).toEqual([[], 'vfio-pci', []]);
  });

  test('nothing for nothing: not even the module is loaded', async () => {
    const folder = await folderOf('w1');
    expect([await devices().take('web', [], folder), loaded, folder.read('devices')]).toEqual([
      [],
      [],
      undefined,
    ]);
  });

  test('half of it can be taken back', async () => {
    pci.add(GPU, { group: '1', driver: 'nouveau' });
    pci.add(SOUND, { group: '2', driver: 'snd_hda_intel' });
    const folder = await folderOf('w1');
    const unbind = `${PCI}/devices/${SOUND}/driver/unbind`;
    pci.refuses = unbind;
    expect(await failure(devices().take('web', [gpu, sound], folder))).toEqual([
      'WORKLOAD_FAILED',
      `${SOUND}: the kernel refuses "${SOUND}" for ${unbind}: EBUSY: resource busy`,
    ]);
    pci.refuses = undefined;
    await devices().giveBack(folder);
    expect([pci.driverOf(GPU), pci.driverOf(SOUND)]).toEqual(['nouveau', 'snd_hda_intel']);
  });

  test('one that does not come back holds up no other, and comes back the next time', async () => {
    pci.add(GPU, { group: '1', driver: 'nouveau' });
    pci.add(SOUND, { group: '2', driver: 'snd_hda_intel' });
    const folder = await folderOf('w1');
    const mine = devices();
    await mine.take('web', [gpu, sound], folder);
    pci.refuses = `${PCI}/devices/${GPU}/driver/unbind`;
    expect(await failure(mine.giveBack(folder))).toEqual([
      'WORKLOAD_FAILED',
      `${GPU}: the kernel refuses "${GPU}" for ${pci.refuses}: EBUSY: resource busy`,
    ]);
    expect([pci.driverOf(GPU), pci.driverOf(SOUND)]).toEqual(['vfio-pci', 'snd_hda_intel']);
    pci.refuses = undefined;
    expect([await devices().giveBack(folder), pci.driverOf(GPU)]).toEqual([[GPU], 'nouveau']);
  });

  test.each([
    ['before anything is bound', `${PCI}/devices/${GPU}/driver_override`],
    ['before the driver lets go', `${PCI}/devices/${GPU}/driver/unbind`],
    ['before vfio-pci has it', `${PCI}/drivers_probe`],
  ])('an agent that was killed %s is followed by one that gives it back', async (_when, file) => {
    pci.add(GPU, { group: '1', driver: 'nouveau' });
    const folder = await folderOf('w1');
    const doomed = new Devices({
      root,
      tree: treeUnder(root),
      write: (path, text) => (path.endsWith(file) ? new Promise(() => {}) : pci.write(path, text)),
      say: () => {},
      exec: async command => ({
        command,
        exitCode: 0,
        signal: undefined,
        stdout: '',
        stderr: '',
        timedOut: false,
        failure: undefined,
      }),
    });
    void doomed.take('web', [gpu], folder);
    await vi.waitUntil(() => folder.read('devices') !== undefined);
    await new Promise(resolve => setImmediate(resolve));
    expect(await devices().giveBack(folder)).toEqual([GPU]);
    expect(pci.driverOf(GPU)).toBe('nouveau');
  });

  test('two that want the same at once: one gets it, the other is told who has it', async () => {
    pci.add(GPU, { group: '1', driver: 'nouveau' });
    const mine = devices();
    const [one, other] = [await folderOf('w1'), await folderOf('w2')];
    const both = [mine.take('web', [gpu], one), failure(mine.take('db', [gpu], other))];
    expect(await Promise.all(both)).toEqual([
      [`${GPU} from nouveau`],
      [
        'WORKLOAD_INVALID',
        'db: its PCI devices cannot be handed to it',
        `platform.device.0.type: ${GPU} (nvidia-gpu): the workload w1 has it`,
      ],
    ]);
  });

  test('a driver that does not take it is told', async () => {
    pci.add(GPU, { group: '1', driver: 'nouveau', idle: true });
    const mine = devices();
    pci.put(`${PCI}/drivers/vfio-pci/bind`);
    const folder = await folderOf('w1');
    const deaf = new Devices({
      root,
      tree: treeUnder(root),
      write: async () => {},
      say: () => {},
      exec: () => Promise.reject(new Error('nothing is to be run')),
    });
    expect(await failure(deaf.take('web', [gpu], folder))).toEqual([
      'WORKLOAD_FAILED',
      `${GPU}: got no driver after binding, expected vfio-pci`,
      'dmesg of the node tells why',
    ]);
    expect(await mine.giveBack(folder)).toEqual([GPU]);
  });

  test('a kernel without the module is told', async () => {
    pci.add(GPU, { group: '1', driver: 'nouveau' });
    expect(await failure(devices(1).take('web', [gpu], await folderOf('w1')))).toEqual([
      'WORKLOAD_FAILED',
      'the node cannot hand out PCI devices: modprobe ended with status 1: modprobe: FATAL: Module vfio-pci not found.',
      'the kernel of the node needs the modules vfio-pci and vfio_iommu_type1',
    ]);
    expect(pci.driverOf(GPU)).toBe('nouveau');
  });
});

describe('refusing', () => {
  test('what other workloads have, by what their folders say', async () => {
    pci.add(GPU, { group: '1', driver: 'nouveau' });
    const mine = devices();
    await mine.take('web', [gpu], await folderOf('w1'));
    expect(await failure(mine.take('db', [gpu], await folderOf('w2')))).toEqual([
      'WORKLOAD_INVALID',
      'db: its PCI devices cannot be handed to it',
      `platform.device.0.type: ${GPU} (nvidia-gpu): the workload w1 has it`,
    ]);
  });

  test('what the node needs: a NIC in a bridge or with an address, a disk that is mounted or built upon', async () => {
    pci.add(GPU, { group: '1', driver: 'e1000e' });
    const inside = `/sys/devices/pci0000:00/${GPU}`;
    for (const name of ['eth0', 'eth1', 'eth2', 'eth3']) {
      pci.put(`${inside}/net/${name}/dev`);
      pci.lead(`/sys/class/net/${name}`, `${inside}/net/${name}`);
    }
    for (const name of ['sda', 'sdb', 'sdc', 'sdd', 'sde']) {
      pci.put(`${inside}/block/${name}/dev`, `8:${name.charCodeAt(2)}`);
      pci.lead(`/sys/block/${name}`, `${inside}/block/${name}`);
    }
    pci.put(`${inside}/block/sda/sda2/dev`, '8:2\n');
    pci.put(`${inside}/block/sdd/sdd1/holders/dm-0/dev`);
    pci.lead('/sys/devices/pci0000:00/0000:01:00.0/net/eth0/master', '/sys/class/net/br0');
    pci.put('/proc/net/route', 'Iface\tDestination\neth1\t0001A8C0\n');
    pci.put(
      '/proc/net/if_inet6',
      [
        'fe80000000000000505400fffe123456 02 40 20 80     eth3',
        'fd0000000000000000000000000000aa 03 40 00 80     eth2',
      ].join('\n'),
    );
    pci.put(
      '/proc/mounts',
      'tmpfs / tmpfs rw 0 0\n/dev/disk/by-label/data /srv ext4 rw 0 0\n/dev/sdb /b btrfs rw 0 0\n',
    );
    pci.put(
      '/proc/self/mountinfo',
      '21 1 0:20 / / rw - tmpfs tmpfs rw\n22 21 8:2 / /srv rw - ext4 /dev/disk/by-label/data rw\n',
    );
    pci.put('/proc/swaps', 'Filename Type Size Used Priority\n/dev/sdc partition 1 0 -2\n');
    expect(await failure((async () => devices().refuse('web', 'w1', [gpu]))())).toEqual([
      'WORKLOAD_INVALID',
      'web: its PCI devices cannot be handed to it',
      ...[
        'eth0 is in br0',
        'eth1 has an address of the node',
        'eth2 has an address of the node',
        '/dev/sda2 is mounted',
        '/dev/sdb is mounted',
        'the node swaps to /dev/sdc',
        '/dev/sdd1 is a part of dm-0',
      ].map(use => `platform.device.0.type: ${GPU} (nvidia-gpu): the node needs it: ${use}`),
    ]);
  });

  test('without an IOMMU, or beside a device that somebody else has', async () => {
    pci.add(GPU, { driver: 'nouveau' });
    pci.add(SOUND, { group: '2', driver: 'snd_hda_intel' });
    pci.add('0000:01:00.2', { group: '2', driver: 'xhci_hcd' });
    const problems = await failure((async () => devices().refuse('web', 'w1', [gpu, sound]))());
    expect(problems.slice(2).map(problem => problem.slice(0, 100))).toEqual([
      'platform.device.0.type: 0000:01:00.0 (nvidia-gpu): the node has no IOMMU that keeps it apart: switch',
      'platform.device.1.type: 0000:01:00.1 (nvidia-sound): 0000:01:00.2 (xhci_hcd) is in IOMMU group 2 wit',
    ]);
  });

  test('nobody because of a list that cannot be read, but it is said', async () => {
    pci.add(GPU, { group: '1', driver: 'nouveau' });
    const other = await folderOf('w2');
    writeFileSync(other.at('devices'), '{');
    devices().refuse('web', 'w1', [gpu]);
    expect(said).toEqual([expect.stringContaining('devices.json cannot be read, it counts as empty')]);
    expect(readFileSync(other.at('devices'), 'utf8')).toBe('{');
  });
});
