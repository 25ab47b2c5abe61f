import type { Capture, CapturedPacket } from './pcapng.ts';

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER = 0x1a2b3c4d;

interface Block {
  readonly type: number;
  readonly body: DataView;
}

interface Interface {
  readonly name: string;
  /** Microseconds in one unit of its timestamps. */
  readonly unit: number;
}

/**
 * Reads pcapng: all packets of all interfaces, in either byte order; blocks of other types are passed over. The names
 * are those of the first section and interface. Never throws; what cannot be read is told with its place.
 */
export function decodePcapng(bytes: Uint8Array): Capture | { readonly problem: string } {
  const packets: CapturedPacket[] = [];
  const interfaces: Interface[] = [];
  let section: Map<number, Uint8Array> | undefined;
  let little = true;
  for (let at = 0; at < bytes.length; ) {
    const order: boolean | undefined = byteOrder(bytes, at) ?? (section && little);
    if (order === undefined) return { problem: 'no section header at the beginning: this is no pcapng' };
    little = order;
    const read = blockAt(bytes, at, little);
    if ('problem' in read) return read;
    const { type, body } = read;
    if (type === SECTION) section ??= optionsOf(body, 16, little);
    if (type === INTERFACE) interfaces.push(interfaceOf(body, little));
    if (type === ENHANCED_PACKET) {
      const packet = packetOf(body, little, interfaces);
      if ('problem' in packet) return { problem: `block at byte ${at}: ${packet.problem}` };
      packets.push(packet);
    }
    at += body.byteLength + 12;
  }
  if (!section) return { problem: 'the file is empty' };
  return {
    application: text(section.get(4)) ?? '',
    comment: text(section.get(1)),
    interface: interfaces[0]?.name ?? '',
    packets,
  };
}

/** Every section says its own byte order; true for little-endian. */
function byteOrder(bytes: Uint8Array, at: number): boolean | undefined {
  if (bytes.length - at < 12) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 12);
  if (view.getUint32(0) !== SECTION) return undefined;
  if (view.getUint32(8, true) === BYTE_ORDER) return true;
  return view.getUint32(8) === BYTE_ORDER ? false : undefined;
}

function blockAt(bytes: Uint8Array, at: number, little: boolean): Block | { problem: string } {
  const left = bytes.length - at;
  if (left < 12) return { problem: `byte ${at}: ${left} bytes are left, a block has 12 at least` };
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, left);
  const length = view.getUint32(4, little);
  if (length < 12 || length % 4 !== 0 || length > left)
    return { problem: `block at byte ${at} claims ${length} bytes, ${left} are left` };
  const trailer = view.getUint32(length - 4, little);
  if (trailer !== length)
    return { problem: `block at byte ${at}: length ${length} in front, ${trailer} behind` };
  return {
    type: view.getUint32(0, little),
    body: new DataView(bytes.buffer, bytes.byteOffset + at + 8, length - 12),
  };
}

function interfaceOf(body: DataView, little: boolean): Interface {
  const options = optionsOf(body, 8, little);
  const resolution = options.get(9)?.[0] ?? 6;
  const perSecond = resolution & 0x80 ? 2 ** (resolution & 0x7f) : 10 ** resolution;
  return { name: text(options.get(2)) ?? '', unit: 1e6 / perSecond };
}

function packetOf(
  body: DataView,
  little: boolean,
  interfaces: readonly Interface[],
): CapturedPacket | { problem: string } {
  if (body.byteLength < 20)
    return { problem: `a packet block has 20 bytes at least, not ${body.byteLength}` };
  const from = interfaces[body.getUint32(0, little)];
  const length = body.getUint32(12, little);
  if (!from) return { problem: 'it names an interface that no block describes' };
  if (length > body.byteLength - 20)
    return { problem: `it claims ${length} bytes of packet and has ${body.byteLength - 20}` };
  const high = body.getUint32(4, little);
  const units = high * 2 ** 32 + body.getUint32(8, little);
  const frame = new Uint8Array(body.buffer, body.byteOffset + 20, length).slice();
  const comment = text(optionsOf(body, 20 + length + ((4 - (length % 4)) % 4), little).get(1));
  return { at: units * from.unit, frame, ...(comment === undefined ? {} : { comment }) };
}

/** The first value of each code; broken options end the list. */
function optionsOf(body: DataView, start: number, little: boolean): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = start; at + 4 <= body.byteLength; ) {
    const code = body.getUint16(at, little);
    const length = body.getUint16(at + 2, little);
    if (code === 0 || at + 4 + length > body.byteLength) break;
    if (!found.has(code)) found.set(code, new Uint8Array(body.buffer, body.byteOffset + at + 4, length));
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  return found;
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}
