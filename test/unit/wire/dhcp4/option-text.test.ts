import { expect, test } from 'vitest';
import { OPTION } from '../../../../src/wire/dhcp4/code.ts';
import { textOf, textOption, userClasses } from '../../../../src/wire/dhcp4/option-text.ts';

const text = (value: string) => new Map([[OPTION.userClass, textOption(value)]]);

test.each([
  ['iPXE, bare as iPXE sends it', 'iPXE', ['iPXE']],
  ['one class by RFC 3004', '\x04iPXE', ['iPXE']],
  ['two classes by RFC 3004', '\x04iPXE\x02ab', ['iPXE', 'ab']],
  ['a length that does not add up is part of the text', '\x09iPXE', ['\x09iPXE']],
  ['an empty class is no class', '\x04iPXE\x00', ['\x04iPXE\x00']],
  ['an empty option', '', []],
])('user class: %s', (_, value, classes) => {
  expect(userClasses(text(value))).toEqual(classes);
});

test('no option, no class', () => {
  expect(userClasses(new Map())).toEqual([]);
});

test('final zeros are no part of a text', () => {
  expect(textOf(text('a\0b\0\0'), OPTION.userClass)).toBe('a\0b');
  expect(textOf(new Map(), OPTION.userClass)).toBeUndefined();
});
