import { describe, expect, test } from 'vitest';
import { diagnosticsError, formatDiagnostic, nearest, quote } from '../../../src/base/diagnostic.ts';

describe('formatDiagnostic', () => {
  test.each([
    [
      { file: 'pxen.yaml', line: 3, key: 'dhcp.port', got: '"x"', expected: 'a port from 1 to 65535' },
      'pxen.yaml:3: dhcp.port: got "x", expected a port from 1 to 65535',
    ],
    [
      { file: 'machines/a/UUID', key: 'UUID', expected: 'a line with a UUID' },
      'machines/a/UUID: UUID: is missing, expected a line with a UUID',
    ],
  ])('%j', (diagnostic, text) => expect(formatDiagnostic(diagnostic)).toBe(text));
});

test('one error carries all problems of a file, counted', () => {
  const problem = { file: 'f', line: 1, key: 'k', got: '1', expected: '2' };
  const one = diagnosticsError('CONFIG_INVALID', 'the configuration was refused', [problem]);
  expect([one.code, one.message, one.details]).toEqual([
    'CONFIG_INVALID',
    'the configuration was refused: 1 problem',
    ['f:1: k: got 1, expected 2'],
  ]);
  expect(diagnosticsError('CONFIG_INVALID', 'x', [problem, problem]).message).toBe('x: 2 problems');
});

describe('quote shows a foreign value on one line', () => {
  test.each([
    ['plain', '"plain"'],
    ['', '""'],
    ['say "hi"\\', '"say \\"hi\\"\\\\"'],
    ['a\nb\t\u001b[31m', '"a\\nb\\t\\u001b[31m"'],
    ['\u007f\u0085\u009b', '"\\u007f\\u0085\\u009b"'],
    ['\ud800', '"\\ud800"'],
    ['x'.repeat(80), `"${'x'.repeat(80)}"`],
    ['x'.repeat(81), `"${'x'.repeat(77)}..."`],
  ])('%j', (value, shown) => expect(quote(value)).toBe(shown));
});

describe('nearest finds the word that was meant', () => {
  const known = ['dhcp.pool', 'dhcp.port', 'http.port', 'log.level', 'a'];
  test.each([
    ['dhcp.poool', 'dhcp.pool'],
    ['dhcp.pol', 'dhcp.pool'],
    ['dhcp.prot', 'dhcp.port'],
    ['dhpc.pool', 'dhcp.pool'],
    ['htttp.prt', 'http.port'],
    ['tftp.port', 'http.port'],
    ['DHCP.pool', undefined],
    ['completely.else', undefined],
    ['b', 'a'],
    ['', 'a'],
    ['pool', undefined],
  ])('%j: %j', (word, meant) => expect(nearest(word, known)).toBe(meant));

  test('of two words equally near the first by the alphabet, whatever their order', () => {
    expect(nearest('cat', ['car', 'bat'])).toBe('bat');
    expect(nearest('cat', ['bat', 'car'])).toBe('bat');
  });

  test('no known words, no suggestion', () => expect(nearest('x', [])).toBeUndefined());
});
