import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../../../src/base/bytes.ts';
import { uuidFromOption97, uuidToOption97 } from '../../../../src/domain/machine/uuid.ts';

describe('option 97', () => {
  test('any UUID comes back from it', () => {
    fc.assert(
      fc.property(fc.uuid(), uuid => {
        const option = uuidToOption97(uuid.toUpperCase())!;
        expect([option.length, option[0]]).toEqual([17, 0]);
        expect(uuidFromOption97(option)).toBe(uuid);
      }),
      { seed: 97 },
    );
  });

  test.each([
    ['empty', ''],
    ['a byte short', `00${'11'.repeat(15)}`],
    ['a byte long', `00${'11'.repeat(17)}`],
    ['of another type', `01${'11'.repeat(16)}`],
  ])('%s is no UUID', (_, hex) => expect(uuidFromOption97(fromHex(hex)!)).toBeUndefined());

  test.each([
    '',
    'Not Specified',
    '11223344-5566-7788-99aa-bbccddeeff0',
    '11223344-5566-7788-99aa-bbccddeeff000',
  ])('%j has no option 97', text => expect(uuidToOption97(text)).toBeUndefined());
});
