import { toHex } from '../../base/bytes.ts';
import { PxenError } from '../../base/error.ts';
import type { Mac } from '../../base/mac.ts';
import type { Sha256 } from '../machine/genid.ts';
import type { Accel, AccelPolicy, WorkloadFacts } from '../workload/facts.ts';
import { nicMac } from '../workload/mac.ts';
import { rfcUuid } from '../workload/rfcuuid.ts';
import {
  type Console,
  DEFAULT_DRIVER,
  type Driver,
  type Nic,
  type Quality,
  SERIAL_BASE_PORT,
  VNC_BASE_PORT,
  type Volume,
  type Workload,
} from '../workload/workload.ts';
import { decideEquipment, type Equipment } from './equipment.ts';

/** A workload with everything decided that depends on its node; an engine renders it without asking anybody. */
export interface Machine extends Equipment {
  readonly workload: Workload;
  readonly accel: Accel;
  /** Of RFC 4122, for engines and guests that want one. */
  readonly rfcUuid: string;
  /** The state folder, as the engine sees it. */
  readonly folder: string;
  readonly console: MachineConsole;
  readonly nics: readonly MachineNic[];
  readonly volumes: readonly MachineVolume[];
}

export type MachineConsole =
  | { readonly type: 'serial-tcp'; readonly port: number }
  | { readonly type: 'serial-socket' }
  | { readonly type: 'vnc'; readonly id: number; readonly port: number };

export interface MachineNic {
  readonly id: number;
  readonly mac: Mac;
  readonly type: Nic['type'];
  /** Present exactly when `type` is `bridge`, and so is `tap`. */
  readonly bridge?: string | undefined;
  /** The interface to make on the node. */
  readonly tap?: string | undefined;
  /** Packets go through the node's kernel and not through the engine. */
  readonly vhost: boolean;
  /** Absent: virtio-net-pci. */
  readonly driver?: Driver | undefined;
  readonly qos?: Quality | undefined;
  readonly alias?: string | undefined;
}

export interface MachineVolume extends Volume {
  /** `path`, as the engine sees it. */
  readonly file: string;
}

/** What a machine's surroundings bring in. */
export interface Around {
  readonly accel: AccelPolicy;
  /** The state folder, as the engine sees it. */
  readonly folder: string;
  /** A path of the node, as the engine sees it. */
  readonly at: (path: string) => string;
  readonly sha256: Sha256;
  readonly sha1: (bytes: Uint8Array) => Uint8Array;
}

/** What to start for a workload that passed every rule. Throws PORT_IN_USE when the node has no port left for its console. */
export function decideMachine(workload: Workload, facts: WorkloadFacts, around: Around): Machine {
  return {
    workload,
    accel: decideAccel(around.accel, facts),
    rfcUuid: rfcUuid(workload.uuid, around.sha1),
    folder: around.folder,
    console: decideConsole(workload.console, facts.busyPorts ?? []),
    nics: workload.nics.map(nic => decideNic(workload.uuid, nic, facts, around.sha256)),
    volumes: volumesAt(workload, around.at),
    ...decideEquipment(workload, facts, around),
  };
}

/** Where a workload has its volumes, as the engine sees it. */
export function volumesAt({ volumes }: Workload, at: Around['at']): MachineVolume[] {
  return volumes.map(volume => ({ ...volume, file: at(volume.path) }));
}

/** `auto` trusts KVM until something is known against it. */
function decideAccel(policy: AccelPolicy, facts: WorkloadFacts): Accel {
  if (policy === 'auto') return facts.kvm?.usable === false ? 'tcg' : 'kvm';
  return policy;
}

function decideConsole(console: Console, busy: readonly number[]): MachineConsole {
  switch (console.type) {
    case 'serial-tcp':
      return {
        type: 'serial-tcp',
        port: console.id === undefined ? freePort(busy) : SERIAL_BASE_PORT + console.id,
      };
    case 'serial-socket':
      return { type: 'serial-socket' };
    case 'vnc':
      return { type: 'vnc', id: console.id, port: VNC_BASE_PORT + console.id };
  }
}

/** MH-27: the lowest one that nothing listens on. */
function freePort(busy: readonly number[]): number {
  const taken = new Set(busy);
  for (let port = SERIAL_BASE_PORT; port <= 65_535; port++) if (!taken.has(port)) return port;
  throw new PxenError('PORT_IN_USE', `no TCP port from ${SERIAL_BASE_PORT} on is free for a serial console`);
}

function decideNic(uuid: string, nic: Nic, facts: WorkloadFacts, sha256: Sha256): MachineNic {
  const { alias, bridge, driver, id, qos, type } = nic;
  const card = { id, mac: nicMac(uuid, nic, sha256), type, driver, alias };
  if (type === 'nat') return { ...card, vhost: false };
  const isVirtio = (driver ?? DEFAULT_DRIVER) === DEFAULT_DRIVER;
  const tap = nic.tap ?? tapName(uuid, id, sha256);
  return { ...card, bridge, tap, qos, vhost: isVirtio && facts.vhostNet === true };
}

/** Linux allows 15 characters (IFNAMSIZ less its NUL); `px` and the hyphen make it known as ours. */
const LONGEST_INTERFACE = 15;

/** Name of the interface of a NIC on the node: the same at every start, and another one for every workload and NIC. */
export function tapName(uuid: string, nicId: number, sha256: Sha256): string {
  const end = `-${nicId}`;
  const hash = toHex(sha256(new TextEncoder().encode(uuid)));
  return `px${hash.slice(0, Math.min(10, LONGEST_INTERFACE - 2 - end.length))}${end}`;
}
