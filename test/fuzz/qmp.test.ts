import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { decodeMessage, encodeCommand } from '../../src/wire/qmp/message.ts';
import { type QmpAction, QmpSession } from '../../src/wire/qmp/session.ts';
import { budget } from './budget.ts';

const GREETING =
  '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 0, "major": 9}, "package": ""}, "capabilities": []}}';

/** Whole messages, parts of some, and noise. */
const piece = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.json().map(text => new TextEncoder().encode(`${text}\n`)),
  fc
    .oneof(
      fc.constantFrom(GREETING, '{"return": {}, "id": 0}', '{"event": "STOP"}', '', '{', '"', '\\u', '€'),
      fc
        .record({ return: fc.jsonValue(), id: fc.integer({ min: 0, max: 6 }) })
        .map(value => JSON.stringify(value)),
      fc.record({ error: fc.jsonValue(), id: fc.jsonValue() }).map(value => JSON.stringify(value)),
      fc
        .record({ event: fc.jsonValue(), data: fc.jsonValue(), timestamp: fc.jsonValue() })
        .map(value => JSON.stringify(value)),
    )
    .map(text => new TextEncoder().encode(`${text}\r\n`)),
);

function feedAll(pieces: readonly Uint8Array[]): QmpAction[] {
  const session = new QmpSession();
  for (let i = 0; i < 5; i++) session.command('query-status');
  return pieces.flatMap(bytes => session.feed(bytes));
}

/** The same bytes, cut elsewhere. */
function recut(pieces: readonly Uint8Array[], size: number): Uint8Array[] {
  const whole = concat(pieces);
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, i) =>
    whole.slice(i * size, (i + 1) * size),
  );
}

test('whatever comes: nothing is thrown, the cuts do not matter, an answer counts once, nothing follows a break', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.integer({ min: 1, max: 50 }), (pieces, size) => {
      const actions = feedAll(pieces);
      expect(feedAll(recut(pieces, size))).toEqual(actions);
      const answered = actions.flatMap(action =>
        action.kind === 'returned' || action.kind === 'refused' ? [action.id] : [],
      );
      expect(answered).toEqual([...new Set(answered)]);
      const broken = actions.findIndex(({ kind }) => kind === 'broken');
      if (broken >= 0) expect(broken).toBe(actions.length - 1);
    }),
    budget('QMP session'),
  );
});

test('a command is one line, and whoever reads it gets what was meant', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.nat(),
      (execute, args, id) => {
        const line = encodeCommand({ execute, arguments: args, id });
        expect(line.indexOf(0x0a)).toBe(line.length - 1);
        const meant = { execute, arguments: args, id };
        expect(JSON.parse(new TextDecoder().decode(line))).toEqual(JSON.parse(JSON.stringify(meant)));
      },
    ),
    budget('QMP commands'),
  );
});

test('an answer comes back as QEMU wrote it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(), (value, id) => {
      const line = new TextEncoder().encode(`${JSON.stringify({ return: value, id })}\r`);
      expect(decodeMessage(line)).toEqual(JSON.parse(JSON.stringify({ kind: 'return', id, value })));
    }),
    budget('QMP answers'),
  );
});
