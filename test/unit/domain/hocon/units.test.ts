import { describe, expect, test } from 'vitest';
import { parseDuration, parseReal, parseSize } from '../../../../src/domain/hocon/units.ts';

describe('sizes', () => {
  test.each([
    ['32', 32],
    ['64 MiB', 64 * 2 ** 20],
    ['18 GiB', 18 * 2 ** 30],
    ['18GiB', 18 * 2 ** 30],
    ['32 Gib', 32 * 2 ** 30],
    ['1 TiB', 2 ** 40],
    ['4G', 4 * 2 ** 30],
    ['4 g', 4 * 2 ** 30],
    ['1.5 KiB', 1536],
    ['2 kB', 2000],
    ['2 MB', 2_000_000],
    ['7 bytes', 7],
    ['3 gibibytes', 3 * 2 ** 30],
    ['3 gigabytes', 3e9],
    [' 5 B ', 5],
  ])('%j are %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each([
    '',
    'GiB',
    '1 GiBs',
    '1 2 GiB',
    '1.2.3 GiB',
    '1,5 GiB',
    '0x10',
    'Infinity',
    '1 minute',
    '1e999',
  ])('%j is no size', text => {
    expect(parseSize(text)).toBeUndefined();
  });
});

describe('durations', () => {
  test.each([
    ['500', 500],
    ['500 ms', 500],
    ['90 s', 90_000],
    ['5m', 300_000],
    ['5 minutes', 300_000],
    ['1 h', 3_600_000],
    ['2 days', 172_800_000],
    ['1500 us', 1.5],
    ['0.5 s', 500],
  ])('%j are %d ms', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each(['5 M', '5 S', 'm', '5 weeks', ''])('%j is no duration', text => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

test.each([
  ['1', 1],
  ['1.0', 1],
  ['-2e3', -2000],
  ['1 ', 1],
  ['.5', undefined],
  ['1.', undefined],
  ['NaN', undefined],
  ['Infinity', undefined],
  ['1e999', undefined],
  ['0x1', undefined],
])('the number %j is %d', (text, value) => {
  expect(parseReal(text)).toBe(value);
});
