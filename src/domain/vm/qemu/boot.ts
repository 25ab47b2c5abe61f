import type { BootEntry, Workload } from '../../workload/workload.ts';
import { bootOrder, placeIn } from '../boot-order.ts';

/** The place of a volume or NIC in the boot order, from 1; undefined when it is not in it. */
export type BootIndex = (entry: BootEntry) => number | undefined;

export function bootIndexes(workload: Workload): BootIndex {
  const order = bootOrder(workload);
  return entry => placeIn(order, entry);
}

/** A place in the boot order as a part of a `-device`. */
export function bootindex(place: number | undefined): string {
  return place === undefined ? '' : `,bootindex=${place}`;
}
