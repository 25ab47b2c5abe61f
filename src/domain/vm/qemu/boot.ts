import type { BootEntry, Workload } from '../../workload/workload.ts';
import { bootOrder, placeIn } from '../boot-order.ts';

/** The place of a volume or NIC in the boot order, as a part of its `-device`; empty when it is not in it. */
export type BootIndex = (entry: BootEntry) => string;

export function bootIndexes(workload: Workload): BootIndex {
  const order = bootOrder(workload);
  return entry => {
    const place = placeIn(order, entry);
    return place === undefined ? '' : `,bootindex=${place}`;
  };
}
