import { describe, expect, test } from 'vitest';
import { parseMac } from '../../../../src/base/mac.ts';
import { nicMac } from '../../../../src/domain/workload/mac.ts';
import { sha256 } from '../../../../src/io/sha256.ts';

describe('the MAC address of a NIC (MH-23)', () => {
  // The last three bytes: printf pxen:1:mac:qweflmqwe23:0:bridge | sha256sum
  test.each([
    ['qweflmqwe23', 0, 'bridge', '52:54:00:1a:b9:49'],
    ['qweflmqwe23', 0, 'nat', '52:54:00:c2:35:83'],
    ['qweflmqwe23', 1, 'bridge', '52:54:00:ef:fd:ae'],
    ['qweflmqwe24', 0, 'bridge', '52:54:00:bf:b9:c9'],
  ] as const)('of %s, %i, %s is always %s', (uuid, id, type, mac) => {
    expect(nicMac(uuid, { id, type }, sha256)).toBe(mac);
  });

  test('is the one that is written', () => {
    expect(nicMac('u', { id: 0, type: 'nat', mac: parseMac('02:00:00:00:00:01') }, sha256)).toBe(
      '02:00:00:00:00:01',
    );
  });
});
