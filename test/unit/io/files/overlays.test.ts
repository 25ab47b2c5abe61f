import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OverlayOwner } from '../../../../src/domain/manifest/lists.ts';
import { OverlayFolder } from '../../../../src/io/files/overlays.ts';

const name = (digit: string, suffix = 'gz') => `${digit.repeat(64)}.${suffix}`;
const bytes = (text: string) => new TextEncoder().encode(text);
const record = (folder: string, member: string, listing: string) => ({
  folder,
  owner: '11111111' as OverlayOwner,
  planHash: 'f'.repeat(64),
  content: 'e'.repeat(64),
  earlier: [],
  members: [member],
  listing,
  size: 1,
});

let scratch = '';
let folder = '';
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'pxen-overlays-'));
  folder = join(scratch, 'state/overlays');
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const packs = () => readdirSync(join(folder, 'packs')).sort();

/** One build that keeps a member and a listing. */
async function build(store: OverlayFolder, member: string, listing: string, text = 'member'): Promise<void> {
  await store.exclusive(async writer => {
    await writer.keep(member, async () => bytes(text));
    await writer.keep(listing, async () => bytes('[]'));
    await writer.commit([record('n1', member, listing)]);
  });
}

describe('a folder of built overlays', () => {
  test('has no records before the first build, and does not exist then', async () => {
    expect(await new OverlayFolder(folder).records()).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  test('another process sees a build at once', async () => {
    const [reader, writer] = [new OverlayFolder(folder), new OverlayFolder(folder)];
    expect(await reader.records()).toEqual([]);
    await build(writer, name('a'), name('b', 'json'));
    expect(await reader.records()).toEqual([record('n1', name('a'), name('b', 'json'))]);
    expect(await reader.read(name('a'))).toEqual(bytes('member'));
    await build(writer, name('c'), name('b', 'json'));
    expect(await reader.records()).toEqual([record('n1', name('c'), name('b', 'json'))]);
  });

  test('lets nobody but its owner read', async () => {
    await build(new OverlayFolder(folder), name('a'), name('b', 'json'));
    const [pack = ''] = packs();
    const modes = ['.', 'packs', 'index.json', `packs/${pack}`].map(
      path => statSync(join(folder, path)).mode & 0o777,
    );
    expect(modes).toEqual([0o700, 0o700, 0o600, 0o600]);
  });

  test('sweeps away what no record names, drafts of a build that was killed included', async () => {
    const store = new OverlayFolder(folder);
    await build(store, name('a'), name('b', 'json'));
    const [first] = packs();
    writeFileSync(join(folder, 'packs/draft.pack'), 'half');
    await build(store, name('c'), name('d', 'json'));
    expect(packs()).toHaveLength(1);
    expect(packs()).not.toContain(first);
    await expect(store.read(name('a'))).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });

  test('makes a part again when no index vouches for it: it may be the torn one of a power cut', async () => {
    const store = new OverlayFolder(folder);
    await build(store, name('a'), name('b', 'json'));
    await store.exclusive(async writer => void (await writer.keep(name('c'), async () => bytes('torn'))));
    const made: string[] = [];
    await store.exclusive(async writer => {
      for (const part of [name('a'), name('c'), name('c')]) {
        await writer.keep(part, async () => {
          made.push(part);
          return bytes('whole');
        });
      }
      await writer.commit([record('n1', name('c'), name('b', 'json'))]);
    });
    expect(made).toEqual([name('c')]);
    expect(await store.read(name('c'))).toEqual(bytes('whole'));
  });

  test('many readers of a part share one copy', async () => {
    const store = new OverlayFolder(folder);
    await build(store, name('a'), name('b', 'json'));
    const parts = await Promise.all([store.read(name('a')), store.read(name('a'))]);
    expect(parts[0]).toBe(parts[1]);
    expect(await store.read(name('a'))).toBe(parts[0]);
  });

  test('a build that fails leaves the old records and frees the lock', async () => {
    const store = new OverlayFolder(folder);
    await build(store, name('a'), name('b', 'json'));
    await expect(
      store.exclusive(async writer => {
        await writer.keep(name('c'), async () => bytes('new'));
        throw new Error('disk full');
      }),
    ).rejects.toThrow('disk full');
    expect(await store.records()).toEqual([record('n1', name('a'), name('b', 'json'))]);
    await build(store, name('d'), name('b', 'json'));
  });

  test('an index that cannot be read is a clear error', async () => {
    const store = new OverlayFolder(folder);
    await build(store, name('a'), name('b', 'json'));
    writeFileSync(join(folder, 'index.json'), '{');
    await expect(store.records()).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: `${folder}/index.json: cannot be read; delete it and run: mesh system configure`,
    });
  });

  test('a name that no build gave is no part', async () => {
    const store = new OverlayFolder(folder);
    await build(store, name('a'), name('b', 'json'));
    await expect(store.read('../index.json')).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });

  test('the waste of many small builds never outweighs what is used', async () => {
    const store = new OverlayFolder(folder);
    const parts = new Map(Array.from({ length: 100 }, (_, i) => [i, 0]));
    const nameOf = (i: number, version: number) =>
      `${i.toString(16).padStart(32, '0')}${version.toString(16).padStart(32, '0')}.gz`;
    const textOf = (i: number, version: number) => `${i} ${version} `.repeat(50);
    for (let round = 0; round < 200; round++) {
      const change = round === 0 ? [...parts.keys()] : [(round * 7) % 100];
      for (const i of change) parts.set(i, round);
      await store.exclusive(async writer => {
        for (const [i, version] of parts)
          await writer.keep(nameOf(i, version), async () => bytes(textOf(i, version)));
        await writer.commit(
          [...parts].map(([i, version]) => record(`n${i}`, nameOf(i, version), nameOf(i, version))),
        );
      });
    }
    for (const [i, version] of parts)
      expect(await store.read(nameOf(i, version))).toEqual(bytes(textOf(i, version)));
    const used = [...parts].reduce((sum, [i, version]) => sum + textOf(i, version).length, 0);
    const onDisk = packs().reduce((sum, pack) => sum + statSync(join(folder, 'packs', pack)).size, 0);
    expect(onDisk).toBeLessThanOrEqual(2 * used);
    expect(packs().length).toBeLessThanOrEqual(66);
  });

  test('two parts of one build with one name are made once', async () => {
    const store = new OverlayFolder(folder);
    let made = 0;
    const make = async () => bytes(`${++made}`);
    await store.exclusive(async writer => {
      const sizes = await Promise.all([1, 2, 3].map(() => writer.keep(name('a'), make)));
      expect(sizes).toEqual([1, 1, 1]);
      await writer.commit([record('n1', name('a'), name('a'))]);
    });
    expect(made).toBe(1);
  });

  test('parts that are written together come back each as it was', async () => {
    const store = new OverlayFolder(folder);
    const parts = Array.from({ length: 40 }, (_, i) => ({
      part: `${i}.gz`,
      content: new Uint8Array(50_000 + i).fill(i),
    }));
    await store.exclusive(async writer => {
      await Promise.all(parts.map(({ part, content }) => writer.keep(part, async () => content)));
      await writer.commit([{ ...record('n1', '0.gz', '0.gz'), members: parts.map(({ part }) => part) }]);
    });
    const [pack = ''] = packs();
    expect(statSync(join(folder, 'packs', pack)).size).toBe(40 * 50_000 + 780);
    for (const { part, content } of parts) expect(await store.read(part)).toEqual(content);
  });

  test('builds of one process wait for each other', async () => {
    const store = new OverlayFolder(folder);
    const order: string[] = [];
    const turn = (who: string) =>
      store.exclusive(async () => {
        order.push(`${who} begins`);
        await sleep(20);
        order.push(`${who} ends`);
      });
    await Promise.all([turn('first'), turn('second')]);
    const inTurn = [
      ['first begins', 'first ends', 'second begins', 'second ends'],
      ['second begins', 'second ends', 'first begins', 'first ends'],
    ];
    expect(inTurn).toContainEqual(order);
  });

  test('a state folder that cannot be made is a clear error', async () => {
    writeFileSync(join(scratch, 'state'), 'a file');
    await expect(build(new OverlayFolder(folder), name('a'), name('b', 'json'))).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: `${folder}: cannot be written`,
    });
  });

  test('builds of several processes wait for each other', async () => {
    const counter = join(scratch, 'counter');
    writeFileSync(counter, '0');
    const program = join(import.meta.dirname, '../../../fixtures/overlay-build.ts');
    const runs = [1, 2, 3].map(() => promisify(execFile)(process.execPath, [program, folder, counter, '5']));
    const results = await Promise.all(runs);
    expect(results.map(({ stderr }) => stderr)).toEqual(['', '', '']);
    expect(results.map(({ stdout }) => stdout.trim())).toEqual(['5 builds', '5 builds', '5 builds']);
    const [last] = await new OverlayFolder(folder).records();
    expect(last?.folder).toBe('build-15');
  });
});
