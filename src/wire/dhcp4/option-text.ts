import { OPTION } from './code.ts';
import type { Options } from './options.ts';

/** A text option (12, 60, 67), one byte a character, without the zeros that some clients add at its end. */
export function textOf(options: Options, code: number): string | undefined {
  const value = options.get(code);
  return value && text(value.subarray(0, withoutZeros(value)));
}

export function textOption(value: string): Uint8Array {
  const bytes = new Uint8Array(value.length);
  for (let at = 0; at < value.length; at++) bytes[at] = value.charCodeAt(at);
  return bytes;
}

/**
 * Option 77. RFC 3004 puts a length before every class; iPXE and many PXE ROMs send the bare text.
 * What adds up as RFC 3004 is read so, the rest as one class.
 */
export function userClasses(options: Options): string[] {
  const value = options.get(OPTION.userClass);
  if (!value || value.length === 0) return [];
  const classes: string[] = [];
  let at = 0;
  while (at < value.length) {
    const length = value[at] ?? 0;
    if (length === 0 || at + 1 + length > value.length) return [text(value)];
    classes.push(text(value.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return classes;
}

function text(bytes: Uint8Array): string {
  let characters = '';
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return characters;
}

/** Bytes up to the last one that is no zero. */
function withoutZeros(bytes: Uint8Array): number {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length--;
  return length;
}
