import { describe, expect, test } from 'vitest';
import { AddressPool } from '../../../../src/domain/lease/pool.ts';
import { address } from '../../../fakes/dhcp.ts';

const NETWORK = { address: address('10.77.0.1'), prefix: 29 };
const range = (first: string, last: string) => ({ first: address(first), last: address(last) });

describe('the pool', () => {
  test.each([
    [
      'without network, broadcast and server address',
      [range('10.77.0.0', '10.77.0.7')],
      [],
      ['10.77.0.2', '10.77.0.3', '10.77.0.4', '10.77.0.5', '10.77.0.6'],
    ],
    [
      'without the router, wherever it is',
      [range('10.77.0.2', '10.77.0.4')],
      ['10.77.0.3', '10.77.0.6'],
      ['10.77.0.2', '10.77.0.4'],
    ],
    [
      'with overlapping ranges counted once',
      [range('10.77.0.4', '10.77.0.5'), range('10.77.0.2', '10.77.0.4')],
      [],
      ['10.77.0.2', '10.77.0.3', '10.77.0.4', '10.77.0.5'],
    ],
    ['cut to its network', [range('10.77.0.6', '10.77.0.20')], [], ['10.77.0.6']],
    ['empty when nothing is left', [range('10.77.0.1', '10.77.0.1')], [], []],
  ])('is %s', (_, ranges, reserved, addresses) => {
    const pool = new AddressPool(NETWORK, ranges, reserved.map(address));
    expect([...pool.addresses()]).toEqual(addresses);
    expect(pool.size).toBe(addresses.length);
    const all = Array.from({ length: 24 }, (_, i) => address(`10.77.0.${i}`));
    expect(all.filter(one => pool.has(one))).toEqual(addresses);
  });
});
