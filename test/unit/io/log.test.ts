import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** What a daemon with this log writes on standard error, for one event. */
function logged(options: { level: string; format: 'text' | 'json' }, call: string): string {
  const program = `import { openLog } from './src/io/log.ts'; openLog(${JSON.stringify(options)}).${call};`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--no-warnings', '--input-type=module-typescript', '-e', program],
    {
      encoding: 'utf8',
    },
  );
  expect(stdout).toBe('');
  return stderr;
}

test('as text an event is one line with its fields, without colours where there is no terminal', () => {
  expect(
    logged(
      { level: 'info', format: 'text' },
      "warn('dhcp', 'no address', { node: '91d5815f', mac: undefined })",
    ),
  ).toMatch(/^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\] WARN: dhcp: no address \{"node":"91d5815f"\}\n$/);
});

test('a message cannot begin another line or steer the terminal', () => {
  expect(
    logged({ level: 'info', format: 'text' }, "info('http', 'a\\nERROR: forged \\u001b[2J\\u009b')"),
  ).toMatch(/ INFO: http: a\\x0aERROR: forged \\x1b\[2J\\x9b\n$/);
});

test('as JSON it is one object', () => {
  const event = JSON.parse(logged({ level: 'info', format: 'json' }, "error('tftp', 'a\\nb', { bytes: 5 })"));
  expect(event).toEqual({ level: 50, time: expect.any(Number), subsystem: 'tftp', bytes: 5, msg: 'a\nb' });
});

test('what is below the level is left out', () => {
  expect(logged({ level: 'warn', format: 'text' }, "info('dhcp', 'x')")).toBe('');
});
