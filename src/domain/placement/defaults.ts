import type { Facts, PciDevice } from '../node/facts.ts';
import type { CostFunction } from './cost.ts';
import type { Curve } from './curve.ts';
import { type Device, parsePciAddress } from './pci.ts';
import { deviceCounts, type HardwareProfile } from './profile.ts';

/** What a node is good for when nobody has said anything about it. */
export interface DefaultRules {
  readonly profile: HardwareProfile;
  readonly costFunction: CostFunction;
}

/**
 * PCI devices that are there to be given away: vendor, beginning of the class, type. Network cards, disks and the plain
 * graphics of a server stay with the node: it boots and is watched over them.
 */
const DEVICE_TYPES: readonly { readonly vendor: string; readonly class: string; readonly type: string }[] = [
  { vendor: '10de', class: '03', type: 'nvidia-gpu' },
  { vendor: '1002', class: '03', type: 'amd-gpu' },
  { vendor: '10de', class: '12', type: 'nvidia-accelerator' },
  { vendor: '1002', class: '12', type: 'amd-accelerator' },
  { vendor: '8086', class: '12', type: 'intel-accelerator' },
];

/** The node's own system lives in this much of its memory, at most half of it. */
const SYSTEM_MEMORY = 512 * 2 ** 20;

/** VMs that need no device go elsewhere while there is an elsewhere. */
const DEVICE_HOST_OFFSET = 1000;

/**
 * A profile and a cost function from a node's own facts, so that a cluster without any configuration places VMs. The
 * costs are those of the document's `simple` example, in proportion to the machine: 1 for each VM, 0.5 for each vCPU up
 * to one per thread and 3.5 beyond, up to two per thread; memory up to 10 at one half and 100 when all is taken that the
 * system leaves. `id` names both.
 */
export function defaultRules(id: string, facts: Facts): DefaultRules {
  const cores = Math.max(1, facts.cpu.threads);
  const memory = facts.memoryKib * 1024;
  const found = facts.pci.flatMap(deviceOf);
  const devices = [...new Map(found.map(device => [device.address, device])).values()];
  const description = 'made from what the node reports';
  return {
    profile: { id, name: id, description, cores, memory, devices, costFunction: id },
    costFunction: {
      id,
      name: id,
      description,
      vms: { kind: 'linear', slope: 1, base: 0, scale: 1 },
      vcpus: hardSoft(cores, 2 * cores, cores / 2, 4 * cores),
      memory: memoryCurve(memory),
      devices: deviceCurves(devices),
      scale: 1,
      offset: devices.length > 0 ? DEVICE_HOST_OFFSET : 0,
    },
  };
}

function memoryCurve(memory: number): Curve {
  const hard = Math.max(memory / 2, memory - SYSTEM_MEMORY);
  return hard > 0 ? hardSoft(hard / 2, hard, 10, 100) : { kind: 'unavailable', scale: 1 };
}

function hardSoft(soft: number, hard: number, softAmt: number, hardAmt: number): Curve {
  return { kind: 'hard-soft', soft, hard, softAmt, hardAmt, scale: 1 };
}

function deviceOf(device: PciDevice): readonly Device[] {
  const known = DEVICE_TYPES.find(
    ({ vendor, class: start }) => device.id.startsWith(`${vendor}:`) && device.class.startsWith(start),
  );
  const address = parsePciAddress(device.address);
  return known && address ? [{ type: known.type, address }] : [];
}

function deviceCurves(devices: readonly Device[]): ReadonlyMap<string, Curve> {
  const counts = deviceCounts(devices);
  return new Map(
    [...counts].map(([type, max]) => [type, { kind: 'linear', slope: 1, base: 0, scale: 1, max }]),
  );
}
