declare const brand: unique symbol;
/** A MAC address in lower case with colons, `52:54:00:12:34:56`. */
export type Mac = string & { readonly [brand]: 'Mac' };

/** Accepts colons, hyphens or nothing between the six pairs, in any case; undefined for anything else. */
export function parseMac(text: string): Mac | undefined {
  const digits = text
    .toLowerCase()
    .replace(
      /^([0-9a-f]{2})([:-])((?:[0-9a-f]{2}\2){4}[0-9a-f]{2})$/,
      (_, first, sep, rest) => first + rest.replaceAll(sep, ''),
    );
  if (!/^[0-9a-f]{12}$/.test(digits)) return undefined;
  return digits.match(/../g)?.join(':') as Mac;
}

/** Every DHCP datagram asks for a MAC several times. */
const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function macFromBytes(bytes: Uint8Array): Mac {
  return Array.from(bytes.subarray(0, 6), byte => PAIRS[byte]).join(':') as Mac;
}
