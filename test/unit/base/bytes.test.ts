import { describe, expect, test } from 'vitest';
import { concat, equalBytes, formatBytes, fromHex, toHex } from '../../../src/base/bytes.ts';

describe('hex', () => {
  test.each([
    ['', []],
    ['00', [0]],
    ['0aFf', [10, 255]],
    ['52540012', [0x52, 0x54, 0, 0x12]],
  ])('%j is the bytes %j and comes back in lower case', (text, bytes) => {
    expect(fromHex(text)).toEqual(Uint8Array.from(bytes));
    expect(toHex(Uint8Array.from(bytes))).toBe(text.toLowerCase());
  });

  test.each(['0', '0g', '0x00', ' 00', '00 ', 'ä0'])('%j is no hex', text => {
    expect(fromHex(text)).toBeUndefined();
  });
});

test('concat puts the parts one after the other', () => {
  expect(concat([Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)])).toEqual(Uint8Array.of(1, 2, 3));
  expect(concat([])).toEqual(new Uint8Array(0));
});

test.each([
  [[], [], true],
  [[1, 2], [1, 2], true],
  [[1, 2], [1, 3], false],
  [[1], [1, 2], false],
])('equalBytes of %j and %j is %j', (a, b, equal) => {
  expect(equalBytes(Uint8Array.from(a), Uint8Array.from(b))).toBe(equal);
});

test.each([
  [0, '0 B'],
  [1, '1 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [100 * 1024, '100 KiB'],
  [1 << 20, '1.0 MiB'],
  [52_428_800, '50.0 MiB'],
  [16 * 2 ** 30, '16.0 GiB'],
  [3 * 2 ** 40, '3.0 TiB'],
  [5000 * 2 ** 40, '5000 TiB'],
])('%i bytes are shown as %j', (count, text) => expect(formatBytes(count)).toBe(text));
