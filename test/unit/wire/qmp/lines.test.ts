import { expect, test } from 'vitest';
import { LineSplitter } from '../../../../src/wire/qmp/lines.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What comes of the pieces, one after the other. */
function split(longest: number, ...pieces: readonly Uint8Array[]): { lines: string[]; tooLong: boolean[] } {
  const splitter = new LineSplitter(longest);
  const fed = pieces.map(piece => splitter.feed(piece));
  return {
    lines: fed.flatMap(({ lines }) => lines.map(line => new TextDecoder().decode(line))),
    tooLong: fed.map(({ tooLong }) => tooLong),
  };
}

test.each([
  { name: 'one line', pieces: ['a\n'], lines: ['a'] },
  { name: 'several in one piece', pieces: ['a\n\nbc\r\n'], lines: ['a', '', 'bc\r'] },
  { name: 'one in several pieces', pieces: ['a', '', 'b', 'c\nd'], lines: ['abc'] },
  { name: 'a newline that comes alone', pieces: ['abc', '\n', '\n'], lines: ['abc', ''] },
  { name: 'no newline at all', pieces: ['abc'], lines: [] },
])('$name', ({ pieces, lines }) => {
  expect(split(10, ...pieces.map(bytes)).lines).toEqual(lines);
});

test('a character of three bytes may come in three pieces', () => {
  const pieces = Array.from(bytes('"€"\n'), byte => Uint8Array.of(byte));
  expect(split(10, ...pieces).lines).toEqual(['"€"']);
});

test('a piece may be overwritten once it was fed', () => {
  const splitter = new LineSplitter(10);
  const buffer = bytes('abc');
  splitter.feed(buffer);
  buffer.fill(0x78);
  expect(new TextDecoder().decode(splitter.feed(bytes('\n')).lines[0])).toBe('abc');
});

test.each([
  { name: 'a line of the longest length is one', pieces: ['abcd\n'], lines: ['abcd'], tooLong: [false] },
  { name: 'in pieces, too', pieces: ['ab', 'cd', '\n'], lines: ['abcd'], tooLong: [false, false, false] },
  { name: 'one byte more is too long', pieces: ['a\nabcde\nb\n'], lines: ['a'], tooLong: [true] },
  { name: 'before its end has come', pieces: ['ab', 'cde'], lines: [], tooLong: [false, true] },
  { name: 'and when its end comes with it', pieces: ['abc', 'de\n'], lines: [], tooLong: [false, true] },
])('$name', ({ pieces, lines, tooLong }) => {
  expect(split(4, ...pieces.map(bytes))).toEqual({ lines, tooLong });
});
