import { describe, expect, test } from 'vitest';
import { parseArguments } from '../../../src/server/arguments.ts';
import { systemdUnit } from '../../../src/server/systemd.ts';

function execStart(...argv: string[]): string {
  const told = parseArguments([...argv, '--systemd-unit']);
  if (typeof told === 'number') throw new Error(`refused with ${told}`);
  return /^ExecStart=\S+\/scripts\/pxend (.*)$/m.exec(systemdUnit(told.options))?.[1] ?? '';
}

describe('the systemd unit', () => {
  test.each([
    { argv: [], words: '--root /' },
    {
      argv: ['--interface', 'eth9', '--http-port', '8080'],
      words: '--root / --interface eth9 --http-port 8080',
    },
    { argv: ['--config', '/etc/other.yaml'], words: '--root / --config /etc/other.yaml' },
    { argv: ['--root', '/tmp/a b%c'], words: '--root "/tmp/a b%%c"' },
    { argv: ['--boot-arguments', 'say="$HOME"'], words: '--root / --boot-arguments "say=\\"$$HOME\\""' },
  ])('carries the options that were given: $argv', ({ argv, words }) => {
    expect(execStart(...argv)).toBe(words);
  });

  test('is started again for ever', () => {
    expect(systemdUnit(['--root', '/'])).toContain('StartLimitIntervalSec=0');
  });
});
