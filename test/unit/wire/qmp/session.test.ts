import { describe, expect, test } from 'vitest';
import { LONGEST_LINE, type QmpAction, QmpSession } from '../../../../src/wire/qmp/session.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

const GREETING =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}\r\n';
const VERSION = { major: 7, minor: 2, micro: 22, package: '' };
const READY = '{"return": {}}\r\n';

/** Actions with their bytes as text. */
function shown(actions: readonly QmpAction[]): unknown[] {
  return actions.map(action => (action.kind === 'send' ? { ...action, bytes: text(action.bytes) } : action));
}

function readySession(): QmpSession {
  const session = new QmpSession();
  session.feed(bytes(GREETING + READY));
  return session;
}

describe('the handshake', () => {
  test('the greeting is answered with qmp_capabilities; when QEMU has taken that, commands may go out', () => {
    const session = new QmpSession();
    expect(shown(session.feed(bytes(GREETING)))).toEqual([
      { kind: 'send', bytes: '{"execute":"qmp_capabilities"}\n' },
    ]);
    expect(session.feed(bytes(READY))).toEqual([{ kind: 'ready', version: VERSION }]);
  });

  test('all of it may come byte by byte, with empty lines between', () => {
    const session = new QmpSession();
    const actions = Array.from(bytes(`\r\n${GREETING}\n \t\r\n${READY}`), byte =>
      session.feed(Uint8Array.of(byte)),
    ).flat();
    expect(actions.map(({ kind }) => kind)).toEqual(['send', 'ready']);
  });

  test('a refusal ends it', () => {
    const session = new QmpSession();
    session.feed(bytes(GREETING));
    expect(session.feed(bytes('{"error": {"class": "GenericError", "desc": "no"}}\n'))).toEqual([
      { kind: 'broken', reason: 'it refused qmp_capabilities: no' },
    ]);
  });

  test('a second greeting and a second answer change nothing', () => {
    expect(readySession().feed(bytes(GREETING + READY))).toEqual([]);
  });

  test('what comes without an id afterwards is no answer of anybody', () => {
    const session = readySession();
    const { id } = session.command('stop');
    const throttled = '{"error": {"class": "OperationThrottled", "desc": "More than 100 requests"}}\n';
    expect(session.feed(bytes(`${throttled}{"return": {}}\n`))).toEqual([]);
    expect(session.feed(bytes(`{"return": {}, "id": ${id}}\n`))).toEqual([
      { kind: 'returned', id, value: {} },
    ]);
  });

  test('an answer to the handshake before a greeting is passed over', () => {
    expect(new QmpSession().feed(bytes(READY))).toEqual([]);
  });
});

describe('commands', () => {
  test('answers are told by their ids, in whatever order they come', () => {
    const session = readySession();
    const first = session.command('query-status');
    const second = session.command('device_del', { id: 'x' });
    expect([text(first.bytes), text(second.bytes)]).toEqual([
      '{"execute":"query-status","id":1}\n',
      '{"execute":"device_del","arguments":{"id":"x"},"id":2}\n',
    ]);
    const answers =
      '{"id": 2, "error": {"class": "DeviceNotFound", "desc": "Device \'x\' not found"}}\r\n' +
      '{"return": {"status": "running"}, "id": 1}\r\n';
    expect(session.feed(bytes(answers))).toEqual([
      { kind: 'refused', id: 2, class: 'DeviceNotFound', desc: "Device 'x' not found" },
      { kind: 'returned', id: 1, value: { status: 'running' } },
    ]);
  });

  test.each([
    ['an id that was never given', '{"return": {}, "id": 9}'],
    ['an id that is no number', '{"return": {}, "id": "1"}'],
    ['no id', '{"return": {}}'],
    ['an error without id', '{"error": {"class": "GenericError", "desc": "JSON parse error"}}'],
    ['a message of another kind', '{"progress": 5}'],
  ])('an answer with %s is passed over', (_, line) => {
    const session = readySession();
    session.command('stop');
    expect(session.feed(bytes(`${line}\n`))).toEqual([]);
  });

  test('the same answer counts once, and not at all when it was given up', () => {
    const session = readySession();
    session.command('stop');
    session.command('cont');
    session.forget(2);
    const twice = '{"return": {}, "id": 1}\n{"return": {}, "id": 1}\n{"return": {}, "id": 2}\n';
    expect(session.feed(bytes(twice))).toEqual([{ kind: 'returned', id: 1, value: {} }]);
  });
});

test('events may come at any time', () => {
  const event =
    '{"timestamp": {"seconds": 2, "microseconds": 3500}, "event": "RESET", "data": {"guest": true}}\n';
  const action = { kind: 'event', event: { name: 'RESET', data: { guest: true }, at: 2003 } };
  const session = new QmpSession();
  expect(session.feed(bytes(event))).toEqual([action]);
  expect(shown(session.feed(bytes(event + GREETING + event))).map(a => (a as QmpAction).kind)).toEqual([
    'event',
    'send',
    'event',
  ]);
  session.command('stop');
  expect(
    session.feed(bytes(`${READY}${event}{"return": {}, "id": 1}\n${event}`)).map(({ kind }) => kind),
  ).toEqual(['ready', 'event', 'returned', 'event']);
});

describe('what is no QMP ends the session', () => {
  test.each([
    [
      'a line that is no JSON',
      'SSH-2.0-OpenSSH_9.2\r\n',
      'it sent what is no JSON object: "SSH-2.0-OpenSSH_9.2\\r"',
    ],
    ['JSON that is no object', '[1]\n', 'it sent what is no JSON object: "[1]"'],
    ['no UTF-8', '\u00ff\n', 'it sent what is no JSON object: "\ufffd"'],
    [
      'a long line that is no JSON',
      `${'x'.repeat(500)}\n`,
      `it sent what is no JSON object: "${'x'.repeat(77)}..."`,
    ],
    ['a line without end', 'x'.repeat(LONGEST_LINE + 1), 'it sent a line of more than 1048576 bytes'],
    [
      'a line that is too long',
      `${'x'.repeat(LONGEST_LINE + 1)}\n`,
      'it sent a line of more than 1048576 bytes',
    ],
  ])('%s', (_, sent, reason) => {
    const session = readySession();
    session.command('stop');
    expect(session.feed(Uint8Array.from(sent, c => c.charCodeAt(0)))).toEqual([{ kind: 'broken', reason }]);
    expect(session.feed(bytes('{"return": {}, "id": 1}\n'))).toEqual([]);
  });

  test('what came before it counts, what comes after it does not', () => {
    const session = readySession();
    session.command('stop');
    expect(
      session.feed(bytes('{"return": {}, "id": 1}\n!\n{"event": "STOP"}\n!\n')).map(({ kind }) => kind),
    ).toEqual(['returned', 'broken']);
  });

  test('a line of the longest length is fine', () => {
    const session = readySession();
    session.command('query-qmp-schema');
    const [start, end] = ['{"return": "', '", "id": 1}'];
    const value = 'x'.repeat(LONGEST_LINE - start.length - end.length);
    expect(session.feed(bytes(`${start}${value}${end}\n`))).toEqual([{ kind: 'returned', id: 1, value }]);
  });
});
