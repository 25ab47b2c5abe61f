import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  allocateDevices,
  type Device,
  type PciAddress,
  parsePciAddress,
} from '../../../../src/domain/placement/pci.ts';

test.each([
  ['0000:01:02.0', '0000:01:02.0'],
  ['02:03.4', '0000:02:03.4'],
  ['FFFF:AB:1F.7', 'ffff:ab:1f.7'],
  ['01:20.0', undefined],
  ['01:02.8', undefined],
  ['1:2.0', undefined],
  ['0000:01:02', undefined],
  ['000:01:02.0', undefined],
  ['01:02.0 ', undefined],
])('the PCI address %j is %j', (text, address) => {
  expect(parsePciAddress(text)).toBe(address);
});

function device(type: string, address: string): Device {
  return { type, address: parsePciAddress(address) ?? ('' as PciAddress) };
}

describe('devices are handed out by address', () => {
  const devices = [device('gpu', '03:00.0'), device('gpu', '01:00.0'), device('fpga', '02:00.0')];

  test('the lowest free ones of each type', () => {
    const wanted = new Map([
      ['gpu', 1],
      ['fpga', 1],
    ]);
    const taken = new Set([parsePciAddress('01:00.0') as PciAddress]);
    expect(allocateDevices(devices, new Set(), wanted)?.map(({ address }) => address)).toEqual([
      '0000:01:00.0',
      '0000:02:00.0',
    ]);
    expect(allocateDevices(devices, taken, wanted)?.map(({ address }) => address)).toEqual([
      '0000:03:00.0',
      '0000:02:00.0',
    ]);
  });

  test('those that it had before, where they are free', () => {
    const before = [device('gpu', '03:00.0'), device('gpu', '07:00.0')];
    const one = new Map([['gpu', 1]]);
    expect(allocateDevices(devices, new Set(), one, before)).toEqual([device('gpu', '03:00.0')]);
    const taken = new Set([device('gpu', '03:00.0').address]);
    expect(allocateDevices(devices, taken, one, before)).toEqual([device('gpu', '01:00.0')]);
  });

  test('none when one type does not suffice', () => {
    expect(allocateDevices(devices, new Set(), new Map([['gpu', 3]]))).toBeUndefined();
    expect(
      allocateDevices(
        devices,
        new Set(),
        new Map([
          ['gpu', 1],
          ['tpu', 1],
        ]),
      ),
    ).toBeUndefined();
    expect(allocateDevices(devices, new Set(), new Map())).toEqual([]);
  });

  test('never one twice', () => {
    const many = Array.from({ length: 8 }, (_, i) => device(i % 2 ? 'a' : 'b', `0${i}:00.0`));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 3 }))), requests => {
        const taken = new Set<PciAddress>();
        for (const [type, count] of requests)
          for (const { address } of allocateDevices(many, taken, new Map([[type, count]])) ?? []) {
            expect(taken.has(address)).toBe(false);
            taken.add(address);
          }
      }),
    );
  });
});
