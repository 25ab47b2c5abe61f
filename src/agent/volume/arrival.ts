import type { Found } from '../../domain/volume/decide.ts';
import type { Ledger, VolumeRecord } from '../../domain/volume/record.ts';
import type { Volume, Workload } from '../../domain/workload/workload.ts';

/** A workload and what is at the paths of its volumes. */
export interface Examined {
  readonly workload: Workload;
  readonly found: ReadonlyMap<number, Found>;
  /** Of the files that are there and stay. */
  readonly contentProblems: readonly string[];
}

/** What one `ensure` has done so far. */
export class Arrival {
  readonly workload: Workload;
  /** What the workload had before. */
  readonly before: Ledger | undefined;
  /** Fetched, or about to be. */
  readonly paths: string[] = [];
  /** Made for them, the innermost first. */
  readonly folders: string[] = [];

  constructor(workload: Workload, before: Ledger | undefined) {
    this.workload = workload;
    this.before = before;
  }
}

/** What is known of a file that is there already stays known. */
export function recordOf(volume: Volume, found: Found): VolumeRecord {
  const { ephemeral, id, writable } = volume;
  const known = found.record;
  if (!known || known.version !== found.version)
    return { ...askedOf(volume), fetched: false, used: known?.used ?? false };
  return { ...known, id, writable, ephemeral };
}

/** Of a file that is fetched or made; which version it is, is known when it is there. */
export function onItsWay(volume: Volume): VolumeRecord {
  return { ...askedOf(volume), fetched: true, used: false };
}

/** What the file of the workload says of it. */
export function askedOf({ ephemeral, format, id, path, size, source, writable }: Volume) {
  return { id, path, source, writable, ephemeral, format, size };
}
