import { keyOf } from '../workload/keys.ts';

/** The driver of Linux that hands a PCI device to a process (Documentation/driver-api/vfio.rst). */
export const VFIO_DRIVER = 'vfio-pci';

/** A PCI device that a workload is to get. */
export interface WantedDevice {
  /** Of `platform.device.<n>`. */
  readonly id: number;
  readonly type: string;
  readonly address: string;
}

/** A PCI device of the node, as it is before it is handed to a guest. */
export interface FoundDevice {
  /** Of the node; absent: none has it. */
  readonly driver?: string | undefined;
  /** Devices that the IOMMU cannot keep apart are in one group. Absent: there is no IOMMU. */
  readonly group?: string | undefined;
  /** The others of its group. */
  readonly neighbours: readonly Neighbour[];
  /** What the node itself does with it, such as `eth0 is in the bridge br0`. */
  readonly uses: readonly string[];
}

export interface Neighbour {
  readonly address: string;
  readonly driver?: string | undefined;
  readonly isBridge: boolean;
}

/** What is known of the devices of a node. */
export interface DeviceScene {
  /** By address; absent: there is no such device. */
  readonly found: ReadonlyMap<string, FoundDevice>;
  /** Devices that other workloads have, and their uuids. */
  readonly holders: ReadonlyMap<string, string>;
}

/** Why devices cannot be handed to a guest, a line each. */
export function passingProblems(wanted: readonly WantedDevice[], scene: DeviceScene): string[] {
  const addresses = wanted.map(({ address }) => address);
  return wanted.flatMap(device => {
    const where = `${keyOf('platform.device.<n>.type', device.id)}: ${device.address} (${device.type})`;
    return reasons(device.address, addresses, scene).map(reason => `${where}: ${reason}`);
  });
}

function reasons(address: string, wanted: readonly string[], { found, holders }: DeviceScene): string[] {
  const device = found.get(address);
  if (!device) return ['the node has no PCI device at this address'];
  const holder = holders.get(address);
  if (holder !== undefined) return [`the workload ${holder} has it`];
  const { group, neighbours, uses } = device;
  if (group === undefined)
    return [
      'the node has no IOMMU that keeps it apart: switch on VT-d or AMD-Vi in the firmware, and intel_iommu=on on the kernel command line',
    ];
  const others = neighbours.filter(({ address: other }) => !wanted.includes(other));
  return [
    ...uses.map(use => `the node needs it: ${use}`),
    ...others.flatMap(other => obstacle(other, group, holders)),
  ];
}

/** Drivers that leave memory of others alone (`driver_managed_dma` of Linux). */
const HARMLESS = [undefined, VFIO_DRIVER, 'pci-stub'];

/** A group goes to one process as a whole: nobody else may have anything of it. */
function obstacle(
  { address, driver, isBridge }: Neighbour,
  group: string,
  holders: ReadonlyMap<string, string>,
): string[] {
  const holder = holders.get(address);
  if (holder !== undefined)
    return [
      `${address} is in IOMMU group ${group} with it, and the workload ${holder} has that: they go to one guest`,
    ];
  if (isBridge || HARMLESS.includes(driver)) return [];
  return [
    `${address} (${driver}) is in IOMMU group ${group} with it and would have to come along: ask for it, too, or take its driver away`,
  ];
}
