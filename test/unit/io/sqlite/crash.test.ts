import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Database } from '../../../../src/io/sqlite/database.ts';
import { sqliteLeases } from '../../../../src/io/sqlite/leases.ts';

/** Runs the writer for so many milliseconds, kills it with SIGKILL, and returns the numbers that it called durable. */
function killedAfter(milliseconds: number, path: string): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const writer = join(import.meta.dirname, '../../../fixtures/put-leases.ts');
    const child = spawn(process.execPath, [writer, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (piece: Buffer) => {
      if (text === '') setTimeout(() => child.kill('SIGKILL'), milliseconds);
      text += piece.toString();
    });
    child.on('error', reject);
    // A number cut off by the kill is not one that was told.
    child.on('close', () => resolve(text.split('\n').slice(0, -1).map(Number)));
  });
}

test.each([20, 130, 310])(
  'a lease that was called durable survives kill -9 after %i ms',
  async milliseconds => {
    const folder = mkdtempSync(join(tmpdir(), 'pxen-crash-'));
    try {
      const path = join(folder, 'pxen.db');
      const durable = await killedAfter(milliseconds, path);
      const database = Database.open(path);
      const there = new Set(
        sqliteLeases(database)
          .all()
          .map(lease => lease.expiresAt),
      );
      database.close();
      expect(durable.length).toBeGreaterThan(0);
      expect(durable.filter(number => !there.has(number))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
