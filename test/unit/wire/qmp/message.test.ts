import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeCommand, type QmpMessage } from '../../../../src/wire/qmp/message.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Lines of QEMU 7.2, of the specification, and what others might send. */
const MESSAGES: readonly { line: string; message: QmpMessage }[] = [
  {
    line: '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian 1:7.2+dfsg-7"}, "capabilities": ["oob"]}}\r',
    message: { kind: 'greeting', version: { major: 7, minor: 2, micro: 22, package: 'Debian 1:7.2+dfsg-7' } },
  },
  {
    line: '{"QMP": {}}',
    message: { kind: 'greeting', version: { major: 0, minor: 0, micro: 0, package: '' } },
  },
  { line: '{"return": {}, "id": 3}', message: { kind: 'return', id: 3, value: {} } },
  { line: '{"return": [1]}', message: { kind: 'return', id: undefined, value: [1] } },
  { line: '{"return": null, "id": "x"}', message: { kind: 'return', id: 'x', value: null } },
  {
    line: '{"id": 4, "error": {"class": "GenericError", "desc": "Device \'x\' not found"}}',
    message: { kind: 'error', id: 4, class: 'GenericError', desc: "Device 'x' not found" },
  },
  { line: '{"error": {}}', message: { kind: 'error', id: undefined, class: '', desc: '' } },
  {
    line: '{"timestamp": {"seconds": 1795185967, "microseconds": 994556}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}',
    message: {
      kind: 'event',
      event: { name: 'SHUTDOWN', data: { guest: true, reason: 'guest-shutdown' }, at: 1_795_185_967_994 },
    },
  },
  {
    line: '{"timestamp": {"seconds": -1, "microseconds": -1}, "event": "STOP"}',
    message: { kind: 'event', event: { name: 'STOP', data: {}, at: undefined } },
  },
  {
    line: '{"event": "X", "data": [1], "timestamp": 5}',
    message: { kind: 'event', event: { name: 'X', data: {}, at: undefined } },
  },
  { line: '{"error": "no object"}', message: { kind: 'unknown' } },
  { line: '{"event": 5}', message: { kind: 'unknown' } },
  { line: '{"QMP": true}', message: { kind: 'unknown' } },
  { line: '{}', message: { kind: 'unknown' } },
];

describe('what QEMU says', () => {
  test.each(MESSAGES)('$line', ({ line, message }) => {
    expect(decodeMessage(bytes(line))).toEqual(message);
  });

  test.each(['', ' \r', '[]', 'null', '5', '"text"', '{', '{"return": {}', '{"return": {}} {"return": {}}'])(
    '%j is no message',
    line => {
      expect(decodeMessage(bytes(line))).toBeUndefined();
    },
  );

  test('neither is what is no UTF-8', () => {
    const line = bytes('{"event": "?"}');
    line[line.indexOf(0x3f)] = 0xff;
    expect(decodeMessage(line)).toBeUndefined();
  });
});

test('a command is a line of JSON, without arguments where there are none', () => {
  const text = (command: Parameters<typeof encodeCommand>[0]): string =>
    new TextDecoder().decode(encodeCommand(command));
  expect(text({ execute: 'stop', id: 7 })).toBe('{"execute":"stop","id":7}\n');
  expect(text({ execute: 'balloon', arguments: { value: 5, note: 'ü\n' }, id: 8 })).toBe(
    '{"execute":"balloon","arguments":{"value":5,"note":"ü\\n"},"id":8}\n',
  );
});
