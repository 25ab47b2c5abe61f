import { HEX_PAIRS } from './bytes.ts';

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

export function macFromBytes(bytes: Uint8Array): Mac {
  let text = '';
  for (let at = 0; at < Math.min(6, bytes.length); at++)
    text += (at === 0 ? '' : ':') + (HEX_PAIRS[bytes[at] ?? 0] ?? '');
  return text as Mac;
}
