import { describe, expect, test } from 'vitest';
import { macFromBytes, parseMac } from '../../../src/base/mac.ts';

describe('parseMac', () => {
  test.each(['52:54:00:ab:cd:ef', '52:54:00:AB:CD:EF', '52-54-00-ab-cd-ef', '525400abcdef', '525400ABCDEF'])(
    '%j is 52:54:00:ab:cd:ef',
    text => expect(parseMac(text)).toBe('52:54:00:ab:cd:ef'),
  );

  test.each([
    '',
    '52:54:00:ab:cd',
    '52:54:00:ab:cd:ef:01',
    '52:54:00-ab:cd:ef',
    '52:54:00:ab:cd:eg',
    '5:54:00:ab:cd:ef',
    '52:54:00:ab:cd:ef ',
    '52:54:00:ab:cd:ef\n',
    '5254.00ab.cdef',
    '52::54:00:ab:cd:e',
  ])('%j is no MAC address', text => expect(parseMac(text)).toBeUndefined());
});

test('the first six bytes of chaddr are the MAC', () => {
  expect(macFromBytes(Uint8Array.of(0x52, 0x54, 0, 0xab, 0xcd, 0xef, 0, 0, 0, 0))).toBe('52:54:00:ab:cd:ef');
});
