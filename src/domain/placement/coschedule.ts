/**
 * How many VMs a host may run because of the VMs on it (checklist FW-26, FW-27): each allows so many others beside
 * itself, the strictest counts, and -1 allows any number.
 */
export function coscheduleLimit(values: Iterable<number>): number {
  let limit = Infinity;
  for (const value of values) if (value >= 0 && value + 1 < limit) limit = value + 1;
  return limit;
}

/** Whether a newcomer may join so many VMs, as those see it and as it sees them. */
export function mayJoin(vms: number, limit: number, coschedule: number): boolean {
  return vms + 1 <= limit && (coschedule < 0 || vms <= coschedule);
}
