import { concat } from '../../base/bytes.ts';
import { OPTION } from './code.ts';

/** Option number to value, in the order of the wire. */
export type Options = ReadonlyMap<number, Uint8Array>;

export type OptionEntry = readonly [code: number, value: Uint8Array];

/** What is wrong with bytes from the network, as a sentence. */
export interface Problem {
  readonly problem: string;
}

const PAD = 0;
const END = 255;

/** Options in the making: an option may come in several parts (RFC 3396). */
export interface OptionParts {
  readonly first: Map<number, Uint8Array>;
  /** In the order they came. */
  readonly later: OptionEntry[];
}

/**
 * Reads one options area (RFC 2132 2) into `parts`. A missing end mark is forgiven, as some ROMs cut it off;
 * an option that claims more bytes than there are is not.
 */
export function readOptions(area: Uint8Array, { first, later }: OptionParts): Problem | undefined {
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
    if (first.has(code)) later.push([code, value]);
    else first.set(code, value);
    at += length;
  }
  return undefined;
}

/** Joins the parts of every option in the order they came (RFC 3396 7). One that came whole is a view of its area. */
export function joinOptions({ first, later }: OptionParts): Map<number, Uint8Array> {
  const split = new Map<number, Uint8Array[]>();
  for (const [code, value] of later) {
    const parts = split.get(code) ?? [first.get(code) ?? value];
    parts.push(value);
    split.set(code, parts);
  }
  for (const [code, parts] of split) first.set(code, concat(parts));
  return first;
}

/** Options inside an option (43, 82, 175): the same form without magic cookie. Undefined when malformed. */
export function encapsulatedOptions(value: Uint8Array): Options | undefined {
  const parts: OptionParts = { first: new Map(), later: [] };
  return readOptions(value, parts) ? undefined : joinOptions(parts);
}

/**
 * Writes options in map order, with the end mark, from `start` on and up to `end`. An option that no longer fits is left
 * out whole, so the important ones come first. Option 82 goes last (RFC 3046 2.2) and its room is kept free. Returns
 * where the end mark is followed by nothing.
 */
export function writeOptions(options: Options, bytes: Uint8Array, start: number, end: number): number {
  const relay = options.get(OPTION.relayAgent);
  const kept = 1 + (relay ? sizeOf(relay) : 0);
  let at = start;
  for (const [code, value] of options) {
    if (code === OPTION.relayAgent || at + sizeOf(value) + kept > end) continue;
    at = writeOption(bytes, at, code, value);
  }
  if (relay && at + kept <= end) at = writeOption(bytes, at, OPTION.relayAgent, relay);
  bytes[at] = END;
  return at + 1;
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
