import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Database } from '../../../../src/io/sqlite/database.ts';
import { sqliteNodes } from '../../../../src/io/sqlite/nodes.ts';

/** Records for so many milliseconds, is killed with SIGKILL, and returns the times of the events that were told. */
function killedAfter(milliseconds: number, path: string): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const recorder = join(import.meta.dirname, '../../../fixtures/record-boots.ts');
    const child = spawn(process.execPath, [recorder, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (piece: Buffer) => {
      if (text === '') setTimeout(() => child.kill('SIGKILL'), milliseconds);
      text += piece.toString();
    });
    child.on('error', reject);
    child.on('close', () => resolve(text.split('\n').slice(0, -1).map(Number)));
  });
}

test('a timeline that is killed with -9 loses at most its last second, and stays bounded', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pxen-timeline-'));
  try {
    const path = join(folder, 'pxen.db');
    const told = await killedAfter(1500, path);
    const database = Database.open(path);
    const [node] = sqliteNodes(database).load();
    database.close();
    const kept = node?.boots.flatMap(boot => boot.events.map(event => event.at)) ?? [];
    const newest = Math.max(...kept);
    const lost = told.filter(at => at > newest);
    console.log(`${told.length} events told, newest kept ${(told.at(-1) ?? 0) - newest} ms before the end`);
    expect({ many: told.length > 50, lostSince: (lost.at(-1) ?? 0) - newest < 1000 }).toEqual({
      many: true,
      lostSince: true,
    });
    expect([node?.boots.length, Math.max(...(node?.boots.map(boot => boot.events.length) ?? []))]).toEqual([
      5, 6,
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
