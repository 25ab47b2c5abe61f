import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemToken } from '../../../../src/cli/commands/token.ts';
import { screen } from '../screen.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pxen-cli-token-'));
});
afterEach(() => rmSync(root, { recursive: true }));

async function printed(options: { rotate?: boolean; json?: boolean } = {}): Promise<string> {
  const shown = screen({ root, json: options.json === true });
  expect(await systemToken(shown.context, { rotate: options.rotate === true })).toBe(0);
  return shown.out;
}

test('prints the token, made where there is none; pxend need not run', async () => {
  const first = await printed();
  expect(first).toMatch(/^[\w-]{43}\n$/);
  expect(await printed()).toBe(first);
  expect(JSON.parse(await printed({ json: true }))).toEqual({ token: first.trim() });
});

test('--rotate makes a new one, which counts from then on', async () => {
  const before = await printed();
  const after = await printed({ rotate: true });
  expect(after).not.toBe(before);
  expect(await printed()).toBe(after);
});
