import type { Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { MachineId } from '../machine/genid.ts';

/** An address bound to a network card. */
export interface Lease {
  /** chaddr. Leases hang on the card and not on option 61: firmware, iPXE and init send three different client ids. */
  readonly mac: Mac;
  readonly address: Ipv4;
  /** Known once the card has sent option 97. */
  readonly machineId: MachineId | undefined;
  /** Full SMBIOS UUID behind the id, lower case. */
  readonly uuid: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Where leases live. At most one lease per MAC and per address. */
export interface LeaseStore {
  all(): Lease[];
  /** Durable on disk when it resolves: only then may the ACK leave. Replaces the lease of the same MAC and an ended one of the same address. */
  put(lease: Lease): Promise<void>;
  remove(mac: Mac): Promise<void>;
}
