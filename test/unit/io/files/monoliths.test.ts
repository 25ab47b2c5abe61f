import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { WorkloadFile } from '../../../../src/domain/workload/record.ts';
import { MonolithFolder } from '../../../../src/io/files/monoliths.ts';
import { textOf } from '../../../fakes/host-workloads.ts';

let root: string;
let folder: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pxen-monoliths-'));
  folder = join(root, 'monoliths');
  mkdirSync(folder);
});
afterEach(() => rmSync(root, { recursive: true }));

/** Long ago, so that the next write is sure to show. */
function put(name: string, text: string, seconds = 1_000_000): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  utimesSync(path, seconds, seconds);
  return path;
}

/** Waits until a file is old enough for its times to be trusted. */
const settle = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 60));

const problemsOf = (files: readonly WorkloadFile[]): string[] =>
  files.flatMap(({ problems }) => problems.map(({ message }) => message.replaceAll(folder, '')));

describe('the folder of workload files', () => {
  test('that does not exist has no files', async () => {
    expect(await new MonolithFolder(join(root, 'nowhere')).all()).toEqual({ files: [], beyond: 0 });
  });

  test('that is a file says so', async () => {
    writeFileSync(join(root, 'file'), '');
    await expect(new MonolithFolder(join(root, 'file')).all()).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: `${join(root, 'file')}: cannot be listed (ENOTDIR: not a directory, scandir '${join(root, 'file')}')`,
    });
  });

  test('has its .conf files with text and model, sorted by path', async () => {
    const web = put('web.conf', textOf('web'));
    const odd = put('another-name.conf', textOf('db'));
    put('notes.txt', 'buy milk');
    put('.hidden.conf', textOf('hidden'));
    const { files } = await new MonolithFolder(folder).all();
    expect(files.map(({ file, text, workload }) => [file, text, workload?.name])).toEqual([
      [odd, textOf('db'), 'db'],
      [web, textOf('web'), 'web'],
    ]);
  });

  test('lists files with problems too, with what they are called', async () => {
    put('web.conf', 'name=web\nplatform.memory.size=4GB\n');
    const { files } = await new MonolithFolder(folder).all();
    expect(files.map(({ texts, workload }) => [texts.get('name'), workload])).toEqual([['web', undefined]]);
    expect(problemsOf(files).map(problem => problem.split(',')[0])).toContain(
      '/web.conf:2: platform.memory.size: got "4GB"',
    );
  });

  test('refuses two files with one name or one uuid, both of them', async () => {
    put('a.conf', textOf('web'));
    put('b.conf', textOf('web'));
    put('c.conf', textOf('db'));
    const { files } = await new MonolithFolder(folder).all();
    expect(files.map(({ workload }) => workload?.name)).toEqual([undefined, undefined, 'db']);
    expect(files.map(({ problems }) => problems.map(({ code, key }) => `${code} ${key}`))).toEqual([
      ['NOT_UNIQUE name', 'NOT_UNIQUE uuid'],
      ['NOT_UNIQUE name', 'NOT_UNIQUE uuid'],
      [],
    ]);
  });

  test('reads nothing but regular files of its own, and says why not', async () => {
    writeFileSync(join(root, 'secret'), textOf('secret'));
    symlinkSync('../secret', join(folder, 'a-outside.conf'));
    symlinkSync('/etc/hostname', join(folder, 'b-absolute.conf'));
    symlinkSync('b-loop.conf', join(folder, 'b-loop.conf'));
    mkdirSync(join(folder, 'c-folder.conf'));
    execFileSync('mkfifo', [join(folder, 'd-pipe.conf')]);
    put('e-large.conf', `#${'x'.repeat(64 * 1024)}`);
    symlinkSync('gone.conf', join(folder, 'f-dangling.conf'));
    put('g-good.conf', textOf('web'));
    symlinkSync('g-good.conf', join(folder, 'h-inside.conf'));
    const { files } = await new MonolithFolder(folder).all();
    expect(problemsOf(files).slice(0, 7)).toEqual([
      '/a-outside.conf: leads out of ',
      '/b-absolute.conf: leads out of ',
      '/b-loop.conf: is a link that leads to itself',
      '/c-folder.conf: is a directory',
      '/d-pipe.conf: is not a regular file',
      '/e-large.conf: has 64.0 KiB, more than the 64.0 KiB that are allowed',
      '/f-dangling.conf: does not exist',
    ]);
    expect(files.map(({ text }) => text === '')).toEqual([...Array(7).fill(true), false, false]);
  });

  test('gives anything that is no text to the parser, which refuses it', async () => {
    writeFileSync(join(folder, 'bytes.conf'), Buffer.from([0xff, 0xfe, 0, 10, 0xc3]));
    const { files } = await new MonolithFolder(folder).all();
    expect(files[0]?.workload).toBeUndefined();
    expect(problemsOf(files).length).toBeGreaterThan(0);
  });
});

describe('looked at again', () => {
  test('gives the same value when nothing changed', async () => {
    put('web.conf', textOf('web'));
    const monoliths = new MonolithFolder(folder);
    await settle();
    const before = await monoliths.all();
    expect(await monoliths.all()).toBe(before);
  });

  test('sees a file that was changed in place, at once', async () => {
    const path = put('web.conf', textOf('web'));
    const monoliths = new MonolithFolder(folder);
    await monoliths.all();
    for (const size of ['2G', '3G', '4G']) {
      writeFileSync(path, textOf('web').replace('1G', size));
      const { files } = await monoliths.all();
      expect(files[0]?.text).toContain(size);
    }
  });

  test('sees a file that was replaced by one of the same size and times', async () => {
    put('web.conf', textOf('web'));
    const monoliths = new MonolithFolder(folder);
    await settle();
    await monoliths.all();
    put('draft', textOf('web').replace('1G', '2G'));
    renameSync(join(folder, 'draft'), join(folder, 'web.conf'));
    expect((await monoliths.all()).files[0]?.text).toContain('2G');
  });

  test('sees what comes and goes, and judges the others anew', async () => {
    put('a.conf', textOf('web'));
    put('b.conf', textOf('web'));
    const monoliths = new MonolithFolder(folder);
    await settle();
    expect(problemsOf((await monoliths.all()).files)).toHaveLength(4);
    rmSync(join(folder, 'b.conf'));
    expect(problemsOf((await monoliths.all()).files)).toEqual([]);
    put('c.conf', textOf('db'));
    expect((await monoliths.all()).files.map(({ workload }) => workload?.name)).toEqual(['web', 'db']);
  });

  test('by many at once costs two looks, and all see a change made before they asked', async () => {
    const path = put('web.conf', textOf('web'));
    const monoliths = new MonolithFolder(folder);
    const first = monoliths.all();
    writeFileSync(path, textOf('web').replace('1G', '2G'));
    const others = await Promise.all(Array.from({ length: 50 }, () => monoliths.all()));
    await first;
    expect(new Set(others).size).toBe(1);
    expect(others[0]?.files[0]?.text).toContain('2G');
  });

  test('costs next to nothing with a thousand files', async () => {
    for (let i = 0; i < 1000; i++) put(`w${i}.conf`, textOf(`w${i}`));
    const monoliths = new MonolithFolder(folder);
    await settle();
    const began = performance.now();
    await monoliths.all();
    const first = performance.now() - began;
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      await monoliths.all();
      best = Math.min(best, performance.now() - start);
    }
    console.log(`1000 files: first look ${first.toFixed(0)} ms, again ${best.toFixed(1)} ms`);
    expect(best).toBeLessThan(first / 2);
  });
});
