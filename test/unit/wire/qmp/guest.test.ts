import { describe, expect, test } from 'vitest';
import { type GuestAction, GuestSession, LONGEST_ANSWER } from '../../../../src/wire/qmp/guest.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const text = (sent: Uint8Array): string => Buffer.from(sent).toString('latin1');

function synchronized(): GuestSession {
  const session = new GuestSession(100);
  session.synchronize();
  session.feed(bytes('\u00ff{"return": 101}\n'));
  return session;
}

test('it asks for a number behind a byte that is never text, so that whatever the agent has read before is over', () => {
  expect(text(new GuestSession(100).synchronize())).toBe(
    '\u00ff{"execute":"guest-sync-delimited","arguments":{"id":101},"id":101}\n',
  );
});

describe('synchronizing', () => {
  test.each([
    ['the number', '\u00ff{"return": 101}\n', true],
    [
      'after the complaint about the delimiter',
      '{"error": {"class": "GenericError", "desc": "JSON parse error"}}\n\u00ff{"return": 101, "id": 101}\n',
      true,
    ],
    ['after half of an old answer', '{"return": {"buf-b64": "AAAA\u00ff{"return": 101}\n', true],
    ['after the answer to an earlier one', '\u00ff{"return": 55}\n\u00ff{"return": 101}\n', true],
    ['after what is no JSON', 'login: \n\u00ff\u00ff\u00ff{"return": 101}\n', true],
    ['without the delimiter it is an old answer', '{"return": 101}\n', false],
    ['another number', '\u00ff{"return": 100}\n', false],
    ['the number as text', '\u00ff{"return": "101"}\n', false],
    ['a refusal', '\u00ff{"error": {"class": "CommandNotFound", "desc": "no"}}\n', false],
    ['half of it', '\u00ff{"return": 101}', false],
    ['nothing but noise', '\u00ff\n\u00ff{}\n\n', false],
  ])('%s', (_, answer, done) => {
    const session = new GuestSession(100);
    session.synchronize();
    expect(session.feed(bytes(answer))).toEqual(done ? [{ kind: 'synchronized' }] : []);
  });

  test('may be done again, and then counts anew', () => {
    const session = synchronized();
    expect(text(session.synchronize())).toContain('"id":102}');
    expect(session.feed(bytes('\u00ff{"return": 101}\n'))).toEqual([]);
    expect(session.feed(bytes('\u00ff{"return": 102}\n'))).toEqual([{ kind: 'synchronized' }]);
  });
});

describe('a command', () => {
  test.each<[string, string, GuestAction[]]>([
    [
      'is answered',
      '{"return": {"version": "7.2"}, "id": 102}\n',
      [{ kind: 'returned', value: { version: '7.2' } }],
    ],
    ['by an old agent without its number', '{"return": {}}\r\n', [{ kind: 'returned', value: {} }]],
    [
      'is refused',
      '{"id": 102, "error": {"class": "GenericError", "desc": "no such file"}}\n',
      [{ kind: 'refused', class: 'GenericError', desc: 'no such file' }],
    ],
    [
      'is answered once',
      '{"return": 1, "id": 102}\n{"return": 2, "id": 102}\n',
      [{ kind: 'returned', value: 1 }],
    ],
    [
      'passes over the answer to another one',
      '{"return": 1, "id": 7}\n{"return": 2, "id": 102}\n',
      [{ kind: 'returned', value: 2 }],
    ],
    [
      'passes over events and what is not known',
      '{"event": "X"}\n{}\n{"return": 2}\n',
      [{ kind: 'returned', value: 2 }],
    ],
    [
      'is broken off by what is no JSON',
      'login: \n{"return": 2}\n',
      [{ kind: 'broken', reason: 'it sent no JSON object: "login: "' }],
    ],
    ['waits for the end of the line', '{"return": 2}', []],
  ])('%s', (_, answer, actions) => {
    const session = synchronized();
    expect(text(session.command('guest-info', undefined))).toBe('{"execute":"guest-info","id":102}\n');
    expect(session.feed(bytes(answer))).toEqual(actions);
  });

  test('has arguments', () => {
    expect(text(synchronized().command('guest-file-close', { handle: 1000 }))).toBe(
      '{"execute":"guest-file-close","arguments":{"handle":1000},"id":102}\n',
    );
  });

  test('nobody waits for is passed over, as is all that comes unasked', () => {
    const session = synchronized();
    session.command('guest-ping', undefined);
    session.forget();
    expect(session.feed(bytes('{"return": {}, "id": 102}\nnonsense\n'))).toEqual([]);
    session.command('guest-ping', undefined);
    expect(session.feed(bytes('{"return": {}, "id": 103}\n'))).toEqual([{ kind: 'returned', value: {} }]);
  });
});

describe('an answer has a limit', () => {
  const answer = (size: number): Uint8Array => {
    const frame = '{"return": ""}';
    return bytes(`{"return": "${'x'.repeat(size - frame.length)}"}\n`);
  };

  test('of its command, and the next one has its own again', () => {
    const session = synchronized();
    session.command('guest-exec-status', { pid: 1 }, LONGEST_ANSWER + 5);
    expect(session.feed(answer(LONGEST_ANSWER + 5))).toMatchObject([{ kind: 'returned' }]);
    session.command('guest-ping', undefined);
    expect(session.feed(answer(LONGEST_ANSWER))).toMatchObject([{ kind: 'returned' }]);
    session.command('guest-ping', undefined);
    expect(session.feed(answer(LONGEST_ANSWER + 1))).toEqual([
      { kind: 'broken', reason: 'its answer is longer than it may be' },
    ]);
  });

  test.each(['synchronize', 'command'] as const)('as has all that comes beside it: %s', question => {
    const session = synchronized();
    if (question === 'synchronize') session.synchronize();
    else session.command('guest-ping', undefined);
    const noise = bytes('{"return": {}, "id": 1}\n'.repeat(4096));
    const most = Math.floor((LONGEST_ANSWER + 1024 * 1024) / noise.length);
    for (let count = 0; count < most; count++) expect(session.feed(noise)).toEqual([]);
    expect(session.feed(noise)).toEqual([{ kind: 'broken', reason: 'it sends much, and no answer' }]);
  });

  test('also where no line ever ends, and nothing is read after it', () => {
    const session = synchronized();
    session.synchronize();
    expect(session.feed(new Uint8Array(LONGEST_ANSWER))).toEqual([]);
    expect(session.feed(new Uint8Array(1))).toEqual([
      { kind: 'broken', reason: 'its answer is longer than it may be' },
    ]);
    expect(session.feed(bytes('\n\u00ff{"return": 102}\n'))).toEqual([]);
    session.forget();
    expect(session.feed(bytes('{"return": 1}\n'))).toEqual([]);
  });
});
