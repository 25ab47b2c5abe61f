import type { Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { MachineId } from '../machine/genid.ts';

/** The steps of a boot in the order a healthy machine takes them (DESIGN section 5). */
export const BOOT_STAGES = [
  'discover',
  'offer',
  'ack',
  'nbp',
  'script',
  'kernel',
  'initramfs',
  'init',
  'root',
  'overlay',
  'agent',
] as const;

/** `problem` may come at any time: a refusal, an identity conflict, an aborted transfer. */
export type BootStage = (typeof BOOT_STAGES)[number] | 'problem';

/**
 * What went wrong, for the diagnosis. `aborted`: a transfer broke off. `missing`, `forbidden`, `unreadable`: a file was
 * refused. `pool`: no free address. `nak`: an address was refused. `in-use`: the machine found its address taken.
 * `other-server`: it took the offer of another DHCP server.
 * `waits`: no folder yet, and the policy lets it wait. `conflict`: two machines with one id. `mismatch`: the places
 * that compute the id disagree. `report`: the agent's report was refused.
 */
export const FAULTS = [
  'aborted',
  'missing',
  'forbidden',
  'unreadable',
  'pool',
  'nak',
  'in-use',
  'other-server',
  'waits',
  'conflict',
  'mismatch',
  'report',
] as const;

export type Fault = (typeof FAULTS)[number];

/** One thing that host0 saw of a booting machine. Whoever sees it tells what it knows; the registry finds the machine. */
export interface BootEvent {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly stage: BootStage;
  /** One line for people: `offered 10.77.0.100, boot file snponly.efi`. */
  readonly text: string;
  readonly machineId?: MachineId | undefined;
  readonly mac?: Mac | undefined;
  readonly address?: Ipv4 | undefined;
  /** Who said DISCOVER: the firmware's begins a boot, that of iPXE or of a running system usually does not. */
  readonly client?: 'firmware' | 'ipxe' | 'os' | undefined;
  /** Which place computed `machineId`: option 97, the boot script request, init, or the agent. */
  readonly idFrom?: 'dhcp' | 'script' | 'init' | 'agent' | undefined;
  /** Full SMBIOS UUID, when this step carried it. */
  readonly uuid?: string | undefined;
  readonly bytes?: number | undefined;
  /** Size of the whole file where `bytes` is only what arrived. */
  readonly total?: number | undefined;
  /** The file as it was asked for, without a query: it may hold a token. */
  readonly file?: string | undefined;
  readonly protocol?: 'dhcp' | 'tftp' | 'http' | undefined;
  /** Packets that pxend had to send again; only TFTP can tell. */
  readonly retransmissions?: number | undefined;
  /** Of a problem: the step that failed. */
  readonly step?: BootStage | undefined;
  readonly fault?: Fault | undefined;
  readonly milliseconds?: number | undefined;
}

/** Where services put what they see. Never throws and never blocks a packet. */
export interface Timeline {
  record(event: BootEvent): void;
}
