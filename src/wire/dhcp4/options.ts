import { concat } from '../../base/bytes.ts';
import { OPTION } from './code.ts';

/** Option number to value, in the order of the wire. */
export type Options = ReadonlyMap<number, Uint8Array>;

/** What is wrong with bytes from the network, as a sentence. */
export interface Problem {
  readonly problem: string;
}

const PAD = 0;
const END = 255;

/** Options of one area in the making: an option may come in several parts (RFC 3396). */
export type OptionParts = Map<number, Uint8Array[]>;

/**
 * Reads one options area (RFC 2132 2) into `parts`. A missing end mark is forgiven, as some ROMs cut it off;
 * an option that claims more bytes than there are is not.
 */
export function readOptions(area: Uint8Array, parts: OptionParts): Problem | undefined {
  let at = 0;
  while (at < area.length) {
    const code = area[at++];
    if (code === undefined || code === END) return undefined;
    if (code === PAD) continue;
    const length = area[at++];
    const left = area.length - at;
    if (length === undefined || length > left)
      return {
        problem: `option ${code} claims ${length ?? 'no length'} bytes, only ${Math.max(0, left)} are left`,
      };
    const value = area.subarray(at, at + length);
    const earlier = parts.get(code);
    if (earlier) earlier.push(value);
    else parts.set(code, [value]);
    at += length;
  }
  return undefined;
}

/** Joins the parts of every option in the order they came (RFC 3396 7). */
export function joinOptions(parts: OptionParts): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  for (const [code, values] of parts) options.set(code, concat(values));
  return options;
}

/** Options inside an option (43, 82, 175): the same form without magic cookie. Undefined when malformed. */
export function encapsulatedOptions(value: Uint8Array): Options | undefined {
  const parts: OptionParts = new Map();
  return readOptions(value, parts) ? undefined : joinOptions(parts);
}

/**
 * Writes options in map order, with the end mark, into at most `room` bytes. An option that no longer fits is left out
 * whole, so the important ones come first. Option 82 goes last (RFC 3046 2.2) and its room is kept free.
 */
export function writeOptions(options: Options, room: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(1, room));
  const relay = options.get(OPTION.relayAgent);
  const kept = 1 + (relay ? sizeOf(relay) : 0);
  let at = 0;
  for (const [code, value] of options) {
    if (code === OPTION.relayAgent || at + sizeOf(value) + kept > room) continue;
    at = writeOption(bytes, at, code, value);
  }
  if (relay && at + kept <= room) at = writeOption(bytes, at, OPTION.relayAgent, relay);
  bytes[at] = END;
  return bytes.subarray(0, at + 1);
}

/** With code and length; a value of more than 255 bytes is split into several of the same code (RFC 3396 5). */
function sizeOf({ length }: Uint8Array): number {
  return length + 2 * Math.max(1, Math.ceil(length / 255));
}

/** Returns where the next one goes. */
function writeOption(bytes: Uint8Array, start: number, code: number, value: Uint8Array): number {
  let at = start;
  for (let from = 0; from === 0 || from < value.length; from += 255) {
    const length = Math.min(255, value.length - from);
    bytes[at++] = code;
    bytes[at++] = length;
    for (let i = 0; i < length; i++) bytes[at++] = value[from + i] ?? 0;
  }
  return at;
}
