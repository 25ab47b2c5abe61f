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
  return new Map([...parts].map(([code, values]) => [code, concat(values)]));
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
  const relay = options.get(OPTION.relayAgent);
  const last = relay ? writeOption(OPTION.relayAgent, relay) : new Uint8Array();
  const written: Uint8Array[] = [];
  let left = room - last.length - 1;
  for (const [code, value] of options) {
    if (code === OPTION.relayAgent) continue;
    const bytes = writeOption(code, value);
    if (bytes.length > left) continue;
    written.push(bytes);
    left -= bytes.length;
  }
  return concat([...written, ...(left >= 0 ? [last] : []), Uint8Array.of(END)]);
}

/** One option; a value of more than 255 bytes is split into several of the same code (RFC 3396 5). */
function writeOption(code: number, value: Uint8Array): Uint8Array {
  const parts = [];
  for (let at = 0; at === 0 || at < value.length; at += 255) {
    const part = value.subarray(at, at + 255);
    parts.push(Uint8Array.of(code, part.length), part);
  }
  return concat(parts);
}
