import { uint32ToBytes } from './bytes.ts';

declare const brand: unique symbol;
/** An IPv4 address in dotted decimal, without leading zeros. */
export type Ipv4 = string & { readonly [brand]: 'Ipv4' };

/** An address with its network: `10.77.0.1/24`. */
export interface Cidr {
  readonly address: Ipv4;
  /** Prefix length, 0 to 32. */
  readonly prefix: number;
}

export const ANY: Ipv4 = '0.0.0.0' as Ipv4;
export const BROADCAST: Ipv4 = '255.255.255.255' as Ipv4;

export function parseIpv4(text: string): Ipv4 | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every(isOctet)) return undefined;
  return text as Ipv4;
}

function isOctet(part: string): boolean {
  return /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255;
}

/** As an unsigned 32-bit number, for arithmetic on ranges. Every packet passes here some ten times: no arrays are made. */
export function ipv4ToNumber(address: Ipv4): number {
  let value = 0;
  let octet = 0;
  for (let at = 0; at < address.length; at++) {
    const code = address.charCodeAt(at);
    if (code === DOT) {
      value = value * 256 + octet;
      octet = 0;
    } else {
      octet = octet * 10 + (code - ZERO);
    }
  }
  return value * 256 + octet;
}

const DOT = 46;
const ZERO = 48;

export function ipv4FromNumber(value: number): Ipv4 {
  // Most address fields of a DHCP message are empty.
  if (value === 0) return ANY;
  return `${value >>> 24}.${(value >>> 16) & 0xff}.${(value >>> 8) & 0xff}.${value & 0xff}` as Ipv4;
}

export function ipv4FromBytes(bytes: Uint8Array): Ipv4 {
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as Ipv4;
}

export function ipv4ToBytes(address: Ipv4): Uint8Array {
  return uint32ToBytes(ipv4ToNumber(address));
}

export function parseCidr(text: string): Cidr | undefined {
  const [host = '', bits = '', ...rest] = text.split('/');
  const address = parseIpv4(host);
  if (!address || rest.length > 0 || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return undefined;
  return { address, prefix: Number(bits) };
}

export function netmask(prefix: number): Ipv4 {
  return ipv4FromNumber(prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0);
}

/** First and last address of the network, both as numbers; the last one is its broadcast address. */
export function networkRange(cidr: Cidr): { first: number; last: number } {
  const size = 2 ** (32 - cidr.prefix);
  const first = Math.floor(ipv4ToNumber(cidr.address) / size) * size;
  return { first, last: first + size - 1 };
}

export function broadcastOf(cidr: Cidr): Ipv4 {
  return ipv4FromNumber(networkRange(cidr).last);
}

export function contains(cidr: Cidr, address: Ipv4): boolean {
  const { first, last } = networkRange(cidr);
  const value = ipv4ToNumber(address);
  return value >= first && value <= last;
}
