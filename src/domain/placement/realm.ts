/** Where VMs run and how they are looked after there (tiCrypt document, "Configuring the Libvirt Realm"). */
export interface Realm {
  readonly id: string;
  readonly name: string;
  /** Nothing new starts in it. */
  readonly disabled: boolean;
  readonly driver: Driver;
  readonly pools: {
    readonly volumes: string;
    readonly drives: string;
    /** VM images. */
    readonly bricks: string;
  };
  /** Explains every placement in the log. */
  readonly logScheduling: boolean;
  /** Milliseconds in which a VM has to boot and register. */
  readonly registrationTimeout: number;
  /** Milliseconds between two looks at a VM. */
  readonly pollFrequency: number;
  readonly networkFilter?: string | undefined;
  readonly drives: {
    /** Storage is taken when it is written. */
    readonly lazyAllocation: boolean;
    readonly cache: DriveCache;
    /** Bytes; a new drive outside of the two is refused. */
    readonly minSize?: number | undefined;
    readonly maxSize?: number | undefined;
  };
}

/** `libvirt`: hosts that libvirt controls. `pxen`: nodes with the agent. */
export const DRIVERS = ['libvirt', 'pxen'] as const;
export type Driver = (typeof DRIVERS)[number];

export const DRIVE_CACHES = ['default', 'writethrough', 'writeback', 'none'] as const;
export type DriveCache = (typeof DRIVE_CACHES)[number];

/** What the document names as defaults, and where it is silent, ours. */
export const REALM_DEFAULTS = {
  pools: { volumes: 'ticrypt-vm', drives: 'ticrypt-vm-drives', bricks: 'ticrypt-bricks' },
  registrationTimeout: 300_000,
  pollFrequency: 10_000,
} as const;

/** The fourth pool of the document, which no parameter of a realm names (checklist TC-50). */
const SNAPSHOTS_POOL = 'ticrypt-vm-snapshots';

/** The storage pools that every libvirt host of a realm needs. */
export function poolNames({ volumes, drives, bricks }: Realm['pools']): readonly string[] {
  return [volumes, drives, bricks, SNAPSHOTS_POOL];
}

/** A VM that boots from a slow disk may well need this long (the document's danger note, checklist TC-6). */
export const SHORT_TIMEOUT = 60_000;

/** Why a new drive of so many bytes may not be made in the realm, or nothing. */
export function driveFault({ drives }: Pick<Realm, 'drives'>, bytes: number): string | undefined {
  if (drives.minSize !== undefined && bytes < drives.minSize) return `at least ${drives.minSize} bytes`;
  if (drives.maxSize !== undefined && bytes > drives.maxSize) return `at most ${drives.maxSize} bytes`;
  return undefined;
}
