import { formatBootEntry } from '../../workload/values.ts';
import type { BootEntry, Workload } from '../../workload/workload.ts';

/** The place of a volume or NIC in the boot order, as a part of its `-device`; empty when it is not in it. */
export type BootIndex = (entry: BootEntry) => string;

/** MH-24, and MH-25 where the file names no order: the first volume, whatever its type, else the first NIC. */
export function bootIndexes({ boot, nics, volumes }: Workload): BootIndex {
  const order =
    boot ??
    [...volumes.map(volume => ({ volume: volume.id })), ...nics.map(nic => ({ nic: nic.id }))].slice(0, 1);
  const names = order.map(formatBootEntry);
  return entry => {
    const index = names.indexOf(formatBootEntry(entry));
    return index < 0 ? '' : `,bootindex=${index + 1}`;
  };
}
