import { PxenError } from '../../base/error.ts';
import type { WantedDevice } from '../device/passing.ts';
import type { WorkloadFacts } from '../workload/facts.ts';
import type { Kernel, PciDevice, VirtioConsole, Workload } from '../workload/workload.ts';

/** What a machine has beside volumes and NICs, with everything decided that depends on its node. Absent: none. */
export interface Equipment {
  /** Its files, as the engine sees them. */
  readonly kernel?: Kernel | undefined;
  /** As the engine sees it; a bare name is a file of the engine. */
  readonly bios?: string | undefined;
  readonly hugepages?: string | undefined;
  readonly vsock?: MachineVsock | undefined;
  readonly devices?: readonly MachineDevice[] | undefined;
  readonly virtioConsoles?: readonly MachineVirtioConsole[] | undefined;
}

export interface MachineVsock {
  readonly cid: number;
  readonly alias?: string | undefined;
}

export interface MachineDevice extends PciDevice {
  /** `0000:01:00.0`. Absent: it is not known which one the machine gets. */
  readonly address?: string | undefined;
}

export interface MachineVirtioConsole extends VirtioConsole {
  /** Its socket, as the engine sees it. */
  readonly socket: string;
}

interface Places {
  readonly folder: string;
  readonly at: (path: string) => string;
}

export function decideEquipment(workload: Workload, facts: WorkloadFacts, places: Places): Equipment {
  const { at, folder } = places;
  const { bios, kernel, memory, vsock } = workload;
  return {
    kernel: kernel && { ...kernel, image: at(kernel.image), initrd: kernel.initrd && at(kernel.initrd) },
    bios: bios?.startsWith('/') ? at(bios) : bios,
    hugepages: memory.hugepages && at(memory.hugepages),
    vsock: vsock && {
      ...vsock,
      cid: vsock.cid === 'auto' ? freeContextId(facts.vsockCids ?? []) : vsock.cid,
    },
    devices: decideDevices(workload, facts),
    virtioConsoles: workload.virtioConsoles?.map(console => ({
      ...console,
      socket: console.path.startsWith('/') ? at(console.path) : `${folder}/${console.path}`,
    })),
  };
}

/** 0 to 2 are the host's. */
const FIRST_CID = 3;

function freeContextId(taken: readonly number[]): number {
  let cid = FIRST_CID;
  while (taken.includes(cid)) cid++;
  return cid;
}

/** Of each type the first ones of the node, in the order in which it tells of them. */
export function decideDevices({ devices }: Workload, facts: WorkloadFacts): MachineDevice[] | undefined {
  const given = new Set<string>();
  return devices?.map(device => {
    const found = facts.devices?.find(({ address, type }) => type === device.type && !given.has(address));
    if (found) given.add(found.address);
    return { ...device, address: found?.address };
  });
}

/** Those of which it is known which ones they are. */
export function assigned(devices: readonly MachineDevice[] | undefined): WantedDevice[] {
  return (devices ?? []).flatMap(({ address, id, type }) =>
    address === undefined ? [] : [{ id, type, address }],
  );
}

/** The devices of a machine, for an engine that hands them out. Throws WORKLOAD_INVALID when it is not known which ones. */
export function addressed({
  devices = [],
  workload: { name },
}: Equipment & { readonly workload: Workload }): {
  readonly id: number;
  readonly address: string;
}[] {
  return devices.map(({ address, id, type }) => {
    if (address !== undefined) return { id, address };
    throw new PxenError('WORKLOAD_INVALID', `${name}: no device of the type ${type} has been assigned`, {
      details: [`platform.device.${id}.type: the facts of the node tell which devices it may get`],
    });
  });
}
