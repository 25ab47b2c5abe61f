import { fromHex, toHex } from '../../base/bytes.ts';

/**
 * DHCP option 97 (RFC 4578 2.3): a type byte 0 and the UUID as SMBIOS stores it, the first three fields little-endian.
 * Undefined when the option has another form.
 */
export function uuidFromOption97(value: Uint8Array): string | undefined {
  if (value.length !== 17 || value[0] !== 0) return undefined;
  return hyphenate(toHex(swapFields(value.subarray(1))));
}

export function uuidToOption97(uuid: string): Uint8Array | undefined {
  const bytes = fromHex(uuid.replaceAll('-', ''));
  if (bytes?.length !== 16) return undefined;
  return Uint8Array.from([0, ...swapFields(bytes)]);
}

function swapFields(bytes: Uint8Array): Uint8Array {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, at => bytes[at] ?? 0);
}

function hyphenate(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
