import type { Workload } from '../workload/workload.ts';
import { deviceCounts } from './profile.ts';
import type { PlacementRequest } from './snapshot.ts';

/** What a workload asks of the host that it is placed on. Which node was named, and where it was last, others know. */
export function requestOf(workload: Workload): PlacementRequest {
  const { arch, cpu, devices, engine, memory, name, nics, placement } = workload;
  return {
    name,
    vcpus: cpu.threads,
    memory: memory.bytes,
    devices: deviceCounts(devices ?? []),
    coschedule: placement.coschedule ?? -1,
    realm: placement.realm,
    group: placement.group,
    engine,
    arch: arch ?? 'x86_64',
    bridges: [...new Set(nics.flatMap(({ bridge }) => bridge ?? []))],
  };
}
