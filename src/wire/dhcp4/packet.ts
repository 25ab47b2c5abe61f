import { toHex } from '../../base/bytes.ts';
import { type Ipv4, ipv4FromBytes, ipv4ToBytes } from '../../base/ipv4.ts';
import { OPTION } from './code.ts';
import {
  joinOptions,
  type OptionParts,
  type Options,
  type Problem,
  readOptions,
  writeOptions,
} from './options.ts';

export const BOOTREQUEST = 1;
export const BOOTREPLY = 2;

/** A DHCP message (RFC 2131 2) as a value. */
export interface Packet {
  /** 1 request, 2 reply. */
  readonly op: number;
  /** Hardware type; 1 is Ethernet. */
  readonly htype: number;
  readonly hops: number;
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  readonly flags: number;
  /** The client's own address, when it has one that works. */
  readonly ciaddr: Ipv4;
  /** The address the client gets. */
  readonly yiaddr: Ipv4;
  /** Where the boot file is: the next server. */
  readonly siaddr: Ipv4;
  /** The relay that passed the message on. */
  readonly giaddr: Ipv4;
  /** Hardware address, `hlen` (at most 16) bytes. */
  readonly chaddr: Uint8Array;
  /** At most 63 bytes, one a character. */
  readonly sname: string;
  /** At most 127 bytes, one a character. */
  readonly file: string;
  readonly options: Options;
}

/** Flags, RFC 2131 figure 2: the client cannot take unicast before it has its address. */
export const BROADCAST_FLAG = 0x8000;

const COOKIE = 0x63825363;
const SNAME = 44;
const FILE = 108;
const COOKIE_AT = 236;
const OPTIONS = 240;
const MIN_BOOTP = 300;
const IP_AND_UDP = 28;
/** What every client takes, IP and UDP headers included (RFC 2131 2). */
export const MIN_MESSAGE_SIZE = 576;

/** Reads bytes from the network; whatever they are, it answers with a packet or with what is wrong. */
export function decode(bytes: Uint8Array): Packet | Problem {
  if (bytes.length < OPTIONS)
    return { problem: `got ${bytes.length} bytes, a DHCP message has at least ${OPTIONS}` };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(COOKIE_AT) !== COOKIE)
    return { problem: `got magic cookie ${toHex(bytes.subarray(COOKIE_AT, OPTIONS))}, want 63825363` };
  const hlen = view.getUint8(2);
  if (hlen > 16) return { problem: `got hardware address length ${hlen}, want at most 16` };
  const areas = readAreas(bytes);
  if ('problem' in areas) return areas;
  return {
    op: view.getUint8(0),
    htype: view.getUint8(1),
    hops: view.getUint8(3),
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    flags: view.getUint16(10),
    ciaddr: ipv4FromBytes(bytes.subarray(12)),
    yiaddr: ipv4FromBytes(bytes.subarray(16)),
    siaddr: ipv4FromBytes(bytes.subarray(20)),
    giaddr: ipv4FromBytes(bytes.subarray(24)),
    chaddr: bytes.slice(28, 28 + hlen),
    ...areas,
  };
}

/** The options with those in `file` and `sname` when option 52 says so (RFC 2132 9.3; this order: RFC 3396 5). */
function readAreas(bytes: Uint8Array): Pick<Packet, 'sname' | 'file' | 'options'> | Problem {
  const sname = bytes.subarray(SNAME, FILE);
  const file = bytes.subarray(FILE, COOKIE_AT);
  const parts: OptionParts = new Map();
  const problem = readOptions(bytes.subarray(OPTIONS), parts);
  if (problem) return problem;
  const overload = parts.get(OPTION.overload)?.[0]?.[0] ?? 0;
  parts.delete(OPTION.overload);
  const inFile = (overload & 1) !== 0;
  const inSname = (overload & 2) !== 0;
  const overloaded =
    (inFile ? readOptions(file, parts) : undefined) ?? (inSname ? readOptions(sname, parts) : undefined);
  if (overloaded) return overloaded;
  parts.delete(OPTION.overload);
  return {
    sname: inSname ? '' : readText(sname),
    file: inFile ? '' : readText(file),
    options: joinOptions(parts),
  };
}

function readText(field: Uint8Array): string {
  const end = field.indexOf(0);
  return String.fromCharCode(...field.subarray(0, end === -1 ? field.length : end));
}

/**
 * The bytes of a packet: at least 300 (BOOTP relays and old ROMs drop shorter ones, RFC 1542 2.1) and at most what the
 * client takes (`maxSize`, option 57, counted with IP and UDP headers). What does not fit is left out:
 * options from the end of the map, and an `sname` or `file` too long for its field.
 */
export function encode(packet: Packet, maxSize = MIN_MESSAGE_SIZE): Uint8Array {
  const room = Math.max(maxSize, MIN_MESSAGE_SIZE) - IP_AND_UDP - OPTIONS;
  const options = writeOptions(packet.options, room);
  const bytes = new Uint8Array(Math.max(MIN_BOOTP, OPTIONS + options.length));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, packet.op);
  view.setUint8(1, packet.htype);
  view.setUint8(2, packet.chaddr.length);
  view.setUint8(3, packet.hops);
  view.setUint32(4, packet.xid);
  view.setUint16(8, packet.secs);
  view.setUint16(10, packet.flags);
  bytes.set(ipv4ToBytes(packet.ciaddr), 12);
  bytes.set(ipv4ToBytes(packet.yiaddr), 16);
  bytes.set(ipv4ToBytes(packet.siaddr), 20);
  bytes.set(ipv4ToBytes(packet.giaddr), 24);
  bytes.set(packet.chaddr, 28);
  writeText(bytes.subarray(SNAME, FILE), packet.sname);
  writeText(bytes.subarray(FILE, COOKIE_AT), packet.file);
  view.setUint32(COOKIE_AT, COOKIE);
  bytes.set(options, OPTIONS);
  return bytes;
}

/** Some clients expect a final zero, so a text that fills its field counts as too long. */
function writeText(field: Uint8Array, text: string): void {
  if (text.length >= field.length) return;
  for (let i = 0; i < text.length; i++) field[i] = text.charCodeAt(i);
}
