import { describe, expect, test } from 'vitest';
import { rfcUuid } from '../../../../src/domain/workload/rfcuuid.ts';
import { sha1 } from '../../../../src/io/sha1.ts';

describe('the uuid of a workload in the form of RFC 4122 (X-10)', () => {
  // python3: uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_DNS, 'workload.pxen'), 'qweflmqwe23')
  test.each([
    ['qweflmqwe23', '72208623-9af3-530e-a2d0-6a8006edfafc'],
    ['1', '50bb44bf-98c0-5e69-bea6-3a4019c7ddd9'],
    ['8f4e5a442f5b4b0c9d61000000000001', '54cf2d10-1a73-5884-b280-db14b96b42ba'],
  ])('%s is %s', (uuid, expected) => {
    expect(rfcUuid(uuid, sha1)).toBe(expected);
  });

  test('one that has the form already stays as it is, in lower case', () => {
    expect(rfcUuid('8F4E5A44-2F5B-4B0C-9D61-000000000001', sha1)).toBe(
      '8f4e5a44-2f5b-4b0c-9d61-000000000001',
    );
  });
});
