import type { Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { Lease, LeaseStore } from '../../domain/lease/lease.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import type { Database } from './database.ts';

/** Leases in the table `lease`. */
export function sqliteLeases(database: Database): LeaseStore {
  // REPLACE also drops the lease of another card on the same address: one lease per MAC and per address.
  const put = database.prepare('INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?)');
  const remove = database.prepare('DELETE FROM lease WHERE mac = ?');
  return {
    all: () => database.query('SELECT * FROM lease ORDER BY mac').map(leaseFromRow),
    put: ({ mac, address, machineId, uuid, expiresAt }) =>
      database.write(() => put.run(mac, address, machineId ?? null, uuid ?? null, expiresAt)),
    remove: mac => database.write(() => remove.run(mac)),
  };
}

function leaseFromRow(row: Record<string, unknown>): Lease {
  return {
    mac: row['mac'] as Mac,
    address: row['address'] as Ipv4,
    machineId: (row['machine_id'] ?? undefined) as MachineId | undefined,
    uuid: (row['uuid'] ?? undefined) as string | undefined,
    expiresAt: row['expires_at'] as number,
  };
}
