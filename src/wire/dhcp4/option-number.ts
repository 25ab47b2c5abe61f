import { uint32ToBytes } from '../../base/bytes.ts';
import { type MessageType, messageTypeCode, messageTypeFromCode, OPTION } from './code.ts';
import type { Options } from './options.ts';
import { MIN_MESSAGE_SIZE } from './packet.ts';

const ETHERNET_MTU = 1500;

/** Option 53; undefined when missing or unknown. */
export function messageType(options: Options): MessageType | undefined {
  const value = options.get(OPTION.messageType);
  return value?.length === 1 ? messageTypeFromCode(value[0] ?? 0) : undefined;
}

export function messageTypeOption(type: MessageType): Uint8Array {
  return Uint8Array.of(messageTypeCode(type));
}

/**
 * Option 57: bytes with IP and UDP headers; 576 where the client says nothing or less (RFC 2132 9.10), and never more
 * than an Ethernet frame: boot ROMs do not put IP fragments together, whatever they claim.
 */
export function maxMessageSize(options: Options): number {
  const wanted = uint16s(options, OPTION.maxMessageSize)[0] ?? 0;
  return Math.min(ETHERNET_MTU, Math.max(MIN_MESSAGE_SIZE, wanted));
}

/** Option 93 (RFC 4578 2.1): one or more processor architectures. */
export function architectures(options: Options): number[] {
  return uint16s(options, OPTION.architecture);
}

/** A 32-bit number such as the lease time, seconds. */
export function uint32Option(value: number): Uint8Array {
  return uint32ToBytes(value);
}

/** A list of 16-bit numbers; an odd last byte is dropped. */
function uint16s(options: Options, code: number): number[] {
  const value = options.get(code);
  if (!value) return [];
  return Array.from(
    { length: value.length >> 1 },
    (_, i) => ((value[i * 2] ?? 0) << 8) | (value[i * 2 + 1] ?? 0),
  );
}
