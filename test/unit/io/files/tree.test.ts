import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FileTree } from '../../../../src/io/files/tree.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pxen-tree-'));
const root = join(scratch, 'root');

beforeAll(() => {
  for (const folder of ['machines/n2', 'machines/n1', 'machines/.git'])
    mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'machines/README'), 'text');
  writeFileSync(join(root, 'file'), 'content');
  writeFileSync(join(scratch, 'outside'), 'secret');
  symlinkSync('file', join(root, 'link'));
  symlinkSync('n1', join(root, 'machines/n3'));
  symlinkSync('../outside', join(root, 'out'));
  symlinkSync('loop', join(root, 'loop'));
  symlinkSync('nowhere', join(root, 'broken'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('folders', () => {
  test('are listed by name, links to folders included, files and hidden folders left out', async () => {
    expect(await new FileTree(root).folders('/machines')).toEqual(['n1', 'n2', 'n3']);
  });

  test('a folder that does not exist is told from an empty one', async () => {
    expect(await new FileTree(root).folders('/groups')).toBeUndefined();
  });

  test('a file in place of a folder is an error that names it', async () => {
    await expect(new FileTree(root).folders('/file')).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: expect.stringContaining(`${root}/file: cannot be listed (ENOTDIR`),
    });
  });
});

describe('read', () => {
  test('a root that is a link may be moved to another folder', async () => {
    const moved = join(scratch, 'moved');
    for (const folder of ['one', 'two']) {
      mkdirSync(join(scratch, folder));
      writeFileSync(join(scratch, folder, 'file'), folder);
    }
    symlinkSync('one', moved);
    const tree = new FileTree(moved);
    expect(await tree.read('/file', 7)).toMatchObject({ kind: 'file', content: Buffer.from('one') });
    rmSync(moved);
    symlinkSync('two', moved);
    expect(await tree.read('/file', 7)).toMatchObject({ kind: 'file', content: Buffer.from('two') });
  });

  test.each(['/file', '/link'])('%s is a file', async path => {
    expect(await new FileTree(root).read(path, 7)).toMatchObject({
      kind: 'file',
      content: Buffer.from('content'),
    });
  });

  test.each([
    ['/nothing', 'missing', 'does not exist'],
    ['/file/below', 'missing', 'does not exist'],
    ['/broken', 'missing', 'does not exist'],
    ['/machines', 'unusable', 'is a directory'],
    ['/pipe', 'unusable', 'is not a regular file'],
    ['/loop', 'unusable', 'is a link that leads to itself'],
    ['/out', 'unusable', `leads out of ${root}`],
    ['/../outside', 'unusable', `leads out of ${root}`],
  ])('%s is %s: it %s', async (path, kind, reason) => {
    expect(await new FileTree(root).read(path, 100)).toMatchObject({ kind, reason });
  });

  test('a file over the limit is refused with both sizes', async () => {
    expect(await new FileTree(root).read('/file', 6)).toMatchObject({
      kind: 'unusable',
      reason: 'has 7 B, more than the 6 B that are allowed',
    });
  });

  test('the whole system is a tree too', async () => {
    expect(await new FileTree('/').read(join(root, 'file'), 100)).toMatchObject({ kind: 'file' });
  });
});
