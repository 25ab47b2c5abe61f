import { concat } from '../../base/bytes.ts';

/** A captured packet, with what a person should know of it. */
export interface CapturedPacket {
  /** Microseconds since the epoch. */
  readonly at: number;
  /** From the Ethernet header on. */
  readonly frame: Uint8Array;
  readonly comment?: string | undefined;
}

/** A capture of one interface. */
export interface Capture {
  /** Program and machine, for the section's header. */
  readonly application: string;
  readonly comment?: string | undefined;
  readonly interface: string;
  readonly packets: readonly CapturedPacket[];
}

/** Block types and option codes of draft-ietf-opsawg-pcapng, sections 4.1 to 4.3. */
const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER = 0x1a2b3c4d;
const LINK_ETHERNET = 1;
const OPTION = { end: 0, comment: 1, application: 4, name: 2, resolution: 9 } as const;
/** if_tsresol: ten to the minus six. */
const MICROSECONDS = 6;
const SNAPLEN = 262_144;

/** The capture as a pcapng file: one section, one Ethernet interface, little-endian, microseconds. */
export function encodePcapng(capture: Capture): Uint8Array {
  return concat([
    block(SECTION, sectionBody(capture)),
    block(INTERFACE, interfaceBody(capture)),
    ...capture.packets.map(packet => block(ENHANCED_PACKET, packetBody(packet))),
  ]);
}

function sectionBody({ application, comment }: Capture): Uint8Array {
  const head = new Uint8Array(16);
  const view = new DataView(head.buffer);
  view.setUint32(0, BYTE_ORDER, true);
  view.setUint16(4, 1, true);
  // Section length -1: not told; every reader finds the end by the blocks.
  view.setBigInt64(8, -1n, true);
  return concat([
    head,
    options([
      [OPTION.comment, comment],
      [OPTION.application, application],
    ]),
  ]);
}

function interfaceBody(capture: Capture): Uint8Array {
  const head = new Uint8Array(8);
  const view = new DataView(head.buffer);
  view.setUint16(0, LINK_ETHERNET, true);
  view.setUint32(4, SNAPLEN, true);
  return concat([
    head,
    options([
      [OPTION.name, capture.interface],
      [OPTION.resolution, Uint8Array.of(MICROSECONDS)],
    ]),
  ]);
}

function packetBody({ at, frame, comment }: CapturedPacket): Uint8Array {
  const head = new Uint8Array(20);
  const view = new DataView(head.buffer);
  view.setUint32(4, Math.floor(at / 2 ** 32), true);
  view.setUint32(8, at % 2 ** 32, true);
  view.setUint32(12, frame.length, true);
  view.setUint32(16, frame.length, true);
  return concat([head, padded(frame), options([[OPTION.comment, comment]])]);
}

/** Type, length, body, and the length again: a file can be read from either end. */
function block(type: number, body: Uint8Array): Uint8Array {
  const whole = new Uint8Array(12 + body.length);
  const view = new DataView(whole.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, whole.length, true);
  whole.set(body, 8);
  view.setUint32(8 + body.length, whole.length, true);
  return whole;
}

/** Nothing at all where there is no option, else all of them and the end mark. */
function options(list: readonly (readonly [number, string | Uint8Array | undefined])[]): Uint8Array {
  const parts = list.flatMap(([code, value]) => (value === undefined ? [] : [option(code, value)]));
  return parts.length === 0 ? new Uint8Array(0) : concat([...parts, option(OPTION.end, new Uint8Array(0))]);
}

function option(code: number, value: string | Uint8Array): Uint8Array {
  const bytes = (typeof value === 'string' ? new TextEncoder().encode(value) : value).subarray(0, 0xffff);
  const head = new Uint8Array(4);
  const view = new DataView(head.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, bytes.length, true);
  return concat([head, padded(bytes)]);
}

/** Everything is aligned to 32 bits. */
function padded(bytes: Uint8Array): Uint8Array {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : concat([bytes, new Uint8Array(4 - rest)]);
}
