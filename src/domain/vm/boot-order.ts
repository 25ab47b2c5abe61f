import { formatBootEntry } from '../workload/values.ts';
import type { BootEntry, Workload } from '../workload/workload.ts';

/**
 * What the firmware tries, in its order: MH-24, and MH-25 where the file names no order: the first volume, whatever its
 * type, else the first NIC; nothing where a kernel is booted directly. Flash memory is what boots and not what is booted.
 */
export function bootOrder({ boot, kernel, nics, volumes }: Workload): readonly BootEntry[] {
  const disks = volumes.filter(volume => volume.interface !== 'pflash');
  const all = [...disks.map(volume => ({ volume: volume.id })), ...nics.map(nic => ({ nic: nic.id }))];
  return boot ?? all.slice(0, kernel ? 0 : 1);
}

/** The place of a volume or NIC in an order, from 1. */
export function placeIn(order: readonly BootEntry[], entry: BootEntry): number | undefined {
  const index = order.map(formatBootEntry).indexOf(formatBootEntry(entry));
  return index < 0 ? undefined : index + 1;
}
