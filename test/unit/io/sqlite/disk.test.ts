import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Database } from '../../../../src/io/sqlite/database.ts';
import { sqliteLeases } from '../../../../src/io/sqlite/leases.ts';
import { ALPHA, BETA, leaseFor } from '../../../fakes/registry.ts';

/** Calls to the disk that have not come back. */
const disk = vi.hoisted(() => ({ calls: [] as ((error: Error | null) => void)[] }));

vi.mock('node:fs', async original => ({
  ...(await original<typeof import('node:fs')>()),
  fdatasync: (_: number, onDone: (error: Error | null) => void) => void disk.calls.push(onDone),
}));

let folder: string;
let database: Database;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pxen-disk-'));
  database = Database.open(join(folder, 'pxen.db'));
  disk.calls = [];
});
afterEach(() => {
  database.close();
  for (const answer of disk.calls) answer(null);
  rmSync(folder, { recursive: true });
});

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

/** What became of each promise so far. */
function watched(promises: readonly Promise<void>[]): string[] {
  const states = promises.map(() => 'waits');
  for (const [i, promise] of promises.entries())
    promise.then(
      () => {
        states[i] = 'durable';
      },
      error => {
        states[i] = String(error.message);
      },
    );
  return states;
}

test('a write is durable when the disk says so, and what came meanwhile shares the next transaction', async () => {
  const leases = sqliteLeases(database);
  const states = watched([leases.put(leaseFor(ALPHA))]);
  await turn();
  const later = watched([leases.put(leaseFor(BETA)), leases.put(leaseFor(ALPHA, 9))]);
  await turn();
  expect([states, later, disk.calls.length]).toEqual([['waits'], ['waits', 'waits'], 1]);
  disk.calls.shift()?.(null);
  await turn();
  expect([states, later, disk.calls.length]).toEqual([['durable'], ['waits', 'waits'], 1]);
  disk.calls.shift()?.(null);
  await turn();
  expect(later).toEqual(['durable', 'durable']);
});

test('what the disk refuses is not durable, and the next write begins a new log', async () => {
  const leases = sqliteLeases(database);
  const refused = watched([leases.put(leaseFor(ALPHA))]);
  await turn();
  disk.calls.shift()?.(new Error('EIO: i/o error, fdatasync'));
  await turn();
  const trouble = `${database.path}: EIO: i/o error, fdatasync`;
  expect([refused, database.health()]).toEqual([[trouble], trouble]);
  const before = statSync(`${database.path}-wal`).size;

  const next = watched([leases.put(leaseFor(BETA))]);
  await turn();
  expect(statSync(`${database.path}-wal`).size).toBeLessThan(before);
  disk.calls.shift()?.(null);
  await turn();
  expect([next, database.health()]).toEqual([['durable'], undefined]);
});

test('closing waits for no call that is under way, and loses nothing', async () => {
  const leases = sqliteLeases(database);
  const first = watched([leases.put(leaseFor(ALPHA))]);
  await turn();
  const second = watched([leases.put(leaseFor(BETA))]);
  database.close();
  await turn();
  expect([first, second]).toEqual([['waits'], ['durable']]);
  disk.calls.shift()?.(null);
  await turn();
  expect(first).toEqual(['durable']);
  database = Database.open(database.path);
  expect(sqliteLeases(database).all()).toEqual(
    [leaseFor(ALPHA), leaseFor(BETA)].sort((a, b) => (a.mac < b.mac ? -1 : 1)),
  );
});
