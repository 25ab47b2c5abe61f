import { describe, expect, test } from 'vitest';
import { type Diagnostic, formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import { Fields } from '../../../../src/domain/hocon/fields.ts';
import {
  BYTES,
  COUNT,
  DURATION,
  oneOf,
  POSITIVE_COUNT,
  REAL,
  REAL_OR_BYTES,
  SWITCH,
  TEXT,
} from '../../../../src/domain/hocon/values.ts';
import { rootOf } from './documents.ts';

/** What a reader gets, and the problems on the way. */
function readBy<T>(text: string, reader: (fields: Fields) => T): { value: T; problems: string[] } {
  const problems: Diagnostic[] = [];
  const value = reader(new Fields(rootOf(text), ['top'], problems));
  return { value, problems: problems.map(formatDiagnostic) };
}

describe('typed fields', () => {
  test.each([
    ['a = x y', TEXT, 'x y'],
    ['a = 12', TEXT, '12'],
    ['a = "1.5"', REAL, 1.5],
    ['a = 3', POSITIVE_COUNT, 3],
    ['a = 64 MiB', BYTES, 64 * 2 ** 20],
    ['a = 1.0', REAL_OR_BYTES, 1],
    ['a = 32 MiB', REAL_OR_BYTES, 32 * 2 ** 20],
    ['a = on', SWITCH, true],
    ['a = false', SWITCH, false],
    ['a = no', SWITCH, false],
    ['a = 2 m', DURATION, 120_000],
    ['a = 0.1 us', DURATION, 1],
    ['a = 24 d', DURATION, 2_073_600_000],
    ['a = b', oneOf(['a', 'b']), 'b'],
    ['a = null', REAL, undefined],
    ['', REAL, undefined],
  ])('%j', (text, type, value) => {
    expect(readBy(text, fields => fields.optional<unknown>('a', type))).toEqual({ value, problems: [] });
  });

  test.each([
    ['a = x', REAL, 'main.conf:1: top.a: got "x", expected a number such as 1.0'],
    ['a = 1.5', COUNT, 'main.conf:1: top.a: got 1.5, expected a whole number from 0'],
    ['a = -1', COUNT, 'main.conf:1: top.a: got -1, expected a whole number from 0'],
    ['a = 0', POSITIVE_COUNT, 'main.conf:1: top.a: got 0, expected a whole number from 1'],
    [
      'a = 0.3 KiB',
      BYTES,
      'main.conf:1: top.a: got "0.3 KiB", expected whole bytes such as 1024, 64 MiB or 18 GiB',
    ],
    ['a = []', REAL, 'main.conf:1: top.a: got a list, expected a number such as 1.0'],
    ['a {}', TEXT, 'main.conf:1: top.a: got an object, expected a text'],
    [
      'a = yes please',
      SWITCH,
      'main.conf:1: top.a: got "yes please", expected on, off, true, false, yes or no',
    ],
    ['\na = c', oneOf(['a', 'b']), 'main.conf:2: top.a: got "c", expected one of a, b'],
    ['b = 1', REAL, 'main.conf:1: top.a: is missing, expected a number such as 1.0'],
    ['a = null', REAL, 'main.conf:1: top.a: is missing, expected a number such as 1.0'],
  ])('%j is a problem', (text, type, problem) => {
    expect(readBy(text, fields => fields.required<unknown>('a', type))).toEqual({
      value: undefined,
      problems: [problem],
    });
  });

  test('keys that nobody asked for come with the nearest one', () => {
    const reader = (fields: Fields): void => {
      fields.optional('scale', REAL);
      fields.optional('max', REAL);
      fields.refuseOthers();
    };
    expect(readBy('max = 1\nscael = 2\n"x y" = 3', reader).problems).toEqual([
      'main.conf:2: top.scael: got an unknown key, expected a known key; did you mean scale?',
      'main.conf:3: top."x y": got an unknown key, expected one of scale, max',
    ]);
  });

  test('lists, also those written key by key', () => {
    const addresses = (fields: Fields): unknown => fields.items('d').map(item => item.optional('addr', TEXT));
    expect(readBy('d = [{ addr = x }, { addr = y }]', addresses).value).toEqual(['x', 'y']);
    expect(readBy('d.1.addr = y\nd.0.addr = x', addresses).value).toEqual(['x', 'y']);
    expect(readBy('d = [1, { addr = y }]', addresses)).toEqual({
      value: ['y'],
      problems: ['main.conf:1: top.d.0: got 1, expected an object: { ... }'],
    });
    expect(readBy('d = 1', addresses).problems).toEqual([
      'main.conf:1: top.d: got 1, expected a list: [ ... ]',
    ]);
    expect(readBy('d = [1, x]', fields => fields.list('d', COUNT))).toEqual({
      value: [1],
      problems: ['main.conf:1: top.d.1: got "x", expected a whole number from 0'],
    });
  });

  test('objects with free keys', () => {
    expect(readBy('d { x = 1, y = z }', fields => [...fields.map('d', COUNT)])).toEqual({
      value: [['x', 1]],
      problems: ['main.conf:1: top.d.y: got "z", expected a whole number from 0'],
    });
    expect(readBy('d = 1', fields => [...fields.map('d', COUNT)]).problems).toEqual([
      'main.conf:1: top.d: got 1, expected an object: { ... }',
    ]);
  });
});
