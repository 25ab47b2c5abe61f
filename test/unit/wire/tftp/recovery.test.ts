/** Whole transfers in virtual time, against models of real clients, over a link that loses and repeats packets. */
import { describe, expect, test } from 'vitest';
import { beginTransfer, stepTransfer, type TransferAction } from '../../../../src/wire/tftp/transfer.ts';

const BLOCKS = 400;
const HALF_TRIP = 1;

interface Client {
  expected: number;
  inWindow: number;
  /** Acknowledges again what is not expected: never, once for each gap, or always (EDK2, and iPXE in lockstep). */
  readonly complains: 'never' | 'once' | 'always';
  complained: boolean;
}

interface Link {
  /** Chance of a packet to get lost, and to arrive twice; 0 to 1. */
  readonly loss: number;
  readonly doubling: number;
}

interface Result {
  readonly complete: boolean;
  /** DATA packets on the wire for each block of the file. */
  readonly cost: number;
  readonly milliseconds: number;
}

/** Park and Miller: the same numbers on every run. */
function generator(seed: number): () => number {
  let value = seed;
  return () => {
    value = (value * 48_271) % 2_147_483_647;
    return value / 2_147_483_647;
  };
}

/** The acknowledgement that the client sends for a block, if any. */
function receive(client: Client, block: number, windowsize: number): number | undefined {
  if (block !== client.expected) {
    const speaks = client.complains === 'always' || (client.complains === 'once' && !client.complained);
    client.complained = true;
    if (speaks) client.inWindow = 0;
    return speaks ? client.expected - 1 : undefined;
  }
  client.expected++;
  client.complained = false;
  client.inWindow++;
  if (client.inWindow < windowsize && block !== BLOCKS) return undefined;
  client.inWindow = 0;
  return block;
}

function download(windowsize: number, complains: Client['complains'], link: Link, seed: number): Result {
  const random = generator(seed);
  const client: Client = { expected: 0, inWindow: 0, complains, complained: false };
  const wire: { at: number; order: number; block: number; toServer: boolean }[] = [];
  let order = 0;
  let now = 0;
  let dataSent = 0;
  let heardAt = 0;
  let complete: boolean | undefined;

  const post = (block: number, toServer: boolean): void => {
    const copies = random() < link.loss ? 0 : random() < link.doubling ? 2 : 1;
    for (let i = 0; i < copies; i++) wire.push({ at: now + HALF_TRIP, order: order++, block, toServer });
  };
  const act = (action: TransferAction): void => {
    if (action.kind === 'oack') post(0, false);
    if (action.kind === 'end') complete = action.outcome.kind === 'complete';
    if (action.kind !== 'data') return;
    for (let block = action.first; block <= action.last; block++, dataSent++) post(block, false);
  };

  const plan = { size: (BLOCKS - 1) * 512, blksize: 512, windowsize, timeoutMs: undefined, oack: true };
  let step = beginTransfer(plan, 0);
  step.actions.forEach(act);
  while (complete === undefined && dataSent < 30 * BLOCKS) {
    wire.sort((a, b) => a.at - b.at || a.order - b.order);
    const clientTimer = client.expected > BLOCKS ? Infinity : heardAt + 1000;
    now = Math.min(wire[0]?.at ?? Infinity, step.state.deadline, clientTimer);
    if (wire[0]?.at === now) {
      const { block, toServer } = wire.shift() ?? { block: 0, toServer: false };
      if (toServer) step = stepTransfer(step.state, { kind: 'ack', block: block & 0xffff, at: now });
      else {
        heardAt = now;
        const answer = block === 0 && client.expected === 0 ? 0 : receive(client, block, windowsize);
        client.expected = Math.max(client.expected, 1);
        if (answer !== undefined && answer >= 0) post(answer, true);
        continue;
      }
    } else if (step.state.deadline === now) step = stepTransfer(step.state, { kind: 'time', at: now });
    else {
      heardAt = now;
      client.inWindow = 0;
      if (client.expected > 0) post(client.expected - 1, true);
      continue;
    }
    step.actions.forEach(act);
  }
  // The client has the file; a last acknowledgement may be lost for ever, the server cannot know.
  return { complete: client.expected > BLOCKS, cost: dataSent / BLOCKS, milliseconds: now };
}

/** Worst results of several runs. */
function worst(windowsize: number, complains: Client['complains'], link: Link): Result {
  const runs = Array.from({ length: 20 }, (_, i) => download(windowsize, complains, link, 1000 + i * 7919));
  return {
    complete: runs.every(run => run.complete),
    cost: Math.max(...runs.map(run => run.cost)),
    milliseconds: Math.max(...runs.map(run => run.milliseconds)),
  };
}

describe('downloads of 400 blocks always arrive, and no loss multiplies the traffic', () => {
  const CLIENTS = ['never', 'once', 'always'] as const;
  const WINDOWS = [1, 4, 16, 64];
  const cases = WINDOWS.flatMap(windowsize => CLIENTS.map(complains => ({ windowsize, complains })));

  test.each(cases)(
    'no loss: window $windowsize, client complains $complains',
    ({ windowsize, complains }) => {
      expect(worst(windowsize, complains, { loss: 0, doubling: 0 })).toMatchObject({
        complete: true,
        cost: 1,
      });
    },
  );

  test.each(cases)(
    '1 % loss: window $windowsize, client complains $complains',
    ({ windowsize, complains }) => {
      const result = worst(windowsize, complains, { loss: 0.01, doubling: 0 });
      expect(result.complete).toBe(true);
      expect(result.cost).toBeLessThan(windowsize === 64 ? 3 : 1.7);
    },
  );

  test.each(cases)(
    '20 % loss: window $windowsize, client complains $complains',
    ({ windowsize, complains }) => {
      const result = worst(windowsize, complains, { loss: 0.2, doubling: 0 });
      expect(result.complete).toBe(true);
    },
  );

  // Each packet of a window may bring a false complaint; the budget of recoveries bounds what that costs.
  test.each(cases)(
    'half of the packets come twice: window $windowsize, client complains $complains',
    ({ windowsize, complains }) => {
      const result = worst(windowsize, complains, { loss: 0.01, doubling: 0.5 });
      expect(result.complete).toBe(true);
      expect(result.cost).toBeLessThan(windowsize === 64 ? 6 : 3);
    },
  );
});
