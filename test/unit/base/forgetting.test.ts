import { expect, test } from 'vitest';
import { forgetOldest } from '../../../src/base/forgetting.ts';

const filled = (count: number): Map<number, string> =>
  new Map(Array.from({ length: count }, (_, i) => [i, `value ${i}`]));

test.each([
  ['with room left stays as it is', 15, 15, 0],
  ['that is just full stays as it is', 16, 16, 0],
  ['with one too many loses those that were set first, an eighth below the limit', 17, 14, 3],
])('a map %s', (_, count, left, first) => {
  const map = filled(count);
  forgetOldest(map, 16);
  expect([map.size, map.keys().next().value]).toEqual([left, first]);
});

test('a limit too small for an eighth is kept all the same', () => {
  const map = filled(5);
  forgetOldest(map, 4);
  expect([...map.keys()]).toEqual([1, 2, 3, 4]);
});
