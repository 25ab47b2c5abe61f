import { ANY, type Ipv4 } from '../../base/ipv4.ts';
import { type Mac, macFromBytes } from '../../base/mac.ts';
import { type MessageType, OPTION } from '../../wire/dhcp4/code.ts';
import { addressOf } from '../../wire/dhcp4/option-address.ts';
import { architectures, messageType } from '../../wire/dhcp4/option-number.ts';
import { textOf, userClasses } from '../../wire/dhcp4/option-text.ts';
import { encapsulatedOptions, type Options, type Problem } from '../../wire/dhcp4/options.ts';
import { BOOTREQUEST, type Packet } from '../../wire/dhcp4/packet.ts';
import { type Architecture, architecture, BIOS } from '../machine/arch.ts';
import { type MachineId, machineId, type Sha256 } from '../machine/genid.ts';
import { uuidFromOption97 } from '../machine/uuid.ts';

/** Who asks: iPXE (whatever firmware started it), the boot ROM of a firmware, or a plain client such as udhcpc. */
export type BootClient = 'ipxe' | 'pxe-bios' | 'pxe-uefi' | 'uefi-http' | 'other';

/** What a DHCP request says about the machine that sent it. */
export interface BootRequest {
  readonly packet: Packet;
  readonly messageType: MessageType;
  readonly mac: Mac;
  readonly client: BootClient;
  /** Option 93; undefined for a plain client, or for an architecture that pxen has no boot program for. */
  readonly arch: Architecture | undefined;
  /** SMBIOS UUID from option 97, lower case. */
  readonly uuid: string | undefined;
  /** DESIGN section 4. Undefined for a plain client without option 97: its card need not be the one that booted. */
  readonly machineId: MachineId | undefined;
  /** Option 50. */
  readonly requested: Ipv4 | undefined;
  /** Option 54. */
  readonly serverId: Ipv4 | undefined;
  /** The address the client has already; undefined for 0.0.0.0. */
  readonly ciaddr: Ipv4 | undefined;
  /** Option 60. */
  readonly vendorClass: string;
  /** Option 77. */
  readonly userClasses: readonly string[];
  /** iPXE says in option 175 that it can fetch by HTTP. */
  readonly speaksHttp: boolean;
  /** Sent by the client to the server's own address, not broadcast or relayed: what tells RENEWING from REBINDING (RFC 2131 4.3.2). */
  readonly unicast: boolean;
}

/** Reads a packet as a request of a machine, or says why it is none. */
export function classify(packet: Packet, unicast: boolean, sha256: Sha256): BootRequest | Problem {
  const { options } = packet;
  if (packet.op !== BOOTREQUEST) return { problem: `got op ${packet.op}, want a request (1)` };
  if (packet.htype !== 1 || packet.chaddr.length !== 6)
    return {
      problem: `got hardware type ${packet.htype} with ${packet.chaddr.length} bytes of address, want Ethernet (1 with 6)`,
    };
  const type = messageType(options);
  if (!type) return { problem: 'option 53 (message type) is missing or unknown' };
  const mac = macFromBytes(packet.chaddr);
  if (((packet.chaddr[0] ?? 0) & 1) !== 0)
    return { problem: `${mac} is a multicast address, want a network card's` };
  const vendorClass = textOf(options, OPTION.vendorClass) ?? '';
  const classes = userClasses(options);
  const arch = architectureOf(options);
  const client = clientOf(vendorClass, classes, arch);
  const uuid = uuidFromOption97(options.get(OPTION.machineUuid) ?? new Uint8Array());
  return {
    packet,
    messageType: type,
    mac,
    client,
    arch: client === 'other' ? undefined : arch,
    uuid,
    machineId: uuid || client !== 'other' ? machineId({ uuid, mac }, sha256) : undefined,
    requested: addressOf(options, OPTION.requestedAddress),
    serverId: addressOf(options, OPTION.serverId),
    ciaddr: packet.ciaddr === ANY ? undefined : packet.ciaddr,
    vendorClass,
    userClasses: classes,
    speaksHttp: speaksHttp(options),
    unicast: unicast && packet.giaddr === ANY,
  };
}

/** iPXE first: it keeps the vendor class and the architecture of the firmware that started it. */
function clientOf(
  vendorClass: string,
  classes: readonly string[],
  arch: Architecture | undefined,
): BootClient {
  if (classes.includes('iPXE')) return 'ipxe';
  if (vendorClass.startsWith('HTTPClient')) return 'uefi-http';
  if (!vendorClass.startsWith('PXEClient')) return 'other';
  return arch?.firmware === 'bios' ? 'pxe-bios' : 'pxe-uefi';
}

/** The first architecture of option 93 that is known. Old BIOS ROMs leave the option out (RFC 4578 2.1 demands it). */
function architectureOf(options: Options): Architecture | undefined {
  if (!options.has(OPTION.architecture)) return BIOS;
  return architectures(options)
    .map(architecture)
    .find(arch => arch !== undefined);
}

/** Feature numbers inside iPXE's option 175, https://github.com/ipxe/ipxe/blob/master/src/include/ipxe/features.h */
const IPXE_FEATURE_HTTP = 0x13;

function speaksHttp(options: Options): boolean {
  const ipxe = options.get(OPTION.ipxe);
  return ipxe ? (encapsulatedOptions(ipxe)?.has(IPXE_FEATURE_HTTP) ?? false) : false;
}
