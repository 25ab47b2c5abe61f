import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isOnPath } from '../../../../src/agent/facts/programs.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pxen-path-'));
  for (const name of ['bin', 'sbin', 'bin/folder']) mkdirSync(join(folder, name));
  for (const name of ['bin/text', 'sbin/program']) writeFileSync(join(folder, name), '');
  chmodSync(join(folder, 'sbin/program'), 0o755);
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ['program', true],
  ['text', false],
  ['folder', false],
  ['missing', false],
])('%s: %s', (name, found) => {
  expect(isOnPath(name, `${folder}/missing::${folder}/bin:${folder}/sbin`)).toBe(found);
});

test('without a path nothing is found, and by default it is that of the agent', () => {
  expect([isOnPath('program', ''), isOnPath('sh'), isOnPath('pxen-no-such-program')]).toEqual([
    false,
    true,
    false,
  ]);
});
