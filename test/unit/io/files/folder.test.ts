import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFolder } from '../../../../src/io/files/folder.ts';

let scratch = '';
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'pxen-folder-'));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

describe('a new folder', () => {
  test('appears with its files, the folders above it too, and everybody may read it', async () => {
    const umask = process.umask(0o077);
    const folder = join(scratch, 'host0/machines/n1');
    await createFolder(folder, { UUID: '11111111\n', manifest: '' }).finally(() => process.umask(umask));
    expect(readdirSync(join(scratch, 'host0/machines'))).toEqual(['n1']);
    expect(readFileSync(join(folder, 'UUID'), 'utf8')).toBe('11111111\n');
    const modes = ['.', 'UUID', 'manifest'].map(name => statSync(join(folder, name)).mode & 0o777);
    expect(modes).toEqual([0o755, 0o644, 0o644]);
  });

  test.each(['a file', 'a folder', 'an empty folder'])('does not take the place of %s', async what => {
    const folder = join(scratch, 'n1');
    if (what === 'a file') writeFileSync(folder, 'x');
    else mkdirSync(folder);
    if (what === 'a folder') writeFileSync(join(folder, 'UUID'), '22222222');
    await expect(createFolder(folder, { UUID: '11111111' })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: `${folder} is there already; choose another name`,
    });
    expect(readdirSync(scratch)).toEqual(['n1']);
  });

  test('of several at one time one wins, and the others leave nothing behind', async () => {
    const folder = join(scratch, 'n1');
    const tries = Array.from({ length: 8 }, (_, i) => createFolder(folder, { UUID: `${i}` }));
    const results = await Promise.allSettled(tries);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(readdirSync(scratch)).toEqual(['n1']);
  });

  test('that cannot be made is a clear error', async () => {
    writeFileSync(join(scratch, 'host0'), 'a file');
    const folder = join(scratch, 'host0/machines/n1');
    await expect(createFolder(folder, {})).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });
});
