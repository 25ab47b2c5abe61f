/** TFTP packets as values (RFC 1350, 2347). The decoder faces the network: it refuses, it never throws. */

/** Opcodes of RFC 1350 section 5 and RFC 2347. */
const OPCODE = { rrq: 1, wrq: 2, data: 3, ack: 4, error: 5, oack: 6 } as const;

/** RFC 2347 allows 512 bytes; firmware stays far below. Twice that is refused without a look inside. */
const LONGEST_REQUEST = 1024;

/** Without `ignoreBOM` a name that begins with U+FEFF would lose it. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Bytes in front of the payload of a DATA packet: opcode and block number. */
export const DATA_HEADER = 4;

/** Error codes of RFC 1350 and, from 8 on, RFC 2347. */
export const ERROR = {
  undefined: 0,
  notFound: 1,
  accessViolation: 2,
  diskFull: 3,
  illegalOperation: 4,
  unknownTransfer: 5,
  fileExists: 6,
  noSuchUser: 7,
  optionRefused: 8,
} as const;

/** Options by name in lower case, in the order they stood; the first of two with one name counts. */
export type OptionMap = ReadonlyMap<string, string>;

export interface TransferRequest {
  readonly kind: 'rrq' | 'wrq';
  readonly filename: string;
  /** In lower case: `octet`, `netascii`, or whatever the client wrote. */
  readonly mode: string;
  readonly options: OptionMap;
}

export type TftpPacket =
  | TransferRequest
  | { readonly kind: 'data'; readonly block: number; readonly payload: Uint8Array }
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number; readonly text: string }
  | { readonly kind: 'oack'; readonly options: OptionMap };

/** Whether the opcode is that of a request; the rest may still be nonsense. */
export function isRequest(bytes: Uint8Array): boolean {
  return bytes[1] === OPCODE.rrq || bytes[1] === OPCODE.wrq;
}

/** The packet, or undefined when the bytes are none. */
export function decodeTftp(bytes: Uint8Array): TftpPacket | undefined {
  if (bytes.length < 4 || bytes[0] !== 0) return undefined;
  const number = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
  switch (bytes[1]) {
    case OPCODE.rrq:
      return decodeRequest('rrq', bytes);
    case OPCODE.wrq:
      return decodeRequest('wrq', bytes);
    case OPCODE.data:
      return { kind: 'data', block: number, payload: bytes.subarray(DATA_HEADER) };
    case OPCODE.ack:
      return { kind: 'ack', block: number };
    case OPCODE.error:
      return { kind: 'error', code: number, text: decodeErrorText(bytes.subarray(4)) };
    case OPCODE.oack:
      return decodeOack(bytes);
    default:
      return undefined;
  }
}

/** The exact bytes; a block number beyond 65,535 goes on at 0, as every large-file client expects. */
export function encodeTftp(packet: TftpPacket): Uint8Array {
  switch (packet.kind) {
    case 'rrq':
    case 'wrq':
      return encodeStrings(OPCODE[packet.kind], [
        packet.filename,
        packet.mode,
        ...[...packet.options].flat(),
      ]);
    case 'oack':
      return encodeStrings(OPCODE.oack, [...packet.options].flat());
    case 'ack':
      return encodeNumbered(OPCODE.ack, packet.block, new Uint8Array(0));
    case 'data':
      return encodeNumbered(OPCODE.data, packet.block, packet.payload);
    case 'error':
      return encodeNumbered(OPCODE.error, packet.code, new TextEncoder().encode(`${packet.text}\0`));
  }
}

/** Writes the header of DATA in front of a payload that already lies at `at + DATA_HEADER`. */
export function writeDataHeader(bytes: Uint8Array, at: number, block: number): void {
  bytes[at] = 0;
  bytes[at + 1] = OPCODE.data;
  bytes[at + 2] = (block >> 8) & 0xff;
  bytes[at + 3] = block & 0xff;
}

function decodeRequest(kind: 'rrq' | 'wrq', bytes: Uint8Array): TransferRequest | undefined {
  if (bytes.length > LONGEST_REQUEST) return undefined;
  const [filename, mode, ...pairs] = decodeStrings(bytes) ?? [];
  if (!filename || !mode) return undefined;
  return { kind, filename, mode: mode.toLowerCase(), options: optionMap(pairs) };
}

function decodeOack(bytes: Uint8Array): TftpPacket | undefined {
  const pairs = bytes.length > LONGEST_REQUEST ? undefined : decodeStrings(bytes);
  return pairs && { kind: 'oack', options: optionMap(pairs) };
}

/** RFC 2347: option names in any case. A name without a value at the end is dropped, as some PXE ROMs pad requests. */
function optionMap(pairs: readonly string[]): OptionMap {
  const options = new Map<string, string>();
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const name = (pairs[i] ?? '').toLowerCase();
    if (name !== '' && !options.has(name)) options.set(name, pairs[i + 1] ?? '');
  }
  return options;
}

/** The NUL-terminated strings behind the opcode, or undefined when the last one has no end. */
function decodeStrings(bytes: Uint8Array): string[] | undefined {
  if (bytes[bytes.length - 1] !== 0) return undefined;
  return utf8.decode(bytes.subarray(2, bytes.length - 1)).split('\0');
}

/** Up to the NUL; some clients forget it. Cut, since the text goes into logs. */
function decodeErrorText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return utf8.decode(bytes.subarray(0, Math.min(256, end < 0 ? bytes.length : end)));
}

function encodeStrings(opcode: number, strings: readonly string[]): Uint8Array {
  const body = new TextEncoder().encode(strings.map(string => `${string}\0`).join(''));
  const bytes = new Uint8Array(2 + body.length);
  bytes[1] = opcode;
  bytes.set(body, 2);
  return bytes;
}

function encodeNumbered(opcode: number, number: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + rest.length);
  bytes.set([0, opcode, (number >> 8) & 0xff, number & 0xff]);
  bytes.set(rest, 4);
  return bytes;
}
