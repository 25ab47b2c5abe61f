import { describe, expect, test } from 'vitest';
import { age, ago, facts, paintColumn, printable, table } from '../../../../src/cli/output/table.ts';

describe('table', () => {
  test('aligns its columns and leaves no blanks at the end of a line', () => {
    expect(
      table(
        ['ID', 'NAME', 'NOTE'],
        [
          ['91d5815f', '-', ''],
          ['6e6da274', 'rack1-07', 'two machines'],
        ],
      ),
    ).toBe(['ID        NAME      NOTE', '91d5815f  -', '6e6da274  rack1-07  two machines'].join('\n'));
  });

  test('without rows is its head', () => expect(table(['A', 'B'], [])).toBe('A  B'));

  test('shows what steers a terminal as question marks', () => {
    expect(table(['A', 'B'], [['\u001b[2Jx', 'a\nb']])).toBe('A      B\n?[2Jx  a?b');
  });
});

test('facts aligns the values behind their keys', () => {
  expect(
    facts([
      ['node', 'a'],
      ['address', 'b\u001b'],
    ]),
  ).toBe('node     a\naddress  b?');
});

test.each([
  ['plain ä €', 'plain ä €'],
  ['\u0000\t\u007f\u009b31m', '???\u003f31m'],
  ['a\u202eb\u2066c\u200fd\u2028e', 'a?b?c?d?e'],
])('printable(%j)', (text, shown) => expect(printable(text)).toBe(shown));

test.each([
  [-5000, 'now'],
  [0, 'now'],
  [499, 'now'],
  [500, '1 s'],
  [59_499, '59 s'],
  [59_500, '1 min'],
  [3_599_000, '59 min'],
  [3_600_000, '1 h'],
  [86_399_000, '23 h'],
  [86_400_000, '1 d'],
  [864_000_000, '10 d'],
])('%i ms ago is %j', (milliseconds, text) => expect(age(milliseconds)).toBe(text));

test.each([
  [0, 'now'],
  [4000, '4 s ago'],
])('%i ms before now is %j', (milliseconds, text) => expect(ago(milliseconds)).toBe(text));

test('a column is painted, and nothing else that reads the same', () => {
  const text = table(
    ['NAME', 'STATE', 'NOTE'],
    [
      ['up', 'up', 'up'],
      ['a', '', 'up'],
      ['b', 'down', ''],
    ],
  );
  expect(paintColumn(text, 'STATE', cell => `<${cell}>`)).toBe(
    ['NAME  STATE  NOTE', 'up    <up>     up', 'a            up', 'b     <down>'].join('\n'),
  );
});
