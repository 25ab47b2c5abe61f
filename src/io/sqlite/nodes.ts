import type { Boot } from '../../domain/node/boots.ts';
import type { NodeRecord, NodeStore } from '../../domain/node/record.ts';
import type { Database } from './database.ts';

/** Nodes in the table `node`, their boots in `boot`. Records are values: a boot that was saved once is not written again. */
export function sqliteNodes(database: Database): NodeStore {
  const putNode = database.prepare(
    'INSERT INTO node VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET doc = ?2',
  );
  const putBoot = database.prepare('INSERT OR REPLACE INTO boot VALUES (?, ?, ?)');
  const forgetBoots = database.prepare('DELETE FROM boot WHERE node = ? AND started_at < ?');
  const removeNode = database.prepare('DELETE FROM node WHERE id = ?');
  const saved = new WeakSet<Boot>();

  const write = ({ boots, ...node }: NodeRecord): void => {
    putNode.run(node.id, JSON.stringify(node));
    const fresh = boots.filter(boot => !saved.has(boot));
    for (const boot of fresh) putBoot.run(node.id, boot.startedAt, JSON.stringify(boot));
    const oldest = boots[0];
    if (oldest && fresh.length > 0) forgetBoots.run(node.id, oldest.startedAt);
  };

  return {
    load() {
      const boots = loadBoots(database);
      for (const boot of [...boots.values()].flat()) saved.add(boot);
      return database.query('SELECT doc FROM node ORDER BY id').map(row => {
        const node = JSON.parse(String(row['doc'])) as NodeRecord;
        return { ...node, boots: boots.get(node.id) ?? [] };
      });
    },
    async save(nodes) {
      await database.write(() => nodes.forEach(write));
      for (const node of nodes) for (const boot of node.boots) saved.add(boot);
    },
    remove: ids => database.write(() => ids.forEach(id => void removeNode.run(id))),
  };
}

function loadBoots(database: Database): Map<string, Boot[]> {
  const boots = new Map<string, Boot[]>();
  for (const row of database.query('SELECT node, doc FROM boot ORDER BY node, started_at')) {
    const id = String(row['node']);
    boots.set(id, [...(boots.get(id) ?? []), JSON.parse(String(row['doc'])) as Boot]);
  }
  return boots;
}
