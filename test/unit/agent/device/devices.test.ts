import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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

  test('what the node needs: a NIC in a bridge or with an address, a disk that is mounted', async () => {
    pci.add(GPU, { group: '1', driver: 'e1000e' });
    for (const [name, path] of [
      ['eth0', 'net/eth0'],
      ['eth1', 'net/eth1'],
      ['nvme0n1', 'nvme/nvme0/nvme0n1'],
    ] as const) {
      const inside = `/sys/devices/pci0000:00/${GPU}/${path}`;
      pci.put(`${inside}/dev`);
      pci.lead(`/sys/class/${name.startsWith('eth') ? 'net' : 'block'}/${name}`, inside);
      if (!name.startsWith('eth')) pci.lead(`/sys/block/${name}`, inside);
    }
    pci.lead('/sys/devices/pci0000:00/0000:01:00.0/net/eth0/master', '/sys/class/net/br0');
    pci.put('/proc/net/route', 'Iface\tDestination\neth1\t0001A8C0\n');
    pci.put('/proc/mounts', 'tmpfs / tmpfs rw 0 0\n/dev/nvme0n1p2 /srv ext4 rw 0 0\n');
    expect(await failure((async () => devices().refuse('web', 'w1', [gpu]))())).toEqual([
      'WORKLOAD_INVALID',
      'web: its PCI devices cannot be handed to it',
      ...['eth0 is in br0', 'eth1 has an address of the node', '/dev/nvme0n1p2 is mounted'].map(
        use => `platform.device.0.type: ${GPU} (nvidia-gpu): the node needs it: ${use}`,
      ),
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
