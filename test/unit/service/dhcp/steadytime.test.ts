import { expect, test } from 'vitest';
import { SteadyTime } from '../../../../src/service/dhcp/steadytime.ts';

test.each([
  ['both go on alike', [[100_000, 100_000]], [0]],
  [
    'the clock is slewed',
    [
      [10_004, 10_000],
      [20_008, 20_000],
    ],
    [0, 0],
  ],
  [
    'the clock is set forward, once',
    [
      [3_610_000, 10_000],
      [3_620_000, 20_000],
    ],
    [3_600_000, 0],
  ],
  [
    'the clock is set back, and forward again',
    [
      [-50_000, 10_000],
      [20_000, 20_000],
    ],
    [-60_000, 60_000],
  ],
] as const)('%s', (_, readings, expected) => {
  const time = new SteadyTime(0, 0);
  expect(readings.map(([wall, elapsed]) => time.jump(wall, elapsed))).toEqual(expected);
});
