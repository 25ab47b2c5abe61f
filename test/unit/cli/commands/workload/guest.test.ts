import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GuestAnswer, type GuestRequest, MOST_GUEST_BYTES } from '../../../../../src/api/guest.ts';
import { asPxenError, PxenError } from '../../../../../src/base/error.ts';
import { commandLine } from '../../../../../src/cli/commandline.ts';
import { workloadGuestExec } from '../../../../../src/cli/commands/workload/guest-exec.ts';
import { workloadGuestWrite } from '../../../../../src/cli/commands/workload/guest-files.ts';
import { type FakePxend, fakePxend, type Play } from '../../pxend.ts';
import { type Screen, screen } from '../../screen.ts';
import { running } from './views.ts';

let pxend: FakePxend | undefined;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pxen-guest-'));
});
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
  rmSync(folder, { recursive: true });
});

const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64');

interface Outcome {
  /** Exit status, or the error. */
  readonly status: number | string;
  readonly out: string;
  readonly err: string;
}

async function connected(play: Play, around: Parameters<typeof screen>[0] = {}): Promise<Screen> {
  pxend = await fakePxend({ workloads: [running('web'), running('a/b')], ...play });
  return screen({ root: pxend.root, ...around });
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** `mesh workload guest WORDS`. */
async function guest(
  words: readonly string[],
  answer: Play['guest'] | PxenError,
  around: Parameters<typeof screen>[0] = {},
): Promise<Outcome> {
  const play = answer instanceof PxenError ? { refuse: answer } : { guest: answer ?? (() => ({})) };
  const seen = await connected(play, around);
  let status: number | string = 0;
  let said = '';
  const tree = commandLine(async (_command, action) => {
    status = await action(seen.context);
  });
  for (const command of everyCommand(tree))
    command.exitOverride().configureOutput({
      writeErr: text => {
        said += text;
      },
    });
  await tree.parseAsync(['workload', 'guest', ...words], { from: 'user' }).catch((thrown: unknown) => {
    const { code, message } = asPxenError(thrown);
    status = said === '' ? `${code}: ${message}` : (said.split('\n')[0] ?? '');
  });
  return { status, out: seen.out, err: seen.err };
}

const asked = (): readonly (readonly [string, GuestRequest])[] => pxend?.guests ?? [];

describe('mesh workload guest ping', () => {
  test.each([
    [{ version: '7.2.22' }, 'web: its guest agent answers (7.2.22) after 0 ms\n'],
    [{}, 'web: its guest agent answers after 0 ms\n'],
    [{ version: '\u001b[2J' }, 'web: its guest agent answers (?[2J) after 0 ms\n'],
  ])('of %j', async (answer, out) => {
    expect(await guest(['ping', '-w', 'web'], () => answer)).toEqual({ status: 0, out, err: '' });
    expect(asked()).toEqual([['/api/v1/workloads/web/guest', { ask: 'ping' }]]);
  });

  test('--json', async () => {
    const { out } = await guest(['ping', 'web'], () => ({ version: '7.2.22' }), { json: true });
    expect(JSON.parse(out)).toEqual({ workload: 'web', version: '7.2.22', milliseconds: 0 });
  });

  test('says why it cannot', async () => {
    const silent = new PxenError('TIMEOUT', 'web: its guest agent does not answer within 5 s');
    expect((await guest(['ping', 'web'], silent)).status).toBe(
      'TIMEOUT: web: its guest agent does not answer within 5 s',
    );
    expect((await guest(['ping', 'wbe'], silent)).status).toBe(
      'NOT_FOUND: no workload wbe; did you mean web?',
    );
  });
});

describe('mesh workload guest info', () => {
  const INFO = {
    version: '7.2.22',
    hostName: 'web.example',
    os: 'Debian GNU/Linux 12 (bookworm)',
    interfaces: [
      { name: 'lo', addresses: ['127.0.0.1/8'] },
      { name: 'eth\u001b0', mac: '52:54:00:00:00:01', addresses: ['10.77.0.100/24', 'fe80::1/64'] },
      { name: 'wg0', addresses: [] },
    ],
  };

  test('tells what the guest tells', async () => {
    expect((await guest(['info', 'a/b'], () => INFO)).out).toBe(
      [
        'workload  a/b',
        'agent     7.2.22',
        'name      web.example',
        'system    Debian GNU/Linux 12 (bookworm)',
        'on lo     127.0.0.1/8',
        'on eth?0  10.77.0.100/24, fe80::1/64, 52:54:00:00:00:01',
        'on wg0    -',
        '',
      ].join('\n'),
    );
    expect(asked()).toEqual([['/api/v1/workloads/a%2Fb/guest', { ask: 'info' }]]);
  });

  test('a guest may know nothing', async () => {
    expect((await guest(['info', 'web'], () => ({}))).out).toBe(
      'workload  web\nagent     -\nname      -\nsystem    -\n',
    );
  });

  test('--json', async () => {
    const { out } = await guest(['info', 'web'], () => INFO, { json: true });
    expect(JSON.parse(out)).toEqual({ workload: 'web', ...INFO });
  });
});

describe('mesh workload guest exec', () => {
  const well =
    (answer: GuestAnswer = {}) =>
    (): GuestAnswer => ({
      exitCode: 0,
      output: '',
      errors: '',
      truncated: false,
      ...answer,
    });

  test('asks for the program with its arguments as they are', async () => {
    await guest(
      ['exec', '-w', 'web', '-t', '5', '-e', 'A=1', '-e', 'B=x=y', '--', 'ls', '-l', '--', ' a b'],
      well(),
    );
    expect(asked()).toEqual([
      [
        '/api/v1/workloads/web/guest',
        { ask: 'exec', path: 'ls', args: ['-l', '--', ' a b'], env: ['A=1', 'B=x=y'], timeoutSeconds: 5 },
      ],
    ]);
  });

  test('passes its output on, and its exit status', async () => {
    const bytes = Uint8Array.from([0xff, 0x1b, 0x5b, 0x32, 0x4a, 0x0a]);
    expect(
      await guest(
        ['exec', '-w', 'web', 'x'],
        well({ exitCode: 42, output: base64(bytes), errors: base64('bad\n') }),
      ),
    ).toEqual({ status: 42, out: Buffer.from(bytes).toString('latin1'), err: 'bad\n' });
  });

  test('on a terminal nothing of the guest steers it, unless it is wanted', async () => {
    const answer = well({ output: base64('\u001b[2Jred\r\nend'), errors: base64('\u001b]0;title\u0007oh') });
    expect(await guest(['exec', '-w', 'web', 'x'], answer, { columns: 80 })).toEqual({
      status: 0,
      out: 'red\nend\n',
      err: 'oh\n',
    });
    expect(await guest(['exec', '-w', 'web', '--raw', 'x'], answer, { columns: 80 })).toEqual({
      status: 0,
      out: '\u001b[2Jred\r\nend',
      err: '\u001b]0;title\u0007oh',
    });
  });

  test.each<[GuestAnswer, number | string, string]>([
    [{ exitCode: 255 }, 255, ''],
    [{ exitCode: 256 }, 255, ''],
    [{ exitCode: -1 }, 255, ''],
    [{ signal: 9 }, 137, 'mesh: web: the program was ended by signal 9\n'],
    [{ signal: 1000 }, 255, 'mesh: web: the program was ended by signal 1000\n'],
    [{}, 'TIMEOUT: web: x did not end within 60 s; it goes on in the guest', ''],
    [
      { exitCode: 0, truncated: true },
      0,
      'mesh: web: the output is cut; let it go into a file, and fetch that: mesh workload guest read\n',
    ],
  ])('%j', async (answer, status, err) => {
    expect(await guest(['exec', '-w', 'web', 'x'], () => answer)).toEqual({ status, out: '', err });
  });

  test('--json has it all', async () => {
    const answer = well({ exitCode: 3, output: base64('a\u001b'), errors: base64('b') });
    const { out, status } = await guest(['exec', '-w', 'web', 'x'], answer, { json: true });
    expect([status, JSON.parse(out)]).toEqual([
      3,
      { workload: 'web', exitCode: 3, output: 'a\u001b', errors: 'b', truncated: false },
    ]);
  });

  test('gives it input, of a file or of standard input', async () => {
    const file = join(folder, 'input');
    writeFileSync(file, 'hello');
    await guest(['exec', '-w', 'web', '-i', file, 'cat'], well());
    expect(asked()[0]?.[1]).toMatchObject({ input: base64('hello') });
    const seen = await connected({ guest: well() });
    async function* typed(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
      yield Buffer.from('b');
    }
    const options = { command: ['cat'], input: '-', env: [], seconds: 1, raw: false };
    expect(await workloadGuestExec(seen.context, 'web', options, typed())).toBe(0);
    expect(asked()[0]?.[1]).toMatchObject({ input: base64('ab') });
  });

  test('but not more than goes through, nor a file that is not there', async () => {
    const file = join(folder, 'input');
    writeFileSync(file, new Uint8Array(MOST_GUEST_BYTES + 1));
    expect((await guest(['exec', '-w', 'web', '-i', file, 'cat'], well())).status).toBe(
      `USAGE: ${file} has more than 4.0 MiB`,
    );
    const missing = join(folder, 'missing');
    expect((await guest(['exec', '-w', 'web', '-i', missing, 'cat'], well())).status).toMatch(
      /^FILE_MISSING: .*missing cannot be read: ENOENT/,
    );
    expect(asked()).toEqual([]);
  });

  test.each([
    [['exec', 'x'], "error: required option '-w, --workload <name>' not specified"],
    [['exec', '-w', 'web'], "error: missing required argument 'command'"],
    [
      ['exec', '-w', 'web', '-e', 'A', 'x'],
      "error: option '-e, --env <name=value>' argument 'A' is invalid. expected NAME=VALUE.",
    ],
    [
      ['exec', '-w', 'web', '-t', '0', 'x'],
      "error: option '-t, --timeout <seconds>' argument '0' is invalid. expected seconds, more than 0 and at most 3600.",
    ],
  ])('%j is refused', async (words, message) => {
    expect((await guest(words, well())).status).toBe(message);
  });
});

describe('files', () => {
  /** A guest that has this file, in answers of three bytes. */
  const having =
    (content: string) =>
    (request: GuestRequest): GuestAnswer => {
      const offset = request.ask === 'read' ? request.offset : 0;
      return { content: base64(content.slice(offset, offset + 3)), truncated: offset + 3 < content.length };
    };

  test('are read to standard output, in as many pieces as there are', async () => {
    expect(await guest(['read', '-w', 'web', '/etc/x'], having('abcdefgh'))).toEqual({
      status: 0,
      out: 'abcdefgh',
      err: '',
    });
    expect(asked().map(([, request]) => request)).toEqual(
      [0, 3, 6].map(offset => ({ ask: 'read', path: '/etc/x', offset })),
    );
  });

  test('or on a terminal without what steers it', async () => {
    const shown = await guest(['read', '-w', 'web', 'x'], having('a\u001b[2Jb\n'), { columns: 80 });
    expect(shown.out).toBe('ab\n');
    const raw = await guest(['read', '-w', 'web', '--raw', 'x'], having('a\u001b[2Jb\n'), { columns: 80 });
    expect(raw.out).toBe('a\u001b[2Jb\n');
  });

  test.each(['abcdefgh', ''])('are read into a file: %j', async content => {
    const local = join(folder, 'local');
    writeFileSync(local, 'what stood there before');
    expect(await guest(['read', '-w', 'web', '/etc/x', local], having(content))).toEqual({
      status: 0,
      out: `${local}: /etc/x of web, ${content.length} B\n`,
      err: '',
    });
    expect(readFileSync(local, 'utf8')).toBe(content);
  });

  test('what the guest does not have harms no file here', async () => {
    const local = join(folder, 'local');
    const refused = new PxenError('WORKLOAD_FAILED', 'web: its guest agent refused guest-file-open: no');
    expect((await guest(['read', '-w', 'web', '/nope', local], refused)).status).toBe(
      'WORKLOAD_FAILED: web: its guest agent refused guest-file-open: no',
    );
    expect(existsSync(local)).toBe(false);
  });

  test('a place that cannot be written is told', async () => {
    const local = join(folder, 'no/such/folder');
    expect((await guest(['read', '-w', 'web', 'x', local], having('a'))).status).toMatch(
      /^FILE_MISSING: .*no\/such\/folder cannot be written: ENOENT/,
    );
  });

  const taking = (request: GuestRequest): GuestAnswer => ({
    written: request.ask === 'write' ? Buffer.from(request.content, 'base64').length : 0,
  });

  test('are written in pieces, the first in place of what was there', async () => {
    const local = join(folder, 'local');
    const content = Buffer.alloc(2 * MOST_GUEST_BYTES + 3, 'abc');
    writeFileSync(local, content);
    expect(await guest(['write', '-w', 'web', local, '/tmp/x'], taking)).toEqual({
      status: 0,
      out: `/tmp/x: ${local}, 8.0 MiB on web\n`,
      err: '',
    });
    const writes = asked().flatMap(([, request]) => (request.ask === 'write' ? [request] : []));
    expect(writes.map(({ append }) => append)).toEqual([false, true, true]);
    expect(Buffer.concat(writes.map(write => Buffer.from(write.content, 'base64'))).equals(content)).toBe(
      true,
    );
  });

  test('or put behind it; of standard input; and one with nothing in it', async () => {
    const empty = join(folder, 'empty');
    writeFileSync(empty, '');
    await guest(['write', '-w', 'web', '--append', empty, '/tmp/x'], taking);
    expect(asked().map(([, request]) => request)).toEqual([
      { ask: 'write', path: '/tmp/x', content: '', append: true },
    ]);
    const seen = await connected({ guest: taking });
    async function* typed(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
    }
    await workloadGuestWrite(seen.context, 'web', { local: '-', remote: '/x', append: false }, typed());
    expect(seen.out).toBe('/x: standard input, 1 B on web\n');
    expect(asked()[0]?.[1]).toMatchObject({ content: base64('a'), append: false });
  });

  test('--json', async () => {
    const local = join(folder, 'local');
    const read = await guest(['read', '-w', 'web', '/x', local], having('abcd'), { json: true });
    expect(JSON.parse(read.out)).toEqual({ workload: 'web', path: '/x', file: local, size: 4 });
    const write = await guest(['write', '-w', 'web', local, '/y'], taking, { json: true });
    expect(JSON.parse(write.out)).toEqual({ workload: 'web', path: '/y', written: 4 });
    expect((await guest(['read', '-w', 'web', '/x'], having('abcd'), { json: true })).status).toBe(
      'USAGE: with --json a file that is read needs a place: ... read REMOTE LOCAL',
    );
  });

  test('one that is not here is told', async () => {
    expect((await guest(['write', '-w', 'web', join(folder, 'no'), '/x'], taking)).status).toMatch(
      /^FILE_MISSING: .*no cannot be read: ENOENT/,
    );
    expect(asked()).toEqual([]);
  });
});
