import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../../src/base/version.ts';
import { type FakePxend, fakePxend } from './pxend.ts';

const NODE = { id: '91d5815f', state: 'up', macs: [], firstSeenAt: 0, lastSeenAt: 0 };

let pxend: FakePxend;
beforeAll(async () => {
  pxend = await fakePxend({ nodes: [NODE], lines: [{ node: NODE.id as never, exit: 7 }] });
});
afterAll(() => pxend.stop());

interface Ended {
  status: number | null;
  out: string;
  err: string;
}

function run(program: string, words: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise(resolve => {
    const child = spawn(program, words, { env: { ...process.env, ...env } });
    const ended: Ended = { status: null, out: '', err: '' };
    child.stdout.on('data', text => {
      ended.out += text;
    });
    child.stderr.on('data', text => {
      ended.err += text;
    });
    child.on('close', status => resolve({ ...ended, status }));
  });
}

const mesh = (...words: string[]): Promise<Ended> =>
  run(process.execPath, ['--no-warnings', 'src/cli/main.ts', ...words]);
const DOWN =
  'pxend is not running (nothing answers on /nowhere/run/pxen/pxend.sock); start it, or name its folder with --root';
const HINT = '(mesh --help lists the commands)\n';

describe('exit status, standard output and standard error', () => {
  test.each<[string[], Ended]>([
    [['--version'], { status: 0, out: `${VERSION}\n`, err: '' }],
    [['nod'], { status: 2, out: '', err: `mesh: unknown command 'nod'\n(Did you mean node?)\n${HINT}` }],
    [
      ['node', 'info', '--jsno'],
      { status: 2, out: '', err: `mesh: unknown option '--jsno'\n(Did you mean --json?)\n${HINT}` },
    ],
    [
      ['node', 'ctl', '-n', 'x', '-t', '0', 'ls'],
      {
        status: 2,
        out: '',
        err: `mesh: option '-t, --timeout <seconds>' argument '0' is invalid. expected seconds, more than 0 and at most 86400.\n${HINT}`,
      },
    ],
    [['--root', '/nowhere', 'node', 'info'], { status: 69, out: '', err: `mesh: ${DOWN}\n` }],
  ])('mesh %j', async (words, ended) => expect(await mesh(...words)).toEqual(ended));

  test('a command that ran on one node passes its exit status on', async () => {
    expect(await mesh('--root', pxend.root, 'node', 'ctl', '-n', NODE.id, '--', 'ls', '--json')).toEqual({
      status: 7,
      out: '',
      err: '',
    });
    expect(pxend.asked.at(-1)?.command).toBe('ls --json');
  });

  test('the root may come from the environment', async () => {
    const { status, out } = await run(
      process.execPath,
      ['--no-warnings', 'src/cli/main.ts', 'node', 'info', '--json'],
      { PXEN_ROOT: pxend.root },
    );
    expect([status, JSON.parse(out)]).toEqual([0, { nodes: [NODE] }]);
  });

  test.each<[string[], number, object]>([
    [
      ['node', 'info', '--json', '--root', '/nowhere'],
      69,
      { code: 'SERVER_DOWN', message: DOWN, details: [] },
    ],
    [
      ['--json', 'nod'],
      2,
      { code: 'USAGE', message: "unknown command 'nod' (Did you mean node?)", details: [] },
    ],
    [['--json', 'node'], 2, { code: 'USAGE', message: 'a command is missing', details: [] }],
  ])('with --json an error is JSON on standard output: %j', async (words, status, error) => {
    const ended = await mesh(...words);
    expect([ended.status, JSON.parse(ended.out)]).toEqual([status, { error }]);
  });

  test('--json behind -- belongs to the command on the node, not to mesh', async () => {
    const ended = await mesh('--root', '/nowhere', 'node', 'ctl', '-n', 'x', '--', 'jq', '--json');
    expect(ended).toEqual({ status: 69, out: '', err: `mesh: ${DOWN}\n` });
  });
});
