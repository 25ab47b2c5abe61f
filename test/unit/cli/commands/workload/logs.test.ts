import { afterEach, describe, expect, test } from 'vitest';
import { asPxenError, PxenError } from '../../../../../src/base/error.ts';
import { type LogsOptions, workloadLogs } from '../../../../../src/cli/commands/workload/logs.ts';
import { type FakePxend, fakePxend, type Play } from '../../pxend.ts';
import { screen } from '../../screen.ts';
import { running } from './views.ts';

let pxend: FakePxend | undefined;
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

async function logs(
  play: Play,
  options: Partial<LogsOptions> = {},
  around: Parameters<typeof screen>[0] = {},
) {
  pxend = await fakePxend({ workloads: [running('web'), running('a/b')], ...play });
  const seen = screen({ root: pxend.root, ...around });
  const asked = { workloads: ['web'], serial: false, lines: 100, follow: false, raw: false, ...options };
  const status = await workloadLogs(seen.context, asked).catch((thrown: unknown) => {
    const { code, message } = asPxenError(thrown);
    return `${code} ${message}`;
  });
  return { status, out: seen.out, err: seen.err };
}

/** Not UTF-8, and it would clear the screen. */
const BYTES = Uint8Array.from([0xff, 0x1b, 0x5b, 0x32, 0x4a, 0x41, 0x0d, 0x0a, 0x42]);

describe('mesh workload logs', () => {
  test.each<[string, Partial<LogsOptions>, string]>([
    ['the last lines of the engine', {}, '/api/v1/workloads/web/output?of=log&lines=100&follow=0'],
    ['of the guest', { serial: true, lines: 5 }, '/api/v1/workloads/web/output?of=serial&lines=5&follow=0'],
    ['and what comes', { follow: true, lines: 0 }, '/api/v1/workloads/web/output?of=log&lines=0&follow=1'],
    [
      'of a name that is no path',
      { workloads: ['a/b'] },
      '/api/v1/workloads/a%2Fb/output?of=log&lines=100&follow=0',
    ],
  ])('asks for %s', async (_, options, path) => {
    expect(await logs({ output: ['x\n'] }, options)).toEqual({ status: 0, out: 'x\n', err: '' });
    expect(pxend?.paths).toEqual([path]);
  });

  test('passes bytes on as they are, into a file', async () => {
    expect((await logs({ output: [BYTES] })).out).toBe(Buffer.from(BYTES).toString('latin1'));
  });

  test('and onto a terminal with --raw', async () => {
    expect((await logs({ output: [BYTES] }, { raw: true }, { columns: 80 })).out).toBe(
      Buffer.from(BYTES).toString('latin1'),
    );
  });

  test('on a terminal nothing of a guest steers it', async () => {
    expect((await logs({ output: [BYTES, 'C\nend'] }, {}, { columns: 80 })).out).toBe('\ufffdA\nBC\nend\n');
  });

  test('--json prints a line each', async () => {
    const { out } = await logs({ output: ['a\u001b[2J\r\n', 'b'] }, {}, { json: true, columns: 80 });
    expect(
      out
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toEqual([
      { workload: 'web', line: 'a\u001b[2J' },
      { workload: 'web', line: 'b' },
    ]);
  });

  test.each<[string, Play, Partial<LogsOptions>, string]>([
    ['an unknown workload', {}, { workloads: ['wbe'] }, 'NOT_FOUND no workload wbe; did you mean web?'],
    ['several', {}, { workloads: ['ALL'] }, 'USAGE this command takes one workload'],
    [
      'pxend refuses',
      { refuse: new PxenError('NODE_UNREACHABLE', 'tulip does not answer') },
      {},
      'NODE_UNREACHABLE tulip does not answer',
    ],
    [
      'pxend ends',
      { output: ['x\n'], breaks: true },
      { follow: true },
      'SERVER_DOWN pxend ended before its answer was complete',
    ],
  ])('says what is wrong: %s', async (_, play, options, message) =>
    expect((await logs(play, options)).status).toBe(message),
  );
});
