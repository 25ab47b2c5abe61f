import { quote } from '../../base/diagnostic.ts';
import type { Volume, VolumeFormat, Workload } from '../workload/workload.ts';
import type { Ledger, Marker, VolumeRecord } from './record.ts';

/** What is known of the place of a volume. */
export interface Found {
  /** What its path leads to: `device` can be a volume too, a drive of the node for example. */
  readonly what: 'nothing' | 'file' | 'device' | 'something else';
  /** As `version` of a record. */
  readonly version?: string | undefined;
  /** Of this workload. */
  readonly record?: VolumeRecord | undefined;
  readonly marker?: Marker | undefined;
  /** Another workload has the same file. */
  readonly shared?: boolean | undefined;
  /** A virtual machine of this workload may have it open. */
  readonly inUse?: boolean | undefined;
}

export type Decision =
  /** It is there, as it is. */
  | { readonly kind: 'keep' }
  /** It is to be fetched, or made where it has a size and no source. */
  | { readonly kind: 'bring' }
  /** What is there is deleted, and brought anew. */
  | { readonly kind: 'replace' }
  /** `got` and `expected` of a message about `key`. */
  | { readonly kind: 'refuse'; readonly key: 'path'; readonly got: string; readonly expected: string };

const REPLACE = { kind: 'replace' } as const;
const KEEP = { kind: 'keep' } as const;

/** What to do so that a workload can start with this volume (MH-13, MH-17, MH-18, X-2). */
export function decideVolume(uuid: string, volume: Volume, found: Found): Decision {
  const { ephemeral, path } = volume;
  const refuse = (why: string, expected: string): Decision => ({
    kind: 'refuse',
    key: 'path',
    got: `${quote(path)}, ${why}`,
    expected,
  });
  if (found.what === 'something else') return refuse('which is no file', 'a file or a disk');
  if (found.what === 'nothing')
    return comesFromSomewhere(volume)
      ? { kind: 'bring' }
      : refuse('which is not on this node', missingHelp(volume));
  if (found.marker?.ephemeral === false && found.marker.uuid !== uuid)
    return refuse(`which belongs to the workload with the uuid ${found.marker.uuid}`, 'another path');
  if (!ephemeral)
    return isOwn(uuid, found)
      ? KEEP
      : refuse('which is there already and was not fetched for it', 'another path');
  const replaceable = found.what === 'file' && found.shared !== true && comesFromSomewhere(volume);
  return replaceable && isStale(volume, found) ? REPLACE : KEEP;
}

function comesFromSomewhere({ size, source }: Volume): boolean {
  return source !== undefined || size !== undefined;
}

function missingHelp({ type }: Volume): string {
  const file = 'a file that is there';
  return type === 'iso'
    ? `${file}, or a source to fetch it from`
    : `${file}, a source to fetch it from, or a size to make it with`;
}

/** this workload placed it, now or before the node was rebooted. */
export function isOwn(uuid: string, { marker, record, version }: Found): boolean {
  return marker?.uuid === uuid || (record?.fetched === true && (record.used || record.version === version));
}

/** Left by a virtual machine that died, or not what the file of the workload says now. */
function isStale(
  { format, sha256, size, source }: Volume,
  { inUse, marker, record, version }: Found,
): boolean {
  // Without a record the node was rebooted, and nobody was there to delete it before; whose it was does not matter.
  if (!record || record.used) return inUse !== true && (record ?? marker)?.ephemeral === true;
  // What somebody has put there by hand is his.
  if (!record.fetched || record.version !== version) return false;
  const isOther = record.source !== source || record.size !== size || isOtherFormat(record.format, format);
  return isOther || (sha256 !== undefined && record.sha256 !== sha256);
}

/** A disc has none, and comes as it is; so does a qcow2 image. */
function isOtherFormat(one: VolumeFormat | undefined, other: VolumeFormat | undefined): boolean {
  return (one === 'raw') !== (other === 'raw');
}

/**
 * Why a volume cannot be at its path beside those of the other workloads of the node; undefined when it can. Only
 * volumes that nobody writes and that come from one source may share a file.
 */
export function conflictOf(volume: Volume, others: readonly Ledger[]): { owner: Ledger } | undefined {
  const owner = others.find(({ volumes }) =>
    volumes.some(
      other =>
        other.path === volume.path &&
        (other.writable ||
          volume.writable ||
          other.source !== volume.source ||
          isOtherFormat(other.format, volume.format)),
    ),
  );
  return owner && { owner };
}

/** All problems of the volumes of a workload, a line each. */
export function volumeProblems(
  { uuid, volumes }: Workload,
  found: ReadonlyMap<number, Found>,
  others: readonly Ledger[],
): string[] {
  return volumes.flatMap(volume => {
    const key = `platform.volume.${volume.id}.path`;
    const conflict = conflictOf(volume, others);
    if (conflict) {
      const { name, uuid: owner } = conflict.owner;
      return [
        `${key}: got ${quote(volume.path)}, which workload ${quote(name)} (${owner}) has, expected another path; only read-only volumes of one source can share a file`,
      ];
    }
    const decision = decideVolume(uuid, volume, found.get(volume.id) ?? { what: 'nothing' });
    return decision.kind === 'refuse' ? [`${key}: got ${decision.got}, expected ${decision.expected}`] : [];
  });
}

/** May this file stand in for what a volume would fetch? Nobody may have written into it. */
export function isDonor(record: VolumeRecord, volume: Volume, version: string | undefined): boolean {
  return (
    record.fetched &&
    !record.writable &&
    record.version !== undefined &&
    record.version === version &&
    record.source === volume.source &&
    (record.converted !== true || volume.format === 'raw') &&
    (volume.sha256 === undefined || volume.sha256 === record.sha256)
  );
}
