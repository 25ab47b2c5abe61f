import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  broadcastOf,
  contains,
  type Ipv4,
  ipv4FromBytes,
  ipv4FromNumber,
  ipv4ToBytes,
  ipv4ToNumber,
  netmask,
  networkRange,
  parseCidr,
  parseIpv4,
} from '../../../src/base/ipv4.ts';

describe('parseIpv4', () => {
  test.each(['0.0.0.0', '10.77.0.1', '255.255.255.255', '1.20.199.200'])('%j is an address', text =>
    expect(parseIpv4(text)).toBe(text),
  );

  test.each([
    '',
    '10.77.0',
    '10.77.0.1.2',
    '256.0.0.1',
    '010.1.1.1',
    '1.1.1.',
    ' 1.1.1.1',
    '1.1.1.1\n',
    '1.1.1.-1',
    '1.1.1.0x1',
    '::1',
  ])('%j is none', text => expect(parseIpv4(text)).toBeUndefined());
});

test('every 32-bit number is an address and comes back, as number and as bytes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), value => {
      const address = ipv4FromNumber(value);
      expect(parseIpv4(address)).toBe(address);
      expect(ipv4ToNumber(address)).toBe(value);
      expect(ipv4FromBytes(ipv4ToBytes(address))).toBe(address);
    }),
    { seed: 4 },
  );
});

describe('networks', () => {
  test.each([
    ['10.77.0.1/24', '255.255.255.0', '10.77.0.0', '10.77.0.255'],
    ['10.77.0.1/0', '0.0.0.0', '0.0.0.0', '255.255.255.255'],
    ['192.168.255.254/20', '255.255.240.0', '192.168.240.0', '192.168.255.255'],
    ['10.1.2.3/32', '255.255.255.255', '10.1.2.3', '10.1.2.3'],
    ['200.1.2.3/31', '255.255.255.254', '200.1.2.2', '200.1.2.3'],
  ])('%s has the mask %s and goes from %s to %s', (text, mask, first, last) => {
    const cidr = parseCidr(text)!;
    const range = networkRange(cidr);
    expect(netmask(cidr.prefix)).toBe(mask);
    expect([ipv4FromNumber(range.first), ipv4FromNumber(range.last), broadcastOf(cidr)]).toEqual([
      first,
      last,
      last,
    ]);
    expect([first, last].map(address => contains(cidr, address as Ipv4))).toEqual([true, true]);
  });

  test('addresses just outside do not belong to it', () => {
    const cidr = parseCidr('10.77.0.1/24')!;
    expect(['10.76.255.255', '10.77.1.0'].map(address => contains(cidr, address as Ipv4))).toEqual([
      false,
      false,
    ]);
  });

  test.each([
    '10.77.0.1',
    '10.77.0.1/',
    '10.77.0.1/33',
    '10.77.0.1/-1',
    '10.77.0.1/24/8',
    '10.77.0/24',
    '10.77.0.1/2a',
  ])('%j is no network', text => expect(parseCidr(text)).toBeUndefined());
});
