import { describe, expect, test } from 'vitest';
import {
  type DeviceScene,
  type FoundDevice,
  passingProblems,
  type WantedDevice,
} from '../../../../src/domain/device/passing.ts';

const GPU = '0000:01:00.0';
const SOUND = '0000:01:00.1';
const wanted: WantedDevice = { id: 3, type: 'nvidia-gpu', address: GPU };
const sound: WantedDevice = { id: 4, type: 'nvidia-sound', address: SOUND };
const gpu: FoundDevice = { driver: 'nouveau', group: '12', neighbours: [], uses: [] };
const beside = (driver: string | undefined, isBridge = false): FoundDevice => ({
  ...gpu,
  neighbours: [{ address: SOUND, driver, isBridge }],
});

function scene(
  found: Readonly<Record<string, FoundDevice>>,
  holders: Readonly<Record<string, string>> = {},
): DeviceScene {
  return { found: new Map(Object.entries(found)), holders: new Map(Object.entries(holders)) };
}

describe('a device can be handed to a guest', () => {
  test.each<[string, readonly WantedDevice[], DeviceScene]>([
    ['alone in its group', [wanted], scene({ [GPU]: gpu })],
    ['without a driver', [wanted], scene({ [GPU]: { ...gpu, driver: undefined } })],
    ['beside a bridge', [wanted], scene({ [GPU]: beside('pcieport', true) })],
    ['beside a device that no driver has', [wanted], scene({ [GPU]: beside(undefined) })],
    ['beside one that was set aside by hand', [wanted], scene({ [GPU]: beside('vfio-pci') })],
    [
      'together with the rest of its group',
      [wanted, sound],
      scene({
        [GPU]: beside('snd_hda_intel'),
        [SOUND]: { ...gpu, neighbours: [{ address: GPU, driver: 'nouveau', isBridge: false }] },
      }),
    ],
  ])('%s', (_what, devices, around) => expect(passingProblems(devices, around)).toEqual([]));
});

describe('it cannot', () => {
  test.each<[string, DeviceScene, string]>([
    ['when it is not there', scene({}), 'the node has no PCI device at this address'],
    ['when another workload has it', scene({ [GPU]: gpu }, { [GPU]: 'w2' }), 'the workload w2 has it'],
    [
      'without an IOMMU',
      scene({ [GPU]: { ...gpu, group: undefined } }),
      'the node has no IOMMU that keeps it apart: switch on VT-d or AMD-Vi in the firmware, and intel_iommu=on on the kernel command line',
    ],
    [
      'when the node needs it',
      scene({ [GPU]: { ...gpu, uses: ['eth0 is in br0'] } }),
      'the node needs it: eth0 is in br0',
    ],
    [
      'when another one would have to come along',
      scene({ [GPU]: beside('snd_hda_intel') }),
      '0000:01:00.1 (snd_hda_intel) is in IOMMU group 12 with it and would have to come along: ask for it, too, or take its driver away',
    ],
    [
      'when another workload has a part of its group',
      scene({ [GPU]: beside('vfio-pci') }, { [SOUND]: 'w2' }),
      '0000:01:00.1 is in IOMMU group 12 with it, and the workload w2 has that: they go to one guest',
    ],
  ])('%s', (_what, around, reason) =>
    expect(passingProblems([wanted], around)).toEqual([
      `platform.device.3.type: 0000:01:00.0 (nvidia-gpu): ${reason}`,
    ]),
  );

  test('and everything is told at once', () => {
    const around = scene({ [GPU]: { ...beside('snd_hda_intel'), uses: ['/dev/sda is mounted'] } });
    expect(passingProblems([wanted, { ...sound, address: '0000:09:00.0' }], around)).toHaveLength(3);
  });
});
