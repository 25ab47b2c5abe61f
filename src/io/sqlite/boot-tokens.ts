import type { Ipv4 } from '../../base/ipv4.ts';
import type { BootToken, BootTokenStore } from '../../domain/boot/token.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import type { Database } from './database.ts';

/** Hashes of one-time boot tokens in the table `boot_token`. */
export function sqliteBootTokens(database: Database): BootTokenStore {
  const put = database.prepare('INSERT OR REPLACE INTO boot_token VALUES (?, ?, ?, ?, ?)');
  const remove = database.prepare('DELETE FROM boot_token WHERE hash = ?');
  return {
    all: () => database.query('SELECT * FROM boot_token ORDER BY ends_at').map(tokenFromRow),
    put: ({ hash, machineId, address, endsAt, used }, dropped) =>
      database.write(() => {
        for (const each of dropped) remove.run(each);
        put.run(hash, machineId, address, endsAt, used ? 1 : 0);
      }),
  };
}

function tokenFromRow(row: Record<string, unknown>): BootToken {
  return {
    hash: row['hash'] as string,
    machineId: row['machine_id'] as MachineId,
    address: row['address'] as Ipv4,
    endsAt: row['ends_at'] as number,
    used: row['used'] === 1,
  };
}
