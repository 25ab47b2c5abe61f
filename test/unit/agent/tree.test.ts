import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { treeUnder } from '../../../src/agent/tree.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pxen-tree-'));
});
afterEach(() => rmSync(root, { recursive: true }));

test.each([
  ['is as long as it was asked for', 'abcdef', 4, 'abcd'],
  ['is no longer than its file', 'abc', 4, 'abc'],
  ['of an empty file is empty', '', 4, ''],
])('the head of a file %s', (_what, text, bytes, head) => {
  writeFileSync(join(root, 'file'), text);
  expect(Buffer.from(treeUnder(root).head('/file', bytes) ?? 'none').toString()).toBe(head);
});

test('folders, pipes and what is not there have no head', () => {
  mkdirSync(join(root, 'folder'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
  const tree = treeUnder(root);
  expect(['/folder', '/pipe', '/nothing'].map(path => tree.head(path, 4))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
