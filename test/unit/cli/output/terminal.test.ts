import { expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import { jsonText, paint, printError } from '../../../../src/cli/output/terminal.ts';
import { screen } from '../screen.ts';

test('an error is one line, then one for each further problem, all on standard error', () => {
  const seen = screen();
  const details = ['pxen.yaml:1: a: is missing, expected b', 'pxen.yaml:2: c: got 1, expected 2'];
  printError(
    seen.context.terminal,
    'mesh',
    new PxenError('CONFIG_INVALID', 'the configuration was refused: 2 problems', { details }),
  );
  expect([seen.out, seen.err]).toEqual([
    '',
    'mesh: the configuration was refused: 2 problems\n  pxen.yaml:1: a: is missing, expected b\n  pxen.yaml:2: c: got 1, expected 2\n',
  ]);
});

test('an error that repeats what a node or a web server said does not steer the terminal', () => {
  const seen = screen();
  const error = new PxenError('DOWNLOAD_FAILED', 'HTTP 404 \u001b]0;owned\u0007', {
    details: ['did you mean \u009b2Jweb\nmesh: all is well?'],
  });
  printError(seen.context.terminal, 'mesh', error);
  expect(seen.err).toBe('mesh: HTTP 404 ?]0;owned?\n  did you mean ?2Jweb?mesh: all is well?\n');
});

test('JSON has no control characters in it, and is read as the same value', () => {
  const value = { 'a\u009b': ['\u001b[2J\u0085\u007f\u0000', 'ä'] };
  expect(jsonText(value)).toBe('{"a\\u009b":["\\u001b[2J\\u0085\\u007f\\u0000","ä"]}');
  expect(JSON.parse(jsonText(value, 2))).toEqual(value);
});

test('colours only where there is a terminal', () => {
  expect([
    paint(screen({ colours: true }).context.terminal, 'red', 'x'),
    paint(screen().context.terminal, 'red', 'x'),
  ]).toEqual(['\u001b[31mx\u001b[0m', 'x']);
});
