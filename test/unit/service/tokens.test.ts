import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { PxenError } from '../../../src/base/error.ts';
import type { Ipv4 } from '../../../src/base/ipv4.ts';
import { silentMeter } from '../../../src/base/meter.ts';
import {
  type BootToken,
  type BootTokenStore,
  TOKEN_GRACE,
  TOKEN_LIFETIME,
} from '../../../src/domain/boot/token.ts';
import type { MachineId } from '../../../src/domain/machine/genid.ts';
import { sqliteBootTokens } from '../../../src/io/sqlite/boot-tokens.ts';
import { Database } from '../../../src/io/sqlite/database.ts';
import { BootTokens } from '../../../src/service/tokens.ts';
import { ManualClock } from '../../fakes/clock.ts';
import { RecordingLog } from '../../fakes/log.ts';

const sha256 = (data: Uint8Array): Uint8Array => createHash('sha256').update(data).digest();
const MINE = '91d5815f' as MachineId;
const OTHER = '6e6da274' as MachineId;
const HERE = '10.77.0.100' as Ipv4;
const THERE = '10.77.0.101' as Ipv4;

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0).reverse()) stop();
});

class MemoryTokens implements BootTokenStore {
  readonly kept = new Map<string, BootToken>();
  failure: Error | undefined;

  all(): BootToken[] {
    return [...this.kept.values()];
  }

  async put(token: BootToken, dropped: readonly string[]): Promise<void> {
    if (this.failure) throw this.failure;
    for (const hash of dropped) this.kept.delete(hash);
    this.kept.set(token.hash, token);
  }
}

function tokens(store: BootTokenStore = new MemoryTokens(), clock = new ManualClock()) {
  const log = new RecordingLog();
  return { tokens: new BootTokens({ store, clock, log, meter: silentMeter, sha256 }), clock, log, store };
}

describe('a token', () => {
  test('is 16 random bytes, and only its hash is kept', async () => {
    const store = new MemoryTokens();
    const { tokens: service } = tokens(store);
    const text = await service.issue(MINE, HERE);
    expect(text).toMatch(/^[\w-]{22}$/);
    expect(store.all().map(token => token.hash)).toEqual([createHash('sha256').update(text).digest('hex')]);
    expect(JSON.stringify(store.all())).not.toContain(text);
  });

  test.each<[string, MachineId, Ipv4, string]>([
    ['its machine at its address', MINE, HERE, 'good'],
    ['another machine', OTHER, THERE, 'other-machine'],
    ['its machine at another address', MINE, THERE, 'other-address'],
  ])('shown by %s', async (_, id, address, verdict) => {
    const { tokens: service } = tokens();
    const text = await service.issue(MINE, HERE);
    expect(service.judge(id, address, text)).toBe(verdict);
    expect(service.judge(MINE, HERE, text)).toBe('good');
  });

  test.each([
    ['', 'unknown'],
    ['x'.repeat(10_000), 'unknown'],
    [undefined, 'missing'],
  ] as const)('that is %j is none', (text, verdict) =>
    expect(tokens().tokens.judge(MINE, HERE, text)).toBe(verdict),
  );

  test('may be used again until it has brought the overlay once, and a little longer', async () => {
    const { tokens: service, clock } = tokens();
    const text = await service.issue(MINE, HERE);
    clock.advance(TOKEN_LIFETIME / 2);
    expect(service.judge(MINE, HERE, text)).toBe('good');
    await service.delivered(text);
    clock.advance(TOKEN_GRACE - 1);
    expect(service.judge(MINE, HERE, text)).toBe('good');
    await service.delivered(text);
    clock.advance(1);
    expect(service.judge(MINE, HERE, text)).toBe('used');
  });

  test('expires', async () => {
    const { tokens: service, clock } = tokens();
    const text = await service.issue(MINE, HERE);
    clock.advance(TOKEN_LIFETIME);
    expect(service.judge(MINE, HERE, text)).toBe('expired');
  });

  test('is worth nothing as soon as its machine reports, or boots again', async () => {
    const { tokens: service } = tokens();
    const first = await service.issue(MINE, HERE);
    const others = await service.issue(OTHER, THERE);
    await service.burn(MINE);
    const second = await service.issue(MINE, HERE);
    const third = await service.issue(MINE, HERE);
    expect([first, second, third].map(text => service.judge(MINE, HERE, text))).toEqual([
      'unknown',
      'unknown',
      'good',
    ]);
    expect(service.judge(OTHER, THERE, others)).toBe('good');
    await service.burn(MINE);
    expect(service.judge(MINE, HERE, third)).toBe('used');
  });

  test('of the same machine at another address stays: nobody takes it away by asking for the script', async () => {
    const { tokens: service } = tokens();
    const text = await service.issue(MINE, HERE);
    await service.issue(MINE, THERE);
    expect(service.judge(MINE, HERE, text)).toBe('good');
  });
});

describe('floods', () => {
  test('of one address push out no token of another', async () => {
    const store = new MemoryTokens();
    const { tokens: service } = tokens(store);
    const text = await service.issue(MINE, HERE);
    for (let i = 0; i < 100; i++) await service.issue(`id${i}` as MachineId, THERE);
    expect(service.judge(MINE, HERE, text)).toBe('good');
    expect(store.kept.size).toBe(17);
  });

  test('what ended long ago is forgotten', async () => {
    const store = new MemoryTokens();
    const { tokens: service, clock } = tokens(store);
    for (let i = 0; i < 50; i++) await service.issue(MINE, `10.0.0.${i}` as Ipv4);
    clock.advance(2 * TOKEN_LIFETIME);
    await service.issue(OTHER, HERE);
    expect(store.kept.size).toBe(1);
  });
});

describe('host0 killed in the middle of a boot', () => {
  const folder = (): string => {
    const path = mkdtempSync(join(tmpdir(), 'pxen-tokens-'));
    stops.push(() => rmSync(path, { recursive: true }));
    return path;
  };
  const opened = (path: string): Database => {
    const database = Database.open(path);
    stops.push(() => database.close());
    return database;
  };

  test('honours what it gave out before, and remembers what was used', async () => {
    const path = join(folder(), 'pxen.db');
    const clock = new ManualClock();
    const { tokens: before } = tokens(sqliteBootTokens(opened(path)), clock);
    const [mine, others] = [await before.issue(MINE, HERE), await before.issue(OTHER, THERE)];
    const replaced = await before.issue(MINE, THERE);
    const again = await before.issue(MINE, THERE);
    await before.burn(OTHER);
    // A second connection sees what is on disk: the first one is never closed in order.
    const { tokens: after } = tokens(sqliteBootTokens(opened(path)), clock);
    await after.start();
    expect([
      after.judge(MINE, HERE, mine),
      after.judge(OTHER, THERE, others),
      after.judge(MINE, THERE, replaced),
      after.judge(MINE, THERE, again),
    ]).toEqual(['good', 'used', 'unknown', 'good']);
  });

  test('a database that is full hurts no boot, and heals', async () => {
    const database = opened(join(folder(), 'pxen.db'));
    const { tokens: service } = tokens(sqliteBootTokens(database));
    database.query('PRAGMA max_page_count = 1');
    const given: [Ipv4, string][] = [];
    for (let i = 0; i < 200; i++) {
      const address = `10.1.0.${i}` as Ipv4;
      given.push([address, await service.issue(MINE, address)]);
    }
    expect(service.health()).toMatch(/^boot tokens cannot be written, .*: database or disk is full$/);
    expect(given.every(([address, text]) => service.judge(MINE, address, text) === 'good')).toBe(true);
    database.query('PRAGMA max_page_count = 100000');
    await service.issue(OTHER, THERE);
    expect(service.health()).toBeUndefined();
  });

  test('with a full disk boots go on, and health says what a restart would do', async () => {
    const store = new MemoryTokens();
    store.failure = new PxenError('STATE_UNUSABLE', 'pxen.db: database or disk is full');
    const { tokens: service, log } = tokens(store);
    const text = await service.issue(MINE, HERE);
    expect(service.judge(MINE, HERE, text)).toBe('good');
    const sentence =
      'boot tokens cannot be written, a restart of pxend now would stop boots: pxen.db: database or disk is full';
    expect([service.health(), log.lines]).toEqual([sentence, [`warn boot: ${sentence} {"node":"91d5815f"}`]]);
    store.failure = undefined;
    await service.delivered(text);
    expect([service.health(), store.kept.size]).toEqual([undefined, 1]);
  });
});
