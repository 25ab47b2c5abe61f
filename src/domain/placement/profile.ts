import type { DeviceCounts } from './cost.ts';
import type { Device } from './pci.ts';

/** A kind of machine (tiCrypt document, "Hardware Profiles"). */
export interface HardwareProfile {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  readonly devices: readonly Device[];
  /** Id of a cost function. */
  readonly costFunction: string;
}

/** How many devices of each type there are. */
export function deviceCounts(devices: readonly Pick<Device, 'type'>[]): DeviceCounts {
  const counts = new Map<string, number>();
  for (const { type } of devices) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}
