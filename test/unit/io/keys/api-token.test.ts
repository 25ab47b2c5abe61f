import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import { ApiTokenFile } from '../../../../src/io/keys/api-token.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function tokenFile(): { file: ApiTokenFile; folder: string } {
  const parent = mkdtempSync(join(tmpdir(), 'pxen-api-token-'));
  folders.push(parent);
  const folder = join(parent, 'keys');
  return { file: new ApiTokenFile(folder), folder };
}

const refusal = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof PxenError ? [error.code, error.message] : error),
  );

test('is made once, of 32 random bytes, for the owner alone; however many ask at once', async () => {
  const { file, folder } = tokenFile();
  const tokens = new Set(await Promise.all(Array.from({ length: 8 }, () => file.make())));
  expect([...tokens]).toEqual([expect.stringMatching(/^[\w-]{43}$/)]);
  expect(await file.all()).toEqual([...tokens]);
  expect([statSync(file.path).mode & 0o777, statSync(folder).mode & 0o777]).toEqual([0o600, 0o700]);
  expect(readdirSync(folder)).toEqual(['api-token']);
});

test('a rotated one takes the place of all', async () => {
  const { file, folder } = tokenFile();
  const before = await file.make();
  const after = await file.rotate();
  expect(after).not.toBe(before);
  expect([await file.all(), await file.make(), readdirSync(folder)]).toEqual([[after], after, ['api-token']]);
});

test('there may be several, one a line', async () => {
  const { file } = tokenFile();
  await file.make();
  writeFileSync(file.path, 'first\n\n  second  \n');
  expect([await file.all(), await file.make()]).toEqual([['first', 'second'], 'first']);
});

test('one that others may read, or none, opens nothing', async () => {
  const { file } = tokenFile();
  await file.make();
  chmodSync(file.path, 0o640);
  expect(await refusal(file.all())).toEqual([
    'STATE_UNUSABLE',
    `API token ${file.path}: ${file.path} has mode 640, expected 600: others may have read it (chmod 600 if you know better)`,
  ]);
  chmodSync(file.path, 0o600);
  writeFileSync(file.path, '\n');
  expect(await refusal(file.make())).toEqual([
    'STATE_UNUSABLE',
    `API token ${file.path}: ${file.path} is empty`,
  ]);
});
