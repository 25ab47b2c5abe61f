import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GuestLines, guestLine } from '../../../../src/cli/output/guest.ts';

test.each([
  ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
  ['the cursor', 'a\u001b[2J\u001b[1;1H\u001b[?25lb', 'ab'],
  ['a title, ended by BEL', '\u001b]0;root@web\u0007$ ', '$ '],
  ['the clipboard, ended by ST', '\u001b]52;c;cm0gLXJmIC8=\u001b\\x', 'x'],
  ['a title without an end', 'x\u001b]0;abc', 'x'],
  ['character sets and keypads', '\u001b(B\u001b=x\u001b7', 'x'],
  ['half a sequence', 'x\u001b[', 'x'],
  ['one that hides in another', '\u001b[\u001b[2Jx', 'x'],
  ['the 8-bit form', '\u009b2Jx', '?2Jx'],
  ['a bell and a backspace', 'a\u0007b\u0008c', 'a?b?c'],
  ['a tab is good', 'a\tb', 'a\tb'],
  ['other letters are good', 'äß→日本', 'äß→日本'],
])('of a line of a guest a terminal gets no commands: %s', (_, line, text) => {
  expect(guestLine(line)).toBe(text);
});

test('whatever a guest writes, no control character but a tab gets through', () => {
  const bytes = fc.array(
    fc.constantFrom('\u001b', '[', ']', '0', ';', 'm', '\\', '\u0007', '\u009b', 'P', ' ', '\t', 'x'),
  );
  fc.assert(fc.property(bytes, all => !/(?!\t)\p{Cc}/u.test(guestLine(all.join('')))));
});

describe('lines', () => {
  const cut = (...pieces: (string | Uint8Array)[]): string[] => {
    const lines: string[] = [];
    const guest = new GuestLines(line => lines.push(line));
    for (const piece of pieces) guest.take(typeof piece === 'string' ? Buffer.from(piece) : piece);
    guest.end();
    return lines;
  };

  test.each<[string, (string | Uint8Array)[], string[]]>([
    ['end with LF', ['a\nb\n'], ['a', 'b']],
    ['end with CR LF, or more CR', ['a\r\nb\r\r\nc\n'], ['a', 'b', 'c']],
    ['are cut anywhere', ['a', 'b\r', '\nc', '', '\n'], ['ab', 'c']],
    ['may be empty', ['\n\r\n\na'], ['', '', '', 'a']],
    ['a CR alone overwrites, so it ends one', ['10%\r20%\r30%\n'], ['10%', '20%', '30%']],
    ['the last may have no end', ['a\nb'], ['a', 'b']],
    ['letters are cut between their bytes', [Uint8Array.of(0xc3), Uint8Array.of(0xa4, 0x0a)], ['ä']],
    ['none', [], []],
  ])('%s', (_, pieces, lines) => expect(cut(...pieces)).toEqual(lines));

  test('of a guest that never ends one are cut', () => {
    const lines = cut(...Array.from({ length: 100 }, () => 'x'.repeat(1000)));
    expect(lines.map(line => line.length)).toEqual([66_000, 34_000]);
  });
});
