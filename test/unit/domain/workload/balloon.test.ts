import { expect, test } from 'vitest';
import { balloonFault, guestMemory } from '../../../../src/domain/workload/balloon.ts';

const MEBI = 1024 ** 2;

test.each<[string, number | undefined]>([
  ['512M', 512 * MEBI],
  ['512MiB', 512 * MEBI],
  ['2GiB', 2048 * MEBI],
  ['2G', 2048 * MEBI],
  ['512', undefined],
  ['512MB', undefined],
  ['0M', undefined],
  ['-1M', undefined],
  ['512 MiB', undefined],
  ['iB', undefined],
  ['', undefined],
])('the size %j', (text, bytes) => expect(guestMemory(text)).toBe(bytes));

test.each<[string, number, number, string | undefined]>([
  ['all of it', 1024 * MEBI, 1024 * MEBI, undefined],
  ['half of it', 512 * MEBI, 1024 * MEBI, undefined],
  ['the least', 32 * MEBI, 1024 * MEBI, undefined],
  [
    'more than it has',
    1024 * MEBI + 4096,
    1024 * MEBI,
    'expected at most 1G, which is its platform.memory.size',
  ],
  ['nearly nothing', 32 * MEBI - 4096, 1024 * MEBI, 'expected at least 32M'],
  ['all of a guest that is smaller than the least', 16 * MEBI, 16 * MEBI, undefined],
  ['less than a guest that is smaller than the least', 8 * MEBI, 16 * MEBI, 'expected at least 16M'],
  ['half a page', 512 * MEBI + 2048, 1024 * MEBI, 'expected a multiple of 4K, the page of a balloon'],
])('%s', (_, wanted, bytes, fault) => expect(balloonFault(wanted, { memory: { bytes } })).toBe(fault));
