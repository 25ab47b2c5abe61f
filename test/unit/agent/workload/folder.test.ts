import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isUuid } from '../../../../src/agent/workload/finding.ts';
import { StateFolder, stateFolders } from '../../../../src/agent/workload/folder.ts';

let root: string;
let folder: StateFolder;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pxen-state-'));
  folder = new StateFolder(root, 'w1');
});
afterEach(() => rmSync(root, { recursive: true }));

const mode = (path: string): number => lstatSync(join(root, path)).mode & 0o777;
const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'nothing',
    (error: Error & { code: string }) => `${error.code}: ${error.message.replace(root, 'ROOT')}`,
  );

describe('the state folder of a workload', () => {
  test('is for root alone, whatever the mode of what was there', async () => {
    mkdirSync(join(root, 'tmp/pxen'), { recursive: true });
    chmodSync(join(root, 'tmp/pxen'), 0o777);
    await folder.make();
    await folder.make();
    await folder.beginLog();
    await folder.write('argv', 'a\n');
    expect([
      mode('tmp/pxen'),
      mode('tmp/pxen/w1'),
      mode('tmp/pxen/w1/argv'),
      mode('tmp/pxen/w1/output.log'),
    ]).toEqual([0o700, 0o700, 0o600, 0o600]);
    expect([folder.read('argv'), folder.read('pid')]).toEqual(['a', undefined]);
  });

  test.each(['tmp/pxen', 'tmp/pxen/w1'])('is not made where somebody has laid a link: %s', async path => {
    mkdirSync(join(root, 'elsewhere'));
    mkdirSync(join(root, path, '..'), { recursive: true });
    symlinkSync(join(root, 'elsewhere'), join(root, path));
    expect(await failure(folder.make())).toBe(`STATE_UNUSABLE: ROOT/${path}: is no folder; remove it`);
    expect(readdirSync(join(root, 'elsewhere'))).toEqual([]);
  });

  test('is not made where a path would be too long for a socket', async () => {
    const deep = new StateFolder(join(root, 'd'.repeat(80)), 'w1');
    expect(await failure(deep.make())).toMatch(
      /monitor\.sock: the path of a unix socket may have 107 bytes at most, this one has \d+$/,
    );
  });

  test('goes, but for what its volumes need and a log that is to be kept', async () => {
    await folder.make();
    for (const name of ['argv', 'output.log', 'qmp.sock', 'volumes.json'])
      writeFileSync(join(folder.path, name), name);
    await folder.clear({ log: true });
    expect(readdirSync(folder.path).sort()).toEqual(['output.log', 'volumes.json']);
    await folder.clear({ log: false });
    expect(readdirSync(folder.path)).toEqual(['volumes.json']);
    rmSync(join(folder.path, 'volumes.json'));
    await folder.clear({ log: false });
    await folder.clear({ log: false });
    expect(readdirSync(join(root, 'tmp/pxen'))).toEqual([]);
  });

  test('takes notes where there is nothing yet, and adds them to what is there', async () => {
    await folder.note('one\n');
    await folder.note('two\n');
    expect(readFileSync(folder.at('log'), 'utf8')).toBe('one\ntwo\n');
  });
});

describe('the folders of all workloads', () => {
  const found = (): [string[], string[]] => {
    const strange: string[] = [];
    const folders = stateFolders(root, isUuid, path => strange.push(path.replace(root, '')));
    return [folders.map(({ uuid }) => uuid), strange];
  };

  test('are those with the name of a uuid', () => {
    for (const name of ['w1', 'w 2', '-x']) mkdirSync(join(root, 'tmp/pxen', name), { recursive: true });
    writeFileSync(join(root, 'tmp/pxen/file'), '');
    symlinkSync('/etc', join(root, 'tmp/pxen/link'));
    expect(found()).toEqual([
      ['-x', 'w1'],
      ['/tmp/pxen/file', '/tmp/pxen/link', '/tmp/pxen/w 2'],
    ]);
  });

  test('are none where there is no folder for them, or a link', () => {
    expect(found()).toEqual([[], []]);
    mkdirSync(join(root, 'tmp'));
    symlinkSync('/', join(root, 'tmp/pxen'));
    expect(found()).toEqual([[], []]);
  });
});
