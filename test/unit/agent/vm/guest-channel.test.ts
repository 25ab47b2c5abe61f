import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GuestChannel } from '../../../../src/agent/vm/guest-channel.ts';
import { asPxenError } from '../../../../src/base/error.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { FakeGuest } from '../../../fakes/guest.ts';

let folder = '';
let path = '';
let clock: ManualClock;
let guest: FakeGuest;
let channel: GuestChannel;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pxen-guest-'));
  path = join(folder, 'qga.sock');
  clock = new ManualClock();
  guest = new FakeGuest(path);
  channel = new GuestChannel({ name: 'web', path, clock });
});

afterEach(async () => {
  channel.close();
  await guest.close();
  rmSync(folder, { recursive: true });
});

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 100_000) throw new Error('it does not come');
    await turn();
  }
}

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => asPxenError(thrown),
  );
  return error === undefined ? 'it worked' : `${error.code}: ${error.message}`;
}

const SILENT = 'TIMEOUT: web: its guest agent does not answer within 5 s';

test('it connects when it is first needed, and then stays', async () => {
  expect(guest.connections).toBe(0);
  guest.reply = ({ execute }) => ({ return: execute });
  expect(await channel.execute({ execute: 'guest-ping' })).toBe('guest-ping');
  expect(await channel.execute({ execute: 'guest-info', arguments: { x: 1 } })).toBe('guest-info');
  expect(guest.connections).toBe(1);
  expect(guest.heard.map(({ arguments: args, execute }) => [execute, args])).toEqual([
    ['guest-ping', undefined],
    ['guest-info', { x: 1 }],
  ]);
});

test('commands go out one at a time, in their order', async () => {
  guest.reply = () => undefined;
  const answers = ['a', 'b'].map(execute => channel.execute({ execute }));
  await until(() => guest.heard.length === 1);
  await turn();
  expect(guest.heard.map(({ execute }) => execute)).toEqual(['a']);
  guest.reply = () => ({ return: 'second' });
  guest.say('{"return": "first"}\n');
  expect(await Promise.all(answers)).toEqual(['first', 'second']);
});

test('agents that leave the id out are understood', async () => {
  guest.tellsIds = false;
  guest.reply = () => ({ return: 5 });
  expect(await channel.execute({ execute: 'guest-ping' })).toBe(5);
});

test('a refusal is told, and the next command goes on', async () => {
  guest.reply = () => ({ error: { class: 'GenericError', desc: 'no such file' } });
  expect(await failure(channel.execute({ execute: 'guest-file-open' }))).toBe(
    'WORKLOAD_FAILED: web: its guest agent refused guest-file-open: no such file',
  );
  guest.reply = () => ({ return: 1 });
  expect(await channel.execute({ execute: 'guest-ping' })).toBe(1);
  expect(guest.connections).toBe(1);
});

describe('a guest without an agent', () => {
  beforeEach(() => {
    guest.isThere = false;
  });

  test('is told in time, and nothing but the question is sent', async () => {
    const asked = failure(channel.execute({ execute: 'guest-shutdown' }));
    await until(() => guest.connections === 1);
    clock.advance(5000);
    expect(await asked).toBe(SILENT);
    expect(guest.heard).toEqual([]);
    await until(() => !guest.isConnected);
    expect(clock.waiting).toBe(0);
  });

  test('those who wait for their turn wait no longer than they said', async () => {
    const first = failure(channel.execute({ execute: 'a' }));
    await until(() => guest.connections === 1);
    const second = failure(channel.execute({ execute: 'b', patience: 500 }));
    clock.advance(500);
    expect(await second).toBe('TIMEOUT: web: its guest agent does not answer within 0.5 s');
    clock.advance(4500);
    expect(await first).toBe(SILENT);
    guest.isThere = true;
    expect(await channel.execute({ execute: 'c' })).toEqual({});
    expect(guest.heard.map(({ execute }) => execute)).toEqual(['c']);
  });

  test('gets one later: that is asked over a new connection', async () => {
    const asked = failure(channel.execute({ execute: 'guest-ping' }));
    await until(() => guest.connections === 1);
    clock.advance(5000);
    await asked;
    guest.isThere = true;
    expect(await channel.execute({ execute: 'guest-ping' })).toEqual({});
    expect(guest.connections).toBe(2);
  });
});

describe('a guest that reboots', () => {
  test('is asked anew whether it is there, before it gets a command', async () => {
    await channel.execute({ execute: 'guest-ping' });
    guest.isThere = false;
    clock.advance(1000);
    const asked = failure(channel.execute({ execute: 'guest-shutdown' }));
    await turn();
    clock.advance(5000);
    expect(await asked).toBe(SILENT);
    expect(guest.heard.length).toBe(1);
  });

  test('in the middle of a command: that has no answer, later ones have', async () => {
    guest.reply = () => undefined;
    const asked = failure(channel.execute({ execute: 'guest-info' }));
    await until(() => guest.heard.length === 1);
    clock.advance(10_000);
    expect(await asked).toBe('TIMEOUT: web: its guest agent did not answer guest-info within 10 s');
    guest.reply = () => ({ return: 1 });
    expect(await channel.execute({ execute: 'guest-ping' })).toBe(1);
    expect(guest.connections).toBe(2);
  });

  test('a late answer is not taken for that of the next command', async () => {
    guest.reply = () => undefined;
    const asked = channel.execute({ execute: 'guest-shutdown', isSilent: true });
    await until(() => guest.heard.length === 1);
    clock.advance(1000);
    expect(await asked).toBeUndefined();
    guest.say('{"return": "late"}\n');
    guest.reply = () => ({ return: 'new' });
    expect(await channel.execute({ execute: 'guest-ping' })).toBe('new');
  });
});

describe('a command that answers only when it refuses', () => {
  test('tells the refusal', async () => {
    guest.reply = () => ({ error: { class: 'CommandNotFound', desc: 'it has been disabled' } });
    expect(await failure(channel.execute({ execute: 'guest-shutdown', isSilent: true }))).toBe(
      'WORKLOAD_FAILED: web: its guest agent refused guest-shutdown: it has been disabled',
    );
  });

  test('was taken when the guest is gone before it could say so', async () => {
    guest.reply = () => {
      guest.hangUp();
      return undefined;
    };
    expect(await channel.execute({ execute: 'guest-shutdown', isSilent: true })).toBeUndefined();
  });
});

describe('a channel that ends', () => {
  test('while an answer is waited for', async () => {
    guest.reply = () => {
      guest.hangUp();
      return undefined;
    };
    expect(await failure(channel.execute({ execute: 'guest-info' }))).toBe(
      'WORKLOAD_FAILED: web: no answer to guest-info: its channel was closed',
    );
  });

  test('because QEMU is gone', async () => {
    await guest.close();
    expect(await failure(channel.execute({ execute: 'guest-ping' }))).toMatch(
      /^WORKLOAD_FAILED: web: nothing serves the channel of its guest agent: connect ENOENT /,
    );
  });

  test('because it is let go', async () => {
    await channel.execute({ execute: 'guest-ping' });
    channel.close();
    await until(() => !guest.isConnected);
    expect(await failure(channel.execute({ execute: 'guest-ping' }))).toBe(
      'WORKLOAD_FAILED: web: the channel of its guest agent is closed',
    );
    expect(clock.waiting).toBe(0);
  });
});

test.each<[string, Uint8Array, string]>([
  ['no JSON', Buffer.from('login: \n'), 'no answer to guest-info: it sent no JSON object: "login: "'],
  [
    'an answer without end',
    new Uint8Array(300 * 1024),
    'no answer to guest-info: its answer is longer than it may be',
  ],
])('a hostile guest is left alone: %s', async (_, bytes, message) => {
  guest.reply = () => bytes;
  expect(await failure(channel.execute({ execute: 'guest-info' }))).toBe(`WORKLOAD_FAILED: web: ${message}`);
  await until(() => !guest.isConnected);
});

test('a guest that sends without end is read no further than an answer may be long, and not at all while nothing is asked', async () => {
  await channel.execute({ execute: 'guest-ping' });
  guest.say(new Uint8Array(8 * 1024 * 1024).fill(0x0a));
  for (let turns = 0; turns < 200; turns++) await turn();
  expect(guest.unread).toBeGreaterThan(6 * 1024 * 1024);
  clock.advance(1000);
  expect(await failure(channel.execute({ execute: 'guest-ping' }))).toBe(
    'TIMEOUT: web: its guest agent does not answer (it sends much, and no answer)',
  );
  expect(await channel.execute({ execute: 'guest-ping' })).toEqual({});
  expect(guest.connections).toBe(2);
});

test('what was called off before its turn is not sent', async () => {
  const caller = new AbortController();
  guest.reply = () => undefined;
  const first = channel.execute({ execute: 'a' });
  const second = failure(channel.execute({ execute: 'b', signal: caller.signal }));
  await until(() => guest.heard.length === 1);
  caller.abort();
  guest.say('{"return": 1}\n');
  await first;
  expect(await second).toBe('WORKLOAD_FAILED: web: b was called off');
  expect(guest.heard.length).toBe(1);
});
