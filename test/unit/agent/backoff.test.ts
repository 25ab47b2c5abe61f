import { expect, test } from 'vitest';
import { backoff } from '../../../src/agent/backoff.ts';

test.each([
  [1, 0, 1000],
  [2, 0, 2000],
  [4, 0, 8000],
  [5, 0, 15_000],
  [5000, 0, 15_000],
  [1, 0.5, 750],
  [9, 0.999, 7507],
])('after %i failures with random %d it waits %i ms', (failures, random, milliseconds) => {
  expect(backoff(failures, random)).toBe(milliseconds);
});
