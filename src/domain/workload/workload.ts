import type { Mac } from '../../base/mac.ts';

/** The programs that can run a workload. */
export const ENGINES = ['qemu'] as const;
export type Engine = (typeof ENGINES)[number];

/**
 * One virtual machine as its `.conf` file describes it, defaults filled in and every rule that needs no node checked
 * (checklist MH-4 to MH-30). `<id>` of a volume or NIC is the number in its key.
 */
export interface Workload {
  /** What `-w` matches. */
  readonly name: string;
  /** As written, any unique word: names the state folder. */
  readonly uuid: string;
  readonly engine: Engine;
  readonly memory: { readonly bytes: number };
  readonly cpu: {
    /** vCPUs in all. */
    readonly threads: number;
    /** A model of `qemu-system-x86_64 -cpu help`, or `host`. */
    readonly mode: string;
  };
  /** By ascending id. */
  readonly volumes: readonly Volume[];
  /** By ascending id. */
  readonly nics: readonly Nic[];
  /** In the order in which the firmware tries them; absent: the first volume, else the first NIC (MH-25). */
  readonly boot?: readonly BootEntry[] | undefined;
  readonly console: Console;
  /** Whether it comes back when its node reboots. */
  readonly autostart: boolean;
  readonly placement: {
    /** Machine id or name of the node that it is for; `-n` of the command line wins. */
    readonly node?: string | undefined;
  };
}

export interface Volume {
  readonly id: number;
  readonly type: 'qcow2' | 'iso';
  /** Absolute, on the node. */
  readonly path: string;
  /** An http(s) URL, or an absolute path on the node. */
  readonly source?: string | undefined;
  /** Lower-case hex SHA-256 that the fetched file must have. */
  readonly sha256?: string | undefined;
  readonly writable: boolean;
  /** Deleted when the workload stops. */
  readonly ephemeral: boolean;
}

export interface Nic {
  readonly id: number;
  readonly type: 'bridge' | 'nat';
  /** Present exactly when `type` is `bridge`. */
  readonly bridge?: string | undefined;
  /** As written; absent: derived from uuid, id and type, see mac.ts (MH-23). */
  readonly mac?: Mac | undefined;
}

export type BootEntry = { readonly volume: number } | { readonly nic: number };

export type Console =
  /** TCP port 7900+id; without an id the lowest free port from 7900 (MH-27). */
  | { readonly type: 'serial-tcp'; readonly id?: number | undefined }
  | { readonly type: 'serial-socket' }
  /** TCP port 5900+id. */
  | { readonly type: 'vnc'; readonly id: number };

export const SERIAL_BASE_PORT = 7900;
export const VNC_BASE_PORT = 5900;
