import { expect, test } from 'vitest';
import { encapsulatedOptions } from '../../../../src/wire/dhcp4/options.ts';

test('encapsulated options are read like others, without a cookie', () => {
  expect(encapsulatedOptions(Uint8Array.of(0xb0, 1, 1, 0x13, 1, 1))).toEqual(
    new Map([
      [0xb0, Uint8Array.of(1)],
      [0x13, Uint8Array.of(1)],
    ]),
  );
});

test('malformed encapsulated options are none', () => {
  expect(encapsulatedOptions(Uint8Array.of(6, 9, 8))).toBeUndefined();
});
