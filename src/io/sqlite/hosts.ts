import type { HostSetting, HostStore } from '../../domain/placement/setting.ts';
import type { Database } from './database.ts';

/** What admins have said of hosts, in the table `host`. */
export function sqliteHosts(database: Database): HostStore {
  const put = database.prepare('INSERT OR REPLACE INTO host VALUES (?, ?)');
  const remove = database.prepare('DELETE FROM host WHERE id = ?');
  return {
    load: () =>
      database
        .query('SELECT doc FROM host ORDER BY id')
        .map(row => JSON.parse(String(row['doc'])) as HostSetting),
    save: setting => database.write(() => void put.run(setting.id, JSON.stringify(setting))),
    remove: id => database.write(() => void remove.run(id)),
  };
}
