import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InotifyFolders } from '../../../../src/io/files/watching.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pxen-inotify-'));
const root = join(scratch, 'root');
const folders = new InotifyFolders(root);

beforeAll(() => {
  mkdirSync(join(root, 'data/new'), { recursive: true });
  writeFileSync(join(root, 'data/new/file'), '');
  writeFileSync(join(scratch, 'outside'), '');
  symlinkSync('data/new', join(root, 'link'));
  symlinkSync('../outside', join(root, 'out'));
  symlinkSync('loop', join(root, 'loop'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('a folder that is listened in', () => {
  test('tells the names of what is made and written in it, until it is closed', async () => {
    const heard = new Set<string | undefined>();
    const watched = folders.watch('/link', name => heard.add(name));
    writeFileSync(join(root, 'data/new/file'), 'x');
    writeFileSync(join(root, 'data/new/other'), 'x');
    for (let i = 0; i < 100 && heard.size < 2; i++) await sleep(10);
    expect(heard).toEqual(new Set(['file', 'other']));
    watched.close();
    heard.clear();
    writeFileSync(join(root, 'data/new/third'), 'x');
    await sleep(50);
    expect(heard.size).toBe(0);
  });

  test('must exist', () => {
    expect(() => folders.watch('/nothing', () => {})).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});

test.each([
  ['/link/file', '/data/new/file'],
  ['/data/new/file', '/data/new/file'],
  ['/link/none', undefined],
  ['/out', undefined],
  ['/loop', undefined],
])('%s is really at %s', async (path, actual) => {
  expect(await folders.actual(path)).toBe(actual);
});
