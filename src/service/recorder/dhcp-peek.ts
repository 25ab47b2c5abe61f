import type { Mac } from '../../base/mac.ts';

/** What the recorder needs of a DHCP message, as numbers: a full decode would cost as much as the answer to it. */
export interface DhcpPeek {
  /** chaddr, 48 bits. */
  readonly card: number;
  /** yiaddr of a reply, 32 bits; 0: it gives none. */
  readonly gives: number;
  /** A request whose option 60 says PXEClient or HTTPClient: firmware or iPXE, no running system. */
  readonly boots: boolean;
}

const REPLY = 2;
const YIADDR = 16;
const CHADDR = 28;
const OPTIONS = 240;
const VENDOR_CLASS = 60;
/** The first four letters of the two classes, big-endian. */
const PXEC = 0x50584543;
const HTTP = 0x48545450;

/** Undefined for what cannot be a DHCP message. Never throws. */
export function peek(bytes: Uint8Array): DhcpPeek | undefined {
  if (bytes.length < OPTIONS) return undefined;
  const isReply = bytes[0] === REPLY;
  return {
    card: word(bytes, CHADDR) * 0x10000 + (((bytes[CHADDR + 4] ?? 0) << 8) | (bytes[CHADDR + 5] ?? 0)),
    gives: isReply ? word(bytes, YIADDR) : 0,
    boots: !isReply && isBootClass(bytes),
  };
}

/** A card as `peek` tells it. */
export function cardNumber(mac: Mac): number {
  return Number.parseInt(mac.replaceAll(':', ''), 16);
}

function isBootClass(bytes: Uint8Array): boolean {
  for (let at = OPTIONS; at + 5 < bytes.length; ) {
    const code = bytes[at];
    if (code === 255) return false;
    if (code === VENDOR_CLASS) {
      const letters = word(bytes, at + 2);
      return letters === PXEC || letters === HTTP;
    }
    at += code === 0 ? 1 : 2 + (bytes[at + 1] ?? 0);
  }
  return false;
}

function word(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return high * 0x10000 + (((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0));
}
