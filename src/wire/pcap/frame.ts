import { concat, fromHex } from '../../base/bytes.ts';
import { type Ipv4, ipv4ToBytes } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import { checksumOf, sumOf } from './checksum.ts';

/** Where a packet comes from or goes to. */
export interface Station {
  readonly mac: Mac;
  readonly address: Ipv4;
  readonly port: number;
}

export interface Segment {
  readonly from: Station;
  readonly to: Station;
  readonly payload: Uint8Array;
}

/** TCP header fields; flags as in RFC 9293 3.1. */
export interface TcpFields {
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
}

export const TCP = { fin: 1, syn: 2, push: 8, ack: 16 } as const;

const UDP_PROTOCOL = 17;
const TCP_PROTOCOL = 6;
const UDP_HEADER = 8;
const TCP_HEADER = 20;
/** RFC 791: the total length is 16 bits, the header 20 bytes. */
const MOST_PAYLOAD = 0xffff - 20 - TCP_HEADER;

/** A UDP datagram as an Ethernet frame with right lengths and checksums; a payload that no datagram can hold is cut. */
export function udpFrame(segment: Segment): Uint8Array {
  const payload = segment.payload.subarray(0, MOST_PAYLOAD);
  const header = new Uint8Array(UDP_HEADER);
  const view = new DataView(header.buffer);
  view.setUint16(0, segment.from.port);
  view.setUint16(2, segment.to.port);
  view.setUint16(4, UDP_HEADER + payload.length);
  // RFC 768: a sum of zero is sent as all ones, zero means that there is none.
  view.setUint16(6, transportSum(segment, UDP_PROTOCOL, header, payload) || 0xffff);
  return framed(segment, UDP_PROTOCOL, header, payload);
}

/** A TCP segment as an Ethernet frame. */
export function tcpFrame(segment: Segment, fields: TcpFields): Uint8Array {
  const payload = segment.payload.subarray(0, MOST_PAYLOAD);
  const header = new Uint8Array(TCP_HEADER);
  const view = new DataView(header.buffer);
  view.setUint16(0, segment.from.port);
  view.setUint16(2, segment.to.port);
  view.setUint32(4, fields.sequence);
  view.setUint32(8, fields.acknowledgement);
  header[12] = (TCP_HEADER / 4) << 4;
  header[13] = fields.flags;
  view.setUint16(14, 0xffff);
  view.setUint16(16, transportSum(segment, TCP_PROTOCOL, header, payload));
  return framed(segment, TCP_PROTOCOL, header, payload);
}

/** Over the pseudo header of RFC 768 and RFC 9293 3.1, header and payload. */
function transportSum(
  { from, to }: Segment,
  protocol: number,
  header: Uint8Array,
  payload: Uint8Array,
): number {
  const addresses = concat([ipv4ToBytes(from.address), ipv4ToBytes(to.address)]);
  const pseudo = sumOf(addresses, protocol + header.length + payload.length);
  return checksumOf(sumOf(payload, sumOf(header, pseudo)));
}

function framed(
  { from, to }: Segment,
  protocol: number,
  header: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  const ethernet = concat([macToBytes(to.mac), macToBytes(from.mac), Uint8Array.of(0x08, 0x00)]);
  const ip = new Uint8Array(20);
  const view = new DataView(ip.buffer);
  ip[0] = 0x45;
  view.setUint16(2, ip.length + header.length + payload.length);
  ip[8] = 64;
  ip[9] = protocol;
  ip.set(ipv4ToBytes(from.address), 12);
  ip.set(ipv4ToBytes(to.address), 16);
  view.setUint16(10, checksumOf(sumOf(ip)));
  return concat([ethernet, ip, header, payload]);
}

function macToBytes(mac: Mac): Uint8Array {
  return fromHex(mac.replaceAll(':', '')) ?? new Uint8Array(6);
}
