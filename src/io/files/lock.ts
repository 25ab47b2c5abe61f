import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { PxenError } from '../../base/error.ts';

/** Between two tries for a lock that somebody else has, milliseconds. */
const RETRY = 50;

/**
 * Runs `work` while no other process, and nobody else in this one, works under the same lock file. The lock is a SQLite
 * transaction: the system drops it when its owner dies, so no stale lock ever needs breaking. Rejects with TIMEOUT.
 */
export async function withFileLock<T>(path: string, patience: number, work: () => Promise<T>): Promise<T> {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    await acquire(database, path, patience);
    return await work();
  } finally {
    database.close();
  }
}

async function acquire(database: DatabaseSync, path: string, patience: number): Promise<void> {
  for (let waited = 0; !tryLock(database); waited += RETRY) {
    if (waited >= patience) {
      throw new PxenError('TIMEOUT', `${path}: another process has held this lock for ${patience / 1000} s`);
    }
    await sleep(RETRY);
  }
}

/** SQLITE_BUSY, SQLITE_LOCKED */
const HELD = [5, 6];

function tryLock(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && HELD.includes(Number(error.errcode))) return false;
    throw error;
  }
}
