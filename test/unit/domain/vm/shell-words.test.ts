import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellWords } from '../../../../src/domain/vm/shell-words.ts';
import { commandLine } from '../../../../src/io/exec.ts';

test.each([
  ['a b  c', ['a', 'b', 'c']],
  ['', []],
  [' \t\n', []],
  ['a \\\n  b', ['a', 'b']],
  ['a \\\r\n b', ['a', 'b']],
  ['\'a b\' "c d"', ['a b', 'c d']],
  ['a\'b\'"c"d', ['abcd']],
  ["''", ['']],
  ['a\\ b', ['a b']],
  ['"a\\"b\\\\c\\d"', ['a"b\\c\\d']],
  ["'a\\b'", ['a\\b']],
  ['$ program -x', ['$', 'program', '-x']],
  ['# a comment\nprogram # another\n-x a#b', ['program', '-x', 'a#b']],
])('%j is %j', (text, words) => {
  expect(shellWords(text)).toEqual({ words });
});

test.each([
  ["a 'b", "the quote ' is not closed"],
  ['a "b\\"', 'the quote " is not closed'],
])('%j is no command', (text, problem) => {
  expect(shellWords(text)).toEqual({ problem });
});

test('what is quoted for a shell is read as it was, here and by a shell', () => {
  const word = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom("'", '"', '\\', ' ', '\n', '$x', '`', '#'),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), words => {
      expect(shellWords(commandLine('printf', words))).toEqual({ words: ['printf', ...words] });
    }),
    { numRuns: 300 },
  );
  const words = ["it's", '"', 'a b', '$HOME', '\\', '#', ''];
  const { stdout } = spawnSync('sh', ['-c', commandLine('printf', ['%s\\n', ...words])], {
    encoding: 'utf8',
  });
  expect(stdout).toBe(`${words.join('\n')}\n`);
});
