import { type Mac, macFromBytes } from '../../base/mac.ts';
import type { Sha256 } from '../machine/genid.ts';
import type { Nic } from './workload.ts';

/** The prefix that QEMU and libvirt give their NICs. */
const PREFIX = [0x52, 0x54, 0x00];

/**
 * The MAC address of a NIC: as written, else made of uuid, id and type (MH-23), so it is the same at every start and on
 * every node. A uuid has no colon (MH-5), so no two sets of the three read alike.
 */
export function nicMac(uuid: string, nic: Nic, sha256: Sha256): Mac {
  if (nic.mac !== undefined) return nic.mac;
  const hash = sha256(new TextEncoder().encode(`pxen:1:mac:${uuid}:${nic.id}:${nic.type}`));
  return macFromBytes(Uint8Array.of(...PREFIX, ...hash.subarray(0, 3)));
}
