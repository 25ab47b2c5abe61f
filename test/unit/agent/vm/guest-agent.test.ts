import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { GuestAgent } from '../../../../src/agent/vm/guest-agent.ts';
import type { GuestCommand, GuestCommands } from '../../../../src/agent/vm/guest-channel.ts';
import {
  type GuestRequest,
  guestAnswerSchema,
  guestRequestSchema,
  MOST_GUEST_BYTES,
} from '../../../../src/api/guest.ts';
import { asPxenError, PxenError } from '../../../../src/base/error.ts';
import { ManualClock } from '../../../fakes/clock.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const silent = (): never => {
  throw new PxenError('TIMEOUT', 'web: its guest agent does not answer within 5 s');
};
const refused = (): never => {
  throw new PxenError('WORKLOAD_FAILED', 'web: its guest agent refused it');
};

/** What the guest does with each command. */
class PlayedGuest implements GuestCommands {
  readonly heard: GuestCommand[] = [];
  isClosed = false;
  play: Record<string, (args: Record<string, unknown>) => unknown> = {};

  async execute(command: GuestCommand): Promise<unknown> {
    this.heard.push(command);
    const answer = this.play[command.execute] ?? refused;
    return answer((command.arguments ?? {}) as Record<string, unknown>);
  }

  close(): void {
    this.isClosed = true;
  }

  get names(): string[] {
    return this.heard.map(({ execute }) => execute);
  }
}

let guest: PlayedGuest;
let clock: ManualClock;
let changes = 0;
let agent: GuestAgent;

beforeEach(() => {
  guest = new PlayedGuest();
  clock = new ManualClock();
  changes = 0;
  const changed = (): void => {
    changes += 1;
  };
  agent = new GuestAgent({ name: 'web', commands: guest, clock, changed });
});

const ask = (request: object, signal = new AbortController().signal) =>
  agent.answer(guestRequestSchema.parse(request) as GuestRequest, signal);

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => asPxenError(thrown),
  );
  return error === undefined ? 'it worked' : `${error.code}: ${error.message}`;
}

/** Lets whatever waits for the clock go on, step by step, until it has come to an end. */
async function passed<T>(promise: Promise<T>, step = 100): Promise<T> {
  let isOver = false;
  void promise
    .catch(() => {})
    .then(() => {
      isOver = true;
    });
  for (let turns = 0; turns < 10_000; turns++) {
    await turn();
    if (isOver) return promise;
    clock.advance(step);
  }
  throw new Error('it does not end');
}

describe('the status', () => {
  const ADDRESS = { 'ip-address': '10.77.0.100', prefix: 24 };
  const INTERFACES = [
    { name: 'lo', 'ip-addresses': [{ 'ip-address': '127.0.0.1', prefix: 8 }] },
    { name: 'eth0', 'ip-addresses': [ADDRESS] },
  ];
  const WELL = { 'guest-ping': () => ({}), 'guest-network-get-interfaces': () => INTERFACES };
  const looks = (): number => guest.names.filter(name => name === 'guest-ping').length;

  test('is silent until the agent has answered', () => {
    expect(agent.status).toEqual({ agent: 'silent', addresses: [] });
  });

  test('has the addresses by which others reach the guest, and a change is told', async () => {
    guest.play = WELL;
    agent.look();
    await turn();
    expect(agent.status).toEqual({ agent: 'answers', addresses: ['10.77.0.100/24'] });
    expect(changes).toBe(1);
    clock.advance(5000);
    agent.look();
    await turn();
    expect([looks(), changes]).toEqual([2, 1]);
  });

  test('of an agent that answers is looked at every five seconds, of a silent one always', async () => {
    guest.play = WELL;
    agent.look();
    agent.look();
    await turn();
    clock.advance(4999);
    agent.look();
    expect(looks()).toBe(1);
    guest.play = { 'guest-ping': silent };
    clock.advance(1);
    agent.look();
    await turn();
    expect(agent.status).toEqual({ agent: 'silent', addresses: [] });
    agent.look();
    await turn();
    expect([looks(), changes]).toEqual([3, 2]);
  });

  test('is that it answers when it may not tell its addresses', async () => {
    guest.play = { 'guest-ping': () => ({}) };
    agent.look();
    await turn();
    expect(agent.status).toEqual({ agent: 'answers', addresses: [] });
  });

  test('of one whose channel is broken is silent', async () => {
    guest.play = { ...WELL, 'guest-ping': refused };
    agent.look();
    await turn();
    expect(agent.status.agent).toBe('silent');
  });
});

describe('ping and info', () => {
  const WELL = {
    'guest-ping': () => ({}),
    'guest-info': () => ({ version: '7.2.22', supported_commands: [] }),
    'guest-get-host-name': () => ({ 'host-name': 'web' }),
    'guest-get-osinfo': () => ({ 'pretty-name': 'Debian 12' }),
    'guest-network-get-interfaces': () => [{ name: 'eth0', 'hardware-address': '52:54:00:00:00:01' }],
  };

  test('tell what the agent knows', async () => {
    guest.play = WELL;
    expect(await ask({ ask: 'ping' })).toEqual({ version: '7.2.22' });
    expect(await ask({ ask: 'info' })).toEqual({
      version: '7.2.22',
      hostName: 'web',
      os: 'Debian 12',
      interfaces: [{ name: 'eth0', mac: '52:54:00:00:00:01', addresses: [] }],
    });
  });

  test('leave out what the agent refuses', async () => {
    guest.play = { 'guest-ping': () => ({}) };
    expect(await ask({ ask: 'ping' })).toEqual({ version: undefined });
    expect(await ask({ ask: 'info' })).toEqual({ interfaces: [] });
  });

  test.each(['ping', 'info'])('%s of a silent one fails', async ask_ => {
    guest.play = { 'guest-ping': silent };
    expect(await failure(ask({ ask: ask_ }))).toBe(
      'TIMEOUT: web: its guest agent does not answer within 5 s',
    );
    guest.play = { ...WELL, 'guest-info': silent };
    expect(await failure(ask({ ask: ask_ }))).toMatch(/^TIMEOUT/);
  });
});

describe('exec', () => {
  const running = (after: number, end: object) => {
    let looks = 0;
    guest.play = {
      'guest-exec': () => ({ pid: 122 }),
      'guest-exec-status': () => (++looks > after ? { exited: true, ...end } : { exited: false }),
    };
  };

  test('waits for the end, and comes back with status and output', async () => {
    running(3, { exitcode: 3, 'out-data': base64('out'), 'err-data': base64('err') });
    const request = { ask: 'exec', path: '/bin/sh', args: ['-c', 'x'], env: ['A=1'], input: base64('in') };
    expect(await passed(ask(request))).toEqual({
      exitCode: 3,
      output: base64('out'),
      errors: base64('err'),
      truncated: false,
    });
    expect(guest.heard.map(({ arguments: args, execute }) => [execute, args])).toEqual([
      [
        'guest-exec',
        {
          path: '/bin/sh',
          arg: ['-c', 'x'],
          env: ['A=1'],
          'input-data': base64('in'),
          'capture-output': true,
        },
      ],
      ...Array.from({ length: 4 }, () => ['guest-exec-status', { pid: 122 }]),
    ]);
  });

  test('without environment and input sends none', async () => {
    running(0, { exitcode: 0 });
    await ask({ ask: 'exec', path: 'true' });
    expect(guest.heard[0]?.arguments).toEqual({ path: 'true', arg: [], 'capture-output': true });
  });

  test('of a command that a signal ended', async () => {
    running(0, { signal: 9 });
    expect(await ask({ ask: 'exec', path: 'x' })).toEqual({
      signal: 9,
      output: '',
      errors: '',
      truncated: false,
    });
  });

  test('that has not ended in time has neither status nor signal', async () => {
    running(Number.POSITIVE_INFINITY, {});
    expect(await passed(ask({ ask: 'exec', path: 'sleep', timeoutSeconds: 10 }))).toEqual({});
    expect(clock.elapsed()).toBeGreaterThanOrEqual(10_000);
    // Rarer and rarer, up to twice a second.
    expect(guest.names.filter(name => name === 'guest-exec-status').length).toBeLessThan(40);
  });

  test('keeps four MiB of each output', async () => {
    const much = Buffer.alloc(MOST_GUEST_BYTES + 3, 'x');
    running(0, { exitcode: 0, 'out-data': much.toString('base64') });
    const answer = await ask({ ask: 'exec', path: 'x' });
    expect(Buffer.from(answer.output ?? '', 'base64').equals(much.subarray(0, MOST_GUEST_BYTES))).toBe(true);
    expect([answer.truncated, guestAnswerSchema.safeParse(answer).success]).toEqual([true, true]);
  });

  test.each([
    ['of the start', { 'guest-exec': () => ({ pid: 'x' }) }, 'guest-exec'],
    ['of the end', { 'guest-exec': () => ({ pid: 1 }), 'guest-exec-status': () => [] }, 'guest-exec-status'],
  ])('a strange answer %s is told', async (_, play, command) => {
    guest.play = play;
    expect(await failure(ask({ ask: 'exec', path: 'x' }))).toBe(
      `WORKLOAD_FAILED: web: its guest agent answered ${command} in an unknown form`,
    );
  });
});

describe('files', () => {
  /** Files of a guest; a handle is the place in the list of those that were opened. */
  function disk(files: Record<string, string>, mostAtOnce = Number.POSITIVE_INFINITY): { open: number } {
    const seen = { open: 0 };
    const handles: { path: string; at: number }[] = [];
    const of = (args: Record<string, unknown>) => handles[Number(args['handle'])] ?? { path: '', at: 0 };
    guest.play = {
      'guest-file-open': ({ mode, path }) => {
        const name = String(path);
        if (mode === 'r' && files[name] === undefined) return refused();
        if (mode === 'w') files[name] = '';
        files[name] ??= '';
        seen.open += 1;
        return handles.push({ path: name, at: 0 }) - 1;
      },
      'guest-file-seek': args => {
        of(args).at = Number(args['offset']);
        return { position: args['offset'], eof: false };
      },
      'guest-file-read': args => {
        const handle = of(args);
        const piece = (files[handle.path] ?? '').slice(
          handle.at,
          handle.at + Math.min(Number(args['count']), mostAtOnce),
        );
        handle.at += piece.length;
        return { count: piece.length, 'buf-b64': base64(piece), eof: piece === '' };
      },
      'guest-file-write': args => {
        const piece = Buffer.from(String(args['buf-b64']), 'base64').toString().slice(0, mostAtOnce);
        files[of(args).path] += piece;
        return { count: piece.length, eof: false };
      },
      'guest-file-close': () => {
        seen.open -= 1;
        return {};
      },
    };
    return seen;
  }

  test('are read in pieces', async () => {
    const content = 'abcdefghij'.repeat(30_000);
    const seen = disk({ '/etc/x': content });
    expect(await ask({ ask: 'read', path: '/etc/x' })).toEqual({
      content: base64(content),
      truncated: false,
    });
    expect(await ask({ ask: 'read', path: '/etc/x', offset: 299_990 })).toEqual({
      content: base64('abcdefghij'),
      truncated: false,
    });
    expect(seen.open).toBe(0);
    expect(guest.names.slice(0, 6)).toEqual(['guest-file-open', ...Array(5).fill('guest-file-read')]);
  });

  test('longer than an answer come in several', async () => {
    const content = 'x'.repeat(MOST_GUEST_BYTES + 1);
    disk({ big: content });
    const first = await ask({ ask: 'read', path: 'big' });
    expect([Buffer.from(first.content ?? '', 'base64').length, first.truncated]).toEqual([
      MOST_GUEST_BYTES,
      true,
    ]);
    expect(guestAnswerSchema.safeParse(first).success).toBe(true);
    expect(await ask({ ask: 'read', path: 'big', offset: MOST_GUEST_BYTES })).toEqual({
      content: base64('x'),
      truncated: false,
    });
  });

  test('are written in pieces, also where the guest takes less of each', async () => {
    const files: Record<string, string> = { '/a': 'old' };
    const content = 'abc'.repeat(100_000);
    const seen = disk(files, 70_000);
    expect(await ask({ ask: 'write', path: '/a', content: base64(content) })).toEqual({ written: 300_000 });
    expect(files['/a'] === content).toBe(true);
    await ask({ ask: 'write', path: '/a', content: base64('end'), append: true });
    expect(files['/a']?.slice(-6)).toBe('abcend');
    await ask({ ask: 'write', path: '/empty', content: '' });
    expect([files['/empty'], seen.open]).toEqual(['', 0]);
  });

  test('one that cannot be opened is told in the words of the guest', async () => {
    disk({});
    expect(await failure(ask({ ask: 'read', path: '/nope' }))).toBe(
      'WORKLOAD_FAILED: web: its guest agent refused it',
    );
  });

  test('what fails in the middle is told, and the file is closed', async () => {
    const seen = disk({ x: 'abc' });
    guest.play['guest-file-read'] = () => ({ 'buf-b64': '?' });
    expect(await failure(ask({ ask: 'read', path: 'x' }))).toBe(
      'WORKLOAD_FAILED: web: its guest agent answered guest-file-read in an unknown form',
    );
    guest.play['guest-file-write'] = () => ({ count: 0 });
    expect(await failure(ask({ ask: 'write', path: 'x', content: base64('abc') }))).toBe(
      'WORKLOAD_FAILED: web: its guest agent wrote only 0 B of 3 B',
    );
    expect(seen.open).toBe(0);
  });

  test('a disk that is full may be known only when the file is closed', async () => {
    disk({});
    guest.play['guest-file-close'] = refused;
    expect(await failure(ask({ ask: 'write', path: 'x', content: base64('abc') }))).toBe(
      'WORKLOAD_FAILED: web: its guest agent refused it',
    );
  });
});

test('eight requests at a time are enough', async () => {
  guest.play = { 'guest-ping': () => new Promise(() => {}) };
  for (let i = 0; i < 8; i++) void ask({ ask: 'ping' });
  expect(await failure(ask({ ask: 'ping' }))).toBe(
    'WORKLOAD_BUSY: web: its guest agent has 8 requests to do already',
  );
});

describe('a shutdown', () => {
  test('is asked for, and who has answered before gets more time', async () => {
    guest.play = { 'guest-shutdown': () => undefined, 'guest-ping': () => ({}) };
    await agent.shutDown();
    agent.look();
    await turn();
    await agent.shutDown();
    const asked = guest.heard.filter(({ execute }) => execute === 'guest-shutdown');
    const common = { execute: 'guest-shutdown', arguments: { mode: 'powerdown' }, isSilent: true };
    expect(asked).toEqual([
      { ...common, patience: 500 },
      { ...common, patience: 5000 },
    ]);
  });

  test('of a silent one fails', async () => {
    guest.play = { 'guest-shutdown': silent };
    expect(await failure(agent.shutDown())).toMatch(/^TIMEOUT/);
  });
});
