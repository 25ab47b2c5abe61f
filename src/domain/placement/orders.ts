import type { PlacementRequest } from './snapshot.ts';

/**
 * Orders worth trying. Those who have no choice go first: VMs with a named node, then the ones with a coschedule limit,
 * the strictest first (checklist FW-27), then those that need devices. The rest goes by size: biggest first, since what
 * is big finds no room later; smallest first, where there is not enough for all.
 */
export function ordersOf(requests: readonly PlacementRequest[]): readonly (readonly number[])[] {
  const vcpus = mean(requests.map(request => request.vcpus));
  const memory = mean(requests.map(request => request.memory));
  const sizes: readonly ((request: PlacementRequest) => number)[] = [
    request => Math.max(request.vcpus / vcpus, request.memory / memory),
    request => -request.vcpus / vcpus - request.memory / memory,
    () => 0,
    request => request.memory,
    request => request.vcpus,
  ];
  return sizes.map(size => sorted(requests, size));
}

function sorted(
  requests: readonly PlacementRequest[],
  size: (request: PlacementRequest) => number,
): readonly number[] {
  const keys = requests.map(request => [...constraintsOf(request), -size(request)]);
  return requests
    .map((_, index) => index)
    .sort((a, b) => {
      const [x = [], y = []] = [keys[a], keys[b]];
      const at = x.findIndex((value, i) => value !== y[i]);
      return at < 0 ? a - b : (x[at] ?? 0) - (y[at] ?? 0);
    });
}

/** The smaller, the less choice it has. */
function constraintsOf({ node, coschedule, devices }: PlacementRequest): readonly number[] {
  const wanted = [...devices.values()].reduce((sum, count) => sum + count, 0);
  return [node === undefined ? 1 : 0, coschedule < 0 ? Infinity : coschedule, -wanted];
}

function mean(values: readonly number[]): number {
  return Math.max(1, values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length));
}
