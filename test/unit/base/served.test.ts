import { describe, expect, test } from 'vitest';
import {
  firstOf,
  isRefusal,
  type Refusal,
  type ServedFile,
  type ServedFiles,
} from '../../../src/base/served.ts';

const empty: ServedFile = { size: 0, mtimeMs: 0, readInto: async () => 0, close: async () => {} };

function source(answers: Record<string, ServedFile | Refusal>): ServedFiles {
  return { open: async name => answers[name] ?? { reason: 'missing', text: 'not here' } };
}

describe('firstOf', () => {
  const first = source({ 'boot.ipxe': empty, secret: { reason: 'forbidden', text: 'no' } });
  const second = source({ kernel: empty, secret: empty });
  const both = firstOf(first, second);

  test('asks the next source when a file is missing', async () => {
    expect(await both.open('boot.ipxe')).toBe(empty);
    expect(await both.open('kernel')).toBe(empty);
  });

  test('a source that forbids a name has the last word', async () => {
    const answer = await both.open('secret');
    expect(isRefusal(answer) && answer).toEqual({ reason: 'forbidden', text: 'no' });
  });

  test('names the file that nobody has', async () => {
    expect(await both.open('x\n')).toEqual({ reason: 'missing', text: '"x\\n": no such file' });
  });
});
