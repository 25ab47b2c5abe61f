import { expect, test } from 'vitest';
import { addressesOption, addressOf } from '../../../../src/wire/dhcp4/option-address.ts';
import { address } from '../../../fakes/dhcp.ts';

test.each([
  ['four bytes', [10, 77, 0, 1], '10.77.0.1'],
  ['too short', [10, 77, 0], undefined],
  ['two addresses where one belongs', [10, 77, 0, 1, 10, 77, 0, 2], undefined],
])('an address option of %s', (_, value, expected) => {
  expect(addressOf(new Map([[50, Uint8Array.from(value)]]), 50)).toBe(expected);
});

test('addresses are written one after the other', () => {
  expect(addressesOption(address('10.77.0.1'), address('9.9.9.9'))).toEqual(
    Uint8Array.of(10, 77, 0, 1, 9, 9, 9, 9),
  );
});
