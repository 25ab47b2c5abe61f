import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import type { Mac } from '../../../../src/base/mac.ts';
import type { Lease } from '../../../../src/domain/lease/lease.ts';
import { withEvent } from '../../../../src/domain/node/observe.ts';
import { newNode } from '../../../../src/domain/node/record.ts';
import { Database } from '../../../../src/io/sqlite/database.ts';
import { sqliteLeases } from '../../../../src/io/sqlite/leases.ts';
import { MIGRATIONS } from '../../../../src/io/sqlite/migrations.ts';
import { sqliteNodes } from '../../../../src/io/sqlite/nodes.ts';
import { ALPHA, BETA, leaseFor } from '../../../fakes/registry.ts';

let folder: string;
let path: string;
let open: Database[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pxen-db-'));
  path = join(folder, 'state', 'pxen.db');
});
afterEach(() => {
  for (const database of open) database.close();
  open = [];
  rmSync(folder, { recursive: true });
});

function database(): Database {
  const opened = Database.open(path);
  open.push(opened);
  return opened;
}

function thrown(act: () => unknown): PxenError {
  try {
    act();
  } catch (error) {
    if (error instanceof PxenError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('the database file', () => {
  test('is made with its folder, readable by nobody else, together with its journal', async () => {
    await sqliteLeases(database()).put(leaseFor(ALPHA));
    const modes = [path, `${path}-wal`, `${path}-shm`].map(file => (statSync(file).mode & 0o777).toString(8));
    expect(modes).toEqual(['600', '600', '600']);
    expect((statSync(join(folder, 'state')).mode & 0o777).toString(8)).toBe('700');
  });

  test('that is something else is refused with a way out', () => {
    database().close();
    writeFileSync(path, 'this is a text, and longer than the header of a database would be: '.repeat(3));
    const error = thrown(database);
    expect([error.code, error.message]).toEqual(['STATE_UNUSABLE', `${path}: file is not a database`]);
    expect(error.details[0]).toMatch(/^stop pxend, move .* away \(or restore a copy\) and start again/);
  });

  test('of a newer pxen is left alone', () => {
    database().close();
    const foreign = new DatabaseSync(path);
    foreign.exec('PRAGMA user_version = 99');
    foreign.close();
    const error = thrown(database);
    expect(error.message).toBe(
      `${path}: schema version 99 is newer than this pxend knows (${MIGRATIONS.length})`,
    );
    expect(error.details).toEqual(['install the pxen that wrote it, or a newer one']);
  });

  test('that cannot be made is refused with the folder to look at', () => {
    writeFileSync(join(folder, 'state'), 'a file where the folder should be');
    const error = thrown(database);
    expect(error.code).toBe('STATE_UNUSABLE');
    expect(error.details).toEqual([
      `pxend must be able to write there: ls -ld ${join(folder, 'state')}; df ${join(folder, 'state')}`,
    ]);
  });

  test('whose mode was loosened is closed again', () => {
    database().close();
    chmodSync(path, 0o644);
    database();
    expect((statSync(path).mode & 0o777).toString(8)).toBe('600');
  });

  test('a failed transaction rejects what was in it, shows in health, and the next good one clears that', async () => {
    const one = database();
    const bad = one.write(() => {
      throw new Error('database or disk is full');
    });
    await expect(bad).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      details: [`make room on the file system: df -h ${join(folder, 'state')}`],
    });
    expect(one.health()).toBe(`${path}: database or disk is full`);
    await one.write(() => {});
    expect(one.health()).toBeUndefined();
  });

  test('writes what is waiting when it closes', async () => {
    const one = database();
    const leases = sqliteLeases(one);
    const put = leases.put(leaseFor(ALPHA));
    one.close();
    await put;
    expect(sqliteLeases(database()).all()).toEqual([leaseFor(ALPHA)]);
  });
});

describe('leases', () => {
  test('come back as they were put, and a later one of the same card replaces the earlier', async () => {
    const leases = sqliteLeases(database());
    const bare: Lease = { ...leaseFor(BETA), machineId: undefined, uuid: undefined };
    await Promise.all([leases.put(leaseFor(ALPHA, 5)), leases.put(bare), leases.put(leaseFor(ALPHA, 9))]);
    expect(leases.all()).toEqual([bare, leaseFor(ALPHA, 9)]);
  });

  test('an address belongs to one card at a time', async () => {
    const leases = sqliteLeases(database());
    await leases.put(leaseFor(ALPHA));
    await leases.put({ ...leaseFor(BETA), address: ALPHA.address });
    expect(leases.all()).toEqual([{ ...leaseFor(BETA), address: ALPHA.address }]);
    await leases.remove(BETA.mac);
    expect(leases.all()).toEqual([]);
  });

  test('two thousand at once share transactions', async () => {
    const leases = sqliteLeases(database());
    const many = Array.from({ length: 2000 }, (_, i): Lease => {
      const hex = i.toString(16).padStart(4, '0');
      const mac = `52:54:00:00:${hex.slice(0, 2)}:${hex.slice(2)}` as Mac;
      const address = `10.78.${Math.floor(i / 250)}.${(i % 250) + 1}` as Ipv4;
      return { ...leaseFor(ALPHA), mac, address };
    });
    const started = performance.now();
    await Promise.all(many.map(lease => leases.put(lease)));
    expect(leases.all()).toEqual(many);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('nodes', () => {
  test('come back with their boots; boots that a node no longer keeps are gone', async () => {
    const one = database();
    const nodes = sqliteNodes(one);
    const event = { stage: 'discover', text: 'd', client: 'firmware', mac: ALPHA.mac } as const;
    let node = newNode(ALPHA.id, 1);
    for (let i = 0; i < 8; i++) {
      node = withEvent(node, { ...event, at: i * 10 });
      node = withEvent(node, { at: i * 10 + 1, stage: 'ack', text: 'a', address: ALPHA.address });
      await nodes.save([node]);
    }
    one.close();
    const again = sqliteNodes(database());
    expect(again.load()).toEqual([JSON.parse(JSON.stringify(node))]);
    expect(node.boots).toHaveLength(5);
    await again.remove([ALPHA.id]);
    expect(again.load()).toEqual([]);
  });
});
