import { createHash } from 'node:crypto';

/** For the UUIDv5 of RFC 4122 only, which is defined with this hash; nothing that needs to be safe rests on it. */
export const sha1 = (data: Uint8Array): Uint8Array => createHash('sha1').update(data).digest();
