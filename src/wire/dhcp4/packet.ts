import { toHex } from '../../base/bytes.ts';
import { type Ipv4, ipv4FromNumber, ipv4ToNumber } from '../../base/ipv4.ts';
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
const CHADDR = 28;
const SNAME = 44;
const FILE = 108;
const COOKIE_AT = 236;
const OPTIONS = 240;
const MIN_BOOTP = 300;
const IP_AND_UDP = 28;
/** What every client takes, IP and UDP headers included (RFC 2131 2). */
export const MIN_MESSAGE_SIZE = 576;

/** Reads bytes from the network; whatever they are, it answers with a packet or with what is wrong. The packet has views of them. */
export function decode(datagram: Uint8Array): Packet | Problem {
  if (datagram.length < OPTIONS)
    return { problem: `got ${datagram.length} bytes, a DHCP message has at least ${OPTIONS}` };
  // Not of Node's Buffer: its parts cost three times as much.
  const bytes = new Uint8Array(datagram.buffer, datagram.byteOffset, datagram.length);
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
    ciaddr: ipv4FromNumber(view.getUint32(12)),
    yiaddr: ipv4FromNumber(view.getUint32(16)),
    siaddr: ipv4FromNumber(view.getUint32(20)),
    giaddr: ipv4FromNumber(view.getUint32(24)),
    chaddr: bytes.subarray(CHADDR, CHADDR + hlen),
    ...areas,
  };
}

/** The options with those in `file` and `sname` when option 52 says so (RFC 2132 9.3; this order: RFC 3396 5). */
function readAreas(bytes: Uint8Array): Pick<Packet, 'sname' | 'file' | 'options'> | Problem {
  const sname = bytes.subarray(SNAME, FILE);
  const file = bytes.subarray(FILE, COOKIE_AT);
  const parts: OptionParts = { first: new Map(), later: [] };
  const problem = readOptions(bytes.subarray(OPTIONS), parts);
  if (problem) return problem;
  const overload = parts.first.get(OPTION.overload)?.[0] ?? 0;
  const inFile = (overload & 1) !== 0;
  const inSname = (overload & 2) !== 0;
  const overloaded =
    (inFile ? readOptions(file, parts) : undefined) ?? (inSname ? readOptions(sname, parts) : undefined);
  if (overloaded) return overloaded;
  const options = joinOptions(parts);
  options.delete(OPTION.overload);
  return { sname: inSname ? '' : readText(sname), file: inFile ? '' : readText(file), options };
}

function readText(field: Uint8Array): string {
  if (field[0] === 0) return '';
  const end = field.indexOf(0);
  return String.fromCharCode(...field.subarray(0, end === -1 ? field.length : end));
}

/** Longer than any DHCP message in one Ethernet frame. */
const LONGEST = 2048;
/** Messages are put together here and copied out: memory for every step of every reply costs more than all the rest. */
const draft = new Uint8Array(LONGEST);
const draftView = new DataView(draft.buffer);

/**
 * The bytes of a packet: at least 300 (BOOTP relays and old ROMs drop shorter ones, RFC 1542 2.1) and at most what the
 * client takes (`maxSize`, option 57, counted with IP and UDP headers). What does not fit is left out:
 * options from the end of the map, and an `sname` or `file` too long for its field.
 */
export function encode(packet: Packet, maxSize = MIN_MESSAGE_SIZE): Uint8Array {
  const end = Math.min(LONGEST, Math.max(maxSize, MIN_MESSAGE_SIZE) - IP_AND_UDP);
  draft.fill(0, 0, MIN_BOOTP);
  draft[0] = packet.op;
  draft[1] = packet.htype;
  draft[2] = packet.chaddr.length;
  draft[3] = packet.hops;
  draftView.setUint32(4, packet.xid);
  draftView.setUint16(8, packet.secs);
  draftView.setUint16(10, packet.flags);
  draftView.setUint32(12, ipv4ToNumber(packet.ciaddr));
  draftView.setUint32(16, ipv4ToNumber(packet.yiaddr));
  draftView.setUint32(20, ipv4ToNumber(packet.siaddr));
  draftView.setUint32(24, ipv4ToNumber(packet.giaddr));
  draft.set(packet.chaddr, CHADDR);
  writeText(packet.sname, SNAME, FILE);
  writeText(packet.file, FILE, COOKIE_AT);
  draftView.setUint32(COOKIE_AT, COOKIE);
  const length = writeOptions(packet.options, draft, OPTIONS, end);
  return draft.slice(0, Math.max(MIN_BOOTP, length));
}

/** Some clients expect a final zero, so a text that fills its field counts as too long. */
function writeText(text: string, start: number, end: number): void {
  if (text.length >= end - start) return;
  for (let i = 0; i < text.length; i++) draft[start + i] = text.charCodeAt(i);
}
