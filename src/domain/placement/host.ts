import { toHex } from '../../base/bytes.ts';
import { type Ipv4, ipv4ToNumber } from '../../base/ipv4.ts';
import type { MachineId, Sha256 } from '../machine/genid.ts';

/** What a host takes (tiCrypt document, "Hosts"). */
export const HOST_STATES = ['enabled', 'no-scheduling', 'disabled'] as const;
export type HostState = (typeof HOST_STATES)[number];

/** A machine that runs VMs: a node with the agent, or one that libvirt controls. The admin keeps these records. */
export interface Host {
  readonly name: string;
  /** Of a host that libvirt controls, see parseLibvirtUri; a node of pxen has none. */
  readonly uri?: string | undefined;
  /** Id of a hardware profile. */
  readonly profile: string;
  readonly state: HostState;
  /** Id of the realm that it belongs to. */
  readonly realm?: string | undefined;
  /** Hosts of one group fail together, such as those of a rack; without one it fails alone. */
  readonly failureGroup?: string | undefined;
  readonly translation?: AddressTranslation | undefined;
}

/** How VMs are reached whose network is not (checklist TC-42). */
export interface AddressTranslation {
  readonly address: Ipv4;
  readonly basePort: number;
}

/** Every last octet has to find a port. */
export const LAST_BASE_PORT = 65_535 - 255;

/** Where to connect to reach a VM: the port is the base port plus the last octet of the VM's address. */
export function translated(
  { address, basePort }: AddressTranslation,
  vm: Ipv4,
): { readonly address: Ipv4; readonly port: number } {
  return { address, port: basePort + (ipv4ToNumber(vm) & 0xff) };
}

/** `Enabled`, `no-scheduling`, `No Scheduling`: as the document or as the command line writes a state. */
export function parseHostState(text: string): HostState | undefined {
  const word = text.trim().toLowerCase().replace(/\s+/g, '-');
  return HOST_STATES.find(state => state === word);
}

/** A libvirt host has no hardware that anybody saw: its name is what tells it from others. */
export function libvirtHostId(name: string, sha256: Sha256): MachineId {
  const seed = new TextEncoder().encode(`pxen:1:libvirt:${name}`);
  return toHex(sha256(seed).subarray(0, 4)) as MachineId;
}

/** A libvirt connection. `ssh` is absent for this computer's own. */
export interface LibvirtUri {
  readonly ssh?:
    | { readonly user?: string | undefined; readonly host: string; readonly port?: number | undefined }
    | undefined;
}

export const URI_FORM = 'qemu:///system or qemu+ssh://[user@]host[:port]/system';

export function parseLibvirtUri(text: string): LibvirtUri | undefined {
  if (text === 'qemu:///system') return {};
  const match = /^qemu\+ssh:\/\/(?:(\w[\w.-]*)@)?([A-Za-z0-9][A-Za-z0-9.-]*)(?::(\d{1,5}))?\/system$/.exec(
    text,
  );
  if (!match?.[2]) return undefined;
  const port = match[3] === undefined ? undefined : Number(match[3]);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  return { ssh: { user: match[1], host: match[2], port } };
}
