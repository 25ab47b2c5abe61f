import { concat, fromHex, toHex } from '../../base/bytes.ts';

/** UUIDv5 of `workload.pxen` in the DNS name space: the name space of workloads. */
const NAMESPACE = 'da9de38d-3495-5cc5-9feb-d5f3ea378c62';

/**
 * The uuid of a workload in the form of RFC 4122, which QEMU's `-uuid` insists on: one that has this form already,
 * in lower case, else the UUIDv5 of it.
 */
export function rfcUuid(uuid: string, sha1: (bytes: Uint8Array) => Uint8Array): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid)) return uuid.toLowerCase();
  const namespace = fromHex(NAMESPACE.replaceAll('-', '')) ?? new Uint8Array();
  const bytes = sha1(concat([namespace, new TextEncoder().encode(uuid)])).slice(0, 16);
  // RFC 4122 section 4.3: version 5 and the variant.
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
