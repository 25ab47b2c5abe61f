import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stopSent } from '../../../../src/domain/workload/desired.ts';
import type { WorkloadRecord } from '../../../../src/domain/workload/record.ts';
import { Database } from '../../../../src/io/sqlite/database.ts';
import { sqliteWorkloads } from '../../../../src/io/sqlite/workloads.ts';
import { recordOf } from '../../../fakes/host-workloads.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pxen-workloads-'));
  path = join(folder, 'pxen.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a pxend that starts now would know. */
function loaded(): WorkloadRecord[] {
  const database = Database.open(path);
  try {
    return sqliteWorkloads(database).load();
  } finally {
    database.close();
  }
}

test('a record comes back as it was saved, the last one of each uuid', async () => {
  const database = Database.open(path);
  const store = sqliteWorkloads(database);
  const web = recordOf('web', { problem: 'with "quotes", \n lines and ünicode' });
  await store.save(recordOf('web', { start: 'sent' }));
  await Promise.all([store.save(web), store.save(recordOf('db')), store.save(recordOf('gone'))]);
  await store.save(stopSent(recordOf('db')));
  await store.remove('uuid-gone');
  await store.remove('uuid-never');
  database.close();
  expect(loaded()).toEqual([stopSent(recordOf('db')), web]);
});

test.each([20, 200])('a start that was called durable survives kill -9 after %i ms', async milliseconds => {
  const writer = join(import.meta.dirname, '../../../fixtures/put-workloads.ts');
  const child = spawn(process.execPath, [writer, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (piece: Buffer) => {
    if (text === '') setTimeout(() => child.kill('SIGKILL'), milliseconds);
    text += piece.toString();
  });
  await new Promise(resolve => child.once('close', resolve));
  // A number cut off by the kill is not one that was told.
  const durable = text.split('\n').slice(0, -1).map(Number);
  const there = new Set(loaded().map(({ name }) => name));
  expect(durable.length).toBeGreaterThan(0);
  expect(durable.filter(number => !there.has(`w${number}`))).toEqual([]);
});
