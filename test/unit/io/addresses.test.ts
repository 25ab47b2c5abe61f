import { describe, expect, test } from 'vitest';
import { addressesFromIp, localAddresses } from '../../../src/io/addresses.ts';

describe('addresses of this computer', () => {
  test('are read from iproute2, interfaces without carrier included', () => {
    const text = JSON.stringify([
      {
        ifname: 'lo',
        flags: ['LOOPBACK', 'UP', 'LOWER_UP'],
        addr_info: [{ family: 'inet', local: '127.0.0.1', prefixlen: 8 }],
      },
      {
        ifname: 'br0',
        flags: ['NO-CARRIER', 'UP'],
        addr_info: [{ family: 'inet', local: '10.77.0.1', prefixlen: 24 }],
      },
      {},
    ]);
    expect(addressesFromIp(text)).toEqual([
      { interface: 'lo', cidr: { address: '127.0.0.1', prefix: 8 }, loopback: true },
      { interface: 'br0', cidr: { address: '10.77.0.1', prefix: 24 }, loopback: false },
    ]);
  });

  test.each(['', 'Object "address" is unknown', '{}', '[{"addr_info": 7}]'])('are not read from %j', text => {
    expect(addressesFromIp(text)).toBeUndefined();
  });

  test('hold the loopback address here', () => {
    expect(localAddresses()).toContainEqual({
      interface: 'lo',
      cidr: { address: '127.0.0.1', prefix: 8 },
      loopback: true,
    });
  });
});
