import { toHex } from '../../base/bytes.ts';
import type { Mac } from '../../base/mac.ts';

declare const brand: unique symbol;
/** Eight lower-case hex digits that name a machine (DESIGN section 4, checklist MH-41). */
export type MachineId = string & { readonly [brand]: 'MachineId' };

/** SHA-256; passed in so that this layer needs no runtime. */
export type Sha256 = (data: Uint8Array) => Uint8Array;

/** SMBIOS system UUIDs that vendors ship on many boards at once. The shell twin is apkovl/usr/bin/genid; both run test/vectors/genid.json. */
export const PLACEHOLDER_UUIDS: ReadonlySet<string> = new Set([
  '03000200-0400-0500-0006-000700080009',
  '12345678-1234-5678-90ab-cddeefaabbcc',
  '00020003-0004-0005-0006-000700080009',
  '01234567-8910-1112-1314-151617181920',
  '11111111-2222-3333-4444-555555555555',
  'fefefefe-fefe-fefe-fefe-fefefefefefe',
  '78563412-3412-7856-90ab-cddeefaabbcc',
]);

/** Does this SMBIOS UUID tell one machine from another? */
export function isUsableUuid(uuid: string): boolean {
  const text = uuid.toLowerCase();
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return false;
  return !/^[0-]+$/.test(text) && !/^[f-]+$/.test(text) && !PLACEHOLDER_UUIDS.has(text);
}

/** The id of the machine with this SMBIOS UUID, or, where that is no use, with this boot NIC. */
export function machineId(identity: { uuid: string | undefined; mac: Mac }, sha256: Sha256): MachineId {
  const uuid = identity.uuid?.toLowerCase() ?? '';
  const seed = isUsableUuid(uuid) ? `pxen:1:${uuid}` : `pxen:1:mac:${identity.mac}`;
  return toHex(sha256(new TextEncoder().encode(seed)).subarray(0, 4)) as MachineId;
}

export function parseMachineId(text: string): MachineId | undefined {
  return /^[0-9a-f]{8}$/.test(text) ? (text as MachineId) : undefined;
}
