import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GuestAgent } from '../../src/agent/vm/guest-agent.ts';
import { guestAnswerSchema, guestRequestSchema } from '../../src/api/guest.ts';
import { concat } from '../../src/base/bytes.ts';
import { PxenError } from '../../src/base/error.ts';
import { type GuestAction, GuestSession } from '../../src/wire/qmp/guest.ts';
import {
  addressesOf,
  executionOf,
  hostNameOf,
  interfacesOf,
  osOf,
  pieceOf,
  versionOf,
} from '../../src/wire/qmp/guest-answers.ts';
import { fastClock } from '../fakes/fast-clock.ts';
import { budget } from './budget.ts';

const FIRST = 5;
const line = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`);

/** Answers that fit, those that nearly do, parts of some, and noise. */
const piece = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.constantFrom([0xff], [0x0a], [0xff, 0x0a]).map(bytes => Uint8Array.from(bytes)),
  fc
    .record({
      return: fc.oneof(fc.integer({ min: FIRST, max: FIRST + 3 }), fc.jsonValue()),
      id: fc.integer({ min: FIRST, max: FIRST + 3 }),
    })
    .map(line),
  fc.record({ error: fc.jsonValue(), id: fc.jsonValue() }).map(line),
  fc.integer({ min: FIRST, max: FIRST + 3 }).map(id => concat([Uint8Array.of(0xff), line({ return: id })])),
  fc.json().map(text => new TextEncoder().encode(`${text}\r\n`)),
);

/** Synchronizes, then gives a command as soon as it may. */
function converse(pieces: readonly Uint8Array[]): GuestAction[] {
  const session = new GuestSession(FIRST);
  session.synchronize();
  return pieces.flatMap(bytes =>
    session.feed(bytes).map(action => {
      if (action.kind === 'synchronized') session.command('guest-ping', undefined);
      return action;
    }),
  );
}

test('whatever a guest says: nothing is thrown, one answer to one question, nothing follows a break', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
      const kinds = converse(pieces).map(({ kind }) => kind);
      expect(kinds.length).toBeLessThanOrEqual(2);
      if (kinds.length > 0) expect(kinds[0]).toBe('synchronized');
      if (kinds.length > 1) expect(kinds[1]).not.toBe('synchronized');
    }),
    budget('guest agent session'),
  );
});

test('an answer comes back as the guest wrote it, whatever stood before and wherever it is cut', () => {
  const garbage = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(garbage, fc.jsonValue(), fc.integer({ min: 1, max: 50 }), (before, value, size) => {
      const session = new GuestSession(FIRST);
      session.synchronize();
      const greeting = concat([before, Uint8Array.of(0x0a, 0xff), line({ return: FIRST + 1 })]);
      expect(cut(greeting, size).flatMap(part => session.feed(part))).toEqual([{ kind: 'synchronized' }]);
      session.command('guest-ping', undefined);
      expect(cut(line({ return: value }), size).flatMap(part => session.feed(part))).toEqual([
        { kind: 'returned', value: JSON.parse(JSON.stringify(value)) },
      ]);
    }),
    budget('guest agent answers'),
  );
});

test('a guest that answers anything is told apart from a good one, and every question ends', async () => {
  const file = fc.record({ 'buf-b64': fc.base64String(), eof: fc.boolean() }, { requiredKeys: [] });
  const execution = fc.record({
    exited: fc.boolean(),
    exitcode: fc.jsonValue(),
    'out-data': fc.base64String(),
  });
  const anything = fc.oneof(
    fc.jsonValue(),
    fc.integer(),
    fc.record({ pid: fc.nat(), count: fc.integer() }),
    file,
    execution,
  );
  const question = fc.oneof(
    fc.constantFrom({ ask: 'ping' }, { ask: 'info' }),
    fc.record({ ask: fc.constantFrom('read', 'exec'), path: fc.string({ minLength: 1 }) }),
    fc.record({ ask: fc.constant('write'), path: fc.constant('x'), content: fc.base64String() }),
  );
  await fc.assert(
    fc.asyncProperty(question, fc.array(anything, { maxLength: 6 }), async (asked, answers) => {
      const left = [...answers];
      const refused = new PxenError('WORKLOAD_FAILED', 'the guest agent refused it');
      const commands = {
        execute: () => (left.length > 0 ? Promise.resolve(left.shift()) : Promise.reject(refused)),
        close: () => {},
      };
      const agent = new GuestAgent({ name: 'web', commands, clock: fastClock(10_000), changed: () => {} });
      const outcome = await agent
        .answer(guestRequestSchema.parse(asked), new AbortController().signal)
        .catch((thrown: unknown) => thrown);
      if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'WORKLOAD_FAILED' });
      else expect(guestAnswerSchema.safeParse(outcome).error).toBeUndefined();
    }),
    budget('guest agent'),
  );
});

function cut(whole: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, i) =>
    whole.slice(i * size, (i + 1) * size),
  );
}

const entry = fc.record(
  {
    name: fc.oneof(fc.string(), fc.jsonValue()),
    'hardware-address': fc.oneof(fc.constant('52:54:00:00:00:01'), fc.jsonValue()),
    'ip-addresses': fc.oneof(
      fc.array(
        fc.record({
          'ip-address': fc.oneof(fc.ipV4(), fc.ipV6(), fc.jsonValue()),
          prefix: fc.oneof(fc.nat(200), fc.jsonValue()),
        }),
      ),
      fc.jsonValue(),
    ),
  },
  { requiredKeys: [] },
);

test('what is made of any answer fits what host0 takes', () => {
  fc.assert(
    fc.property(fc.oneof(fc.array(entry), fc.jsonValue()), fc.jsonValue(), (interfaces, other) => {
      const told = interfacesOf(interfaces);
      const execution = executionOf(other);
      const answer = {
        version: versionOf(other),
        hostName: hostNameOf(other),
        os: osOf(other),
        interfaces: told,
        content: pieceOf(other)?.content,
        ...(execution?.exited && { output: execution.output, exitCode: execution.exitCode }),
      };
      expect(guestAnswerSchema.safeParse(answer).error).toBeUndefined();
      for (const address of addressesOf(told)) expect(address).toMatch(/^[0-9a-f:.]+(\/\d+)?$/i);
    }),
    budget('guest agent values'),
  );
});
