import { expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import { paint, printError } from '../../../../src/cli/output/terminal.ts';
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

test('colours only where there is a terminal', () => {
  expect([
    paint(screen({ colours: true }).context.terminal, 'red', 'x'),
    paint(screen().context.terminal, 'red', 'x'),
  ]).toEqual(['\u001b[31mx\u001b[0m', 'x']);
});
