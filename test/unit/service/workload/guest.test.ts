import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { guestRequestSchema, MOST_GUEST_BYTES } from '../../../../src/api/guest.ts';
import { asPxenError, PxenError } from '../../../../src/base/error.ts';
import { AgentClient } from '../../../../src/service/workload/agent.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { ALPHA_HOST } from '../../../fakes/host-workloads.ts';
import { type Play, RawLinks } from '../../../fakes/raw-links.ts';
import { settled } from './appliance.ts';

const answer = (status: number, body: string): string =>
  `HTTP/1.1 ${status} X\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: keep-alive\r\n\r\n${body}`;
const says =
  (text: string): Play =>
  socket =>
    void socket.write(text);
const refused = (error: PxenError): string =>
  JSON.stringify({ error: { code: error.code, message: error.message, details: error.details } });

const UNKNOWN = 'INTERNAL the agent of rack1-01 (91d5815f) answered in an unknown form';
const SILENT = 'TIMEOUT the agent of rack1-01 (91d5815f) said nothing for 310 s';

/** Never more than is taken, and never an end. */
const pours: Play = async socket => {
  socket.write('HTTP/1.1 200 OK\r\n\r\n');
  const more = Buffer.alloc(65_536, 'x');
  while (!socket.destroyed) {
    if (socket.writableLength < 4 * more.length) socket.write(more);
    await turn();
  }
};

describe('what becomes of a question for the agent in a guest', () => {
  test.each<[string, Play, string]>([
    ['is answered', says(answer(200, '{"exitCode": 3, "output": "YQ=="}')), '{"exitCode":3,"output":"YQ=="}'],
    [
      'is refused',
      says(answer(504, refused(new PxenError('TIMEOUT', 'web: its guest agent does not answer within 5 s')))),
      'TIMEOUT web: its guest agent does not answer within 5 s',
    ],
    ['says nothing', () => {}, SILENT],
    ['says half of it', says(answer(200, '{"exitCode": 3}').slice(0, -1)), SILENT],
    [
      'hangs up',
      socket => void socket.end(),
      'AGENT_DOWN the agent of rack1-01 (91d5815f) ended before its answer was complete: socket hang up',
    ],
    ['says what is no JSON', says(answer(200, 'hello')), UNKNOWN],
    ['says what is no answer', says(answer(200, '{"output": "?"}')), UNKNOWN],
    ['refuses in an unknown form', says(answer(500, 'null')), UNKNOWN],
    ['never ends its answer', pours, UNKNOWN],
  ])('of a node that %s', async (_, play, expected) => {
    const clock = new ManualClock();
    const links = new RawLinks(play);
    const asked = guestRequestSchema.parse({ ask: 'exec', path: 'x', timeoutSeconds: 10 });
    let outcome = '';
    new AgentClient({ links, clock }).guest(ALPHA_HOST, 'u', asked, new AbortController().signal).then(
      value => {
        outcome = JSON.stringify(value);
      },
      thrown => {
        outcome = `${asPxenError(thrown).code} ${asPxenError(thrown).message}`;
      },
    );
    // Until it has an outcome, or is sure to have none.
    for (let look = 0; look < 2000 && outcome === ''; look++) await turn();
    clock.advance(310_000);
    await settled();
    expect(outcome).toBe(expected);
    expect([links.links.size, clock.waiting]).toEqual([0, 0]);
  });

  test('both outputs of a command may have four MiB', async () => {
    const output = Buffer.alloc(MOST_GUEST_BYTES).toString('base64');
    const links = new RawLinks(says(answer(200, JSON.stringify({ exitCode: 0, output, errors: output }))));
    const asked = guestRequestSchema.parse({ ask: 'exec', path: 'x' });
    const told = await new AgentClient({ links, clock: new ManualClock() }).guest(
      ALPHA_HOST,
      'u',
      asked,
      new AbortController().signal,
    );
    expect([told.output === output, told.errors === output]).toEqual([true, true]);
  });
});
