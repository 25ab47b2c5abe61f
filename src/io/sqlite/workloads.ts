import type { WorkloadRecord, WorkloadStore } from '../../domain/workload/record.ts';
import type { Database } from './database.ts';

/** What shall run where, in the table `workload`. */
export function sqliteWorkloads(database: Database): WorkloadStore {
  const put = database.prepare('INSERT OR REPLACE INTO workload VALUES (?, ?)');
  const remove = database.prepare('DELETE FROM workload WHERE uuid = ?');
  return {
    load: () =>
      database
        .query('SELECT doc FROM workload ORDER BY uuid')
        .map(row => JSON.parse(String(row['doc'])) as WorkloadRecord),
    save: record => database.write(() => void put.run(record.uuid, JSON.stringify(record))),
    remove: uuid => database.write(() => void remove.run(uuid)),
  };
}
