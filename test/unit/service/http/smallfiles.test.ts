import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isRefusal, type ServedFiles } from '../../../../src/base/served.ts';
import { MountedFiles } from '../../../../src/io/files/served.ts';
import { SmallFiles } from '../../../../src/service/http/smallfiles.ts';
import { ManualClock } from '../../../fakes/clock.ts';

let root: string;
let opened: string[];
let clock: ManualClock;
let files: SmallFiles;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pxen-small-'));
  opened = [];
  clock = new ManualClock();
  const disk = new MountedFiles([{ prefix: '', root }]);
  const counted: ServedFiles = {
    open(name) {
      opened.push(name);
      return disk.open(name);
    },
  };
  files = new SmallFiles(counted, clock);
});
afterEach(() => rm(root, { recursive: true }));

async function read(name: string): Promise<string> {
  const file = await files.open(name);
  if (isRefusal(file)) return file.reason;
  const buffer = Buffer.alloc(file.size);
  await file.readInto(buffer, 0);
  await file.close();
  return buffer.toString();
}

test('a small file is opened once in two seconds, however often it is asked for', async () => {
  await writeFile(join(root, 'a'), 'one');
  const got = [await read('a'), await read('a'), await read('a')];
  clock.advance(1999);
  got.push(await read('a'));
  clock.advance(1);
  got.push(await read('a'), await read('a'));
  expect([got, opened]).toEqual([Array(6).fill('one'), ['a', 'a']]);
});

test('a changed one is served two seconds later at most', async () => {
  await writeFile(join(root, 'a'), 'one');
  const got = [await read('a')];
  await writeFile(join(root, 'a'), 'other');
  clock.advance(2000);
  got.push(await read('a'));
  await rm(join(root, 'a'));
  clock.advance(2000);
  got.push(await read('a'), await read('a'));
  expect(got).toEqual(['one', 'other', 'missing', 'missing']);
});

test('a clock that jumps back keeps nothing alive', async () => {
  await writeFile(join(root, 'a'), 'one');
  await read('a');
  await writeFile(join(root, 'a'), 'other');
  clock.advance(-3600_000);
  expect(await read('a')).toBe('other');
});

test('a big file is never kept', async () => {
  await writeFile(join(root, 'big'), Buffer.alloc(64 * 1024 + 1));
  await read('big');
  await read('big');
  expect(opened).toEqual(['big', 'big']);
});

test('memory is bounded: the one loaded longest ago goes first', async () => {
  for (let i = 0; i < 260; i++) {
    await writeFile(join(root, `f${i}`), Buffer.alloc(64 * 1024));
    await read(`f${i}`);
  }
  opened.length = 0;
  await read('f259');
  await read('f0');
  expect(opened).toEqual(['f0']);
});

test('a file that cannot be read is left to whoever sends it', async () => {
  const broken: ServedFiles = {
    open: async () => ({
      size: 3,
      mtimeMs: 0,
      version: 'v',
      readInto: () => Promise.reject(new Error('EIO')),
      unchanged: async () => true,
      close: async () => {},
    }),
  };
  const file = await new SmallFiles(broken, clock).open('x');
  if (isRefusal(file)) throw new Error('refused');
  expect(file.content).toBeUndefined();
  await expect(file.readInto(new Uint8Array(1), 0)).rejects.toThrow('EIO');
});
