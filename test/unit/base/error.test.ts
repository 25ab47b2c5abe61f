import { describe, expect, test } from 'vitest';
import { asPxenError, ERROR_KINDS, messageOf, PxenError, systemCode } from '../../../src/base/error.ts';

describe('the catalogue', () => {
  const kinds = Object.entries(ERROR_KINDS);

  test('is sorted, so that a new code has one place', () => {
    const codes = kinds.map(([code]) => code);
    expect(codes).toEqual(codes.toSorted());
  });

  test.each(kinds)('%s has a usable exit status, an HTTP error status and a sentence', (code, kind) => {
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    expect([1, 2, 69, 77]).toContain(kind.exit);
    expect(kind.http).toBeGreaterThanOrEqual(400);
    expect(kind.http).toBeLessThan(600);
    expect(kind.about).toMatch(/^\S[^\n|]+\.$/);
  });
});

describe('asPxenError', () => {
  test('leaves a PxenError as it is', () => {
    const error = new PxenError('NOT_FOUND', 'no node x', { details: ['a'], cause: 'b' });
    expect(asPxenError(error)).toBe(error);
    expect([error.name, error.code, error.message, error.details, error.cause]).toEqual([
      'PxenError',
      'NOT_FOUND',
      'no node x',
      ['a'],
      'b',
    ]);
  });

  test.each([
    [new TypeError('x is not a function'), 'x is not a function'],
    ['text', 'text'],
    [undefined, 'undefined'],
    [null, 'null'],
  ])('%o becomes an internal fault that keeps its cause', (thrown, message) => {
    const error = asPxenError(thrown);
    expect([error.code, error.message, error.cause, error.details]).toEqual([
      'INTERNAL',
      message,
      thrown,
      [],
    ]);
    expect(messageOf(thrown)).toBe(message);
  });

  test('an error without a cause has none', () => {
    expect('cause' in new PxenError('TIMEOUT', 'x')).toBe(false);
  });
});

test.each([
  [Object.assign(new Error('x'), { code: 'ENOENT' }), 'ENOENT'],
  [{ code: 5 }, undefined],
  [new Error('x'), undefined],
  [null, undefined],
  ['ENOENT', undefined],
])('systemCode of %o is %j', (thrown, code) => expect(systemCode(thrown)).toBe(code));
