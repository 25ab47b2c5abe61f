import { describe, expect, test } from 'vitest';
import {
  beginTransfer,
  stepTransfer,
  type TransferEvent,
  type TransferPlan,
  type TransferState,
} from '../../../../src/wire/tftp/transfer.ts';

const LOCKSTEP: TransferPlan = { size: 1000, blksize: 512, windowsize: 1, timeoutMs: undefined, oack: true };
const WINDOWED: TransferPlan = { ...LOCKSTEP, size: 10_000, blksize: 100, windowsize: 4 };
const PLAIN: TransferPlan = { ...LOCKSTEP, oack: false };

function ack(block: number, at: number): TransferEvent {
  return { kind: 'ack', block, at };
}

function time(at: number): TransferEvent {
  return { kind: 'time', at };
}

/** What the server does, one line for the beginning and one for each event: `data 1-4`, `end complete`, or nothing. */
function trace(plan: TransferPlan, ...events: TransferEvent[]): string[] {
  return run(plan, ...events).lines;
}

function run(plan: TransferPlan, ...events: TransferEvent[]): { lines: string[]; state: TransferState } {
  let step = beginTransfer(plan, 0);
  const lines = [describeActions(step.actions)];
  for (const event of events) {
    step = stepTransfer(step.state, event);
    lines.push(describeActions(step.actions));
  }
  return { lines, state: step.state };
}

function describeActions(actions: ReturnType<typeof beginTransfer>['actions']): string {
  return actions
    .map(action => {
      if (action.kind === 'oack') return 'oack';
      if (action.kind === 'data') return `data ${action.first}-${action.last}`;
      if (action.kind === 'error') return `error ${action.code} ${action.text}`;
      return `end ${action.outcome.kind}${action.outcome.kind === 'failed' ? `: ${action.outcome.reason}` : ''}`;
    })
    .join(', ');
}

describe('a transfer without loss', () => {
  test('iPXE: OACK, then a block for every acknowledgement', () => {
    expect(trace(LOCKSTEP, ack(0, 1), ack(1, 2), ack(2, 3))).toEqual([
      'oack',
      'data 1-1',
      'data 2-2',
      'end complete',
    ]);
  });

  test('a client without options gets the first block at once', () => {
    expect(trace(PLAIN, ack(1, 1), ack(2, 2))).toEqual(['data 1-1', 'data 2-2', 'end complete']);
  });

  test.each([
    [0, 1],
    [1, 1],
    [511, 1],
    [512, 2],
    [513, 2],
    [1024, 3],
  ])('a file of %i bytes in blocks of 512 has %i blocks', (size, blocks) => {
    const events = Array.from({ length: blocks }, (_, i) => ack(i + 1, i));
    expect(trace({ ...PLAIN, size }, ...events).at(-1)).toBe('end complete');
  });

  test('OVMF: four blocks for every acknowledgement, and what is left in the end', () => {
    expect(trace({ ...WINDOWED, size: 550 }, ack(0, 1), ack(4, 2), ack(6, 3))).toEqual([
      'oack',
      'data 1-4',
      'data 5-6',
      'end complete',
    ]);
  });

  test('block numbers go on at 0 after 65,535', () => {
    const plan = { ...WINDOWED, size: 70_000 * 100, windowsize: 3 };
    let { state } = beginTransfer(plan, 0);
    let sent = 0;
    for (let block = 0; block <= 70_001; block = Math.min(block + 3, 70_001)) {
      const step = stepTransfer(state, ack(block & 0xffff, block));
      state = step.state;
      const [action] = step.actions;
      if (action?.kind !== 'data') break;
      expect(action.first).toBe(sent + 1);
      sent = action.last;
    }
    expect([sent, state.acked, state.deadline]).toEqual([70_001, 70_001, Infinity]);
  });
});

describe('acknowledgements that mean nothing', () => {
  test('in lockstep a duplicate is not answered: the timer alone sends again', () => {
    expect(trace(LOCKSTEP, ack(0, 1), ack(0, 2), ack(0, 3), ack(1, 4), ack(0, 5), ack(1, 6))).toEqual([
      'oack',
      'data 1-1',
      '',
      '',
      'data 2-2',
      '',
      '',
    ]);
  });

  test('blocks never sent, and blocks long acknowledged, are ignored', () => {
    expect(trace(WINDOWED, ack(1, 1), ack(65_535, 1), ack(0, 2), ack(5, 3), ack(65_000, 4))).toEqual([
      'oack',
      '',
      '',
      'data 1-4',
      '',
      '',
    ]);
  });

  test('nothing happens after the end', () => {
    const over: TransferEvent[] = [ack(1, 1), time(99_999), { kind: 'fault', text: 'late' }, ack(1, 2)];
    expect(trace({ ...PLAIN, size: 0 }, ...over)).toEqual(['data 1-1', 'end complete', '', '', '']);
  });
});

describe('window recovery: once for every loss (EDK2 acknowledges each unexpected block)', () => {
  test('a block in the middle is lost: the window begins again behind the gap, and the echoes are counted off', () => {
    // 2 is lost; EDK2 answers 3 and 4 with ACK 1.
    expect(trace(WINDOWED, ack(0, 1), ack(1, 2), ack(1, 3), ack(5, 4))).toEqual([
      'oack',
      'data 1-4',
      'data 2-5',
      '',
      'data 6-9',
    ]);
  });

  test('the first block of a window is lost: the first duplicate is the news, two more are echoes', () => {
    expect(trace(WINDOWED, ack(0, 1), ack(4, 2), ack(4, 3), ack(4, 4), ack(4, 5), ack(8, 6))).toEqual([
      'oack',
      'data 1-4',
      'data 5-8',
      'data 5-8',
      '',
      '',
      'data 9-12',
    ]);
  });

  test('the block is lost again: one duplicate more than echoes sends the window again', () => {
    const events = [ack(0, 1), ack(4, 2), ack(4, 3), ack(4, 4), ack(4, 5), ack(4, 6), ack(4, 7)];
    expect(trace(WINDOWED, ...events)).toEqual([
      'oack',
      'data 1-4',
      'data 5-8',
      'data 5-8',
      '',
      '',
      'data 5-8',
      '',
    ]);
  });

  test('a needless retransmission brings one echo for each block, and none of them is answered', () => {
    const echoes = [ack(4, 302), ack(4, 303), ack(4, 304), ack(4, 305)];
    expect(trace(WINDOWED, ack(0, 1), time(101), ack(4, 301), ...echoes, ack(8, 306))).toEqual([
      'oack',
      'data 1-4',
      'data 1-4',
      'data 5-8',
      '',
      '',
      '',
      '',
      'data 9-12',
    ]);
  });

  test('a client whose windows begin elsewhere gets no block twice for long', () => {
    // It acknowledges 6 of 5-8 without any loss, answers the repeated 7 and 8, and is in step again after 12.
    const events = [ack(0, 1), ack(4, 2), ack(6, 3), ack(8, 4), ack(8, 5), ack(12, 6)];
    expect(trace(WINDOWED, ...events)).toEqual([
      'oack',
      'data 1-4',
      'data 5-8',
      'data 7-10',
      'data 11-12',
      '',
      'data 13-16',
    ]);
  });

  test('counts what it sent again', () => {
    expect(run(WINDOWED, ack(0, 1), ack(1, 2), ack(1, 3), time(150)).state.retransmitted).toBe(3 + 4);
  });
});

describe('timeouts', () => {
  test('an unmeasured path: 300 ms, doubled each time, and five packets at most for a stranger', () => {
    const waits: number[] = [];
    let step = beginTransfer(LOCKSTEP, 0);
    let now = 0;
    while (step.state.deadline !== Infinity) {
      waits.push(step.state.deadline - now);
      now = step.state.deadline;
      expect(stepTransfer(step.state, time(now - 1)).actions).toEqual([]);
      step = stepTransfer(step.state, time(now));
    }
    expect(waits).toEqual([300, 600, 1200, 2400, 4800]);
    expect(describeActions(step.actions)).toBe('end failed: the client never answered');
  });

  test.each([
    [1, 50],
    [12, 50],
    [25, 100],
    [50, 200],
    [400, 1600],
    [600, 2400],
  ])('a round trip of %i ms means sending again after %i ms', (roundTrip, wait) => {
    const { state } = run(LOCKSTEP, ack(0, roundTrip));
    expect(state.deadline - roundTrip).toBe(wait);
  });

  test('a client that was heard is waited for 30 s, then given up', () => {
    let { state } = run(LOCKSTEP, ack(0, 1));
    let line = '';
    let now = 0;
    for (; state.deadline !== Infinity; now = state.deadline === Infinity ? now : state.deadline) {
      const step = stepTransfer(state, time(state.deadline));
      state = step.state;
      line = describeActions(step.actions);
    }
    expect(now).toBe(30_001);
    expect(line).toBe('end failed: no answer from the client for 30 s');
  });

  test('duplicates without end do not keep a transfer alive', () => {
    let { state } = run(WINDOWED, ack(0, 1));
    let now = 1;
    while (state.deadline !== Infinity && now < 60_000) {
      now += 50;
      state = stepTransfer(stepTransfer(state, ack(0, now)).state, time(now)).state;
    }
    expect(now).toBeLessThan(31_000);
  });

  test("the client's interval holds until the path is measured, and is the upper limit afterwards", () => {
    const slow = { ...LOCKSTEP, timeoutMs: 5000 };
    expect(beginTransfer(slow, 0).state.deadline).toBe(5000);
    expect(run(slow, ack(0, 10)).state.deadline).toBe(60);
    const quick = { ...LOCKSTEP, timeoutMs: 1000 };
    expect(run(quick, ack(0, 600)).state.deadline).toBe(1600);
    expect(beginTransfer({ ...LOCKSTEP, timeoutMs: 255_000 }, 0).state.deadline).toBe(30_000);
  });

  test('a path that became slow is measured again, since the back-off stays until then', () => {
    // Round trip first 4 ms, then 80 ms: block 1 goes out twice, block 2 waits for 100 ms.
    const { lines, state } = run(
      { ...LOCKSTEP, size: 5000 },
      ack(0, 4),
      time(54),
      ack(1, 84),
      time(163),
      ack(2, 164),
    );
    expect(lines).toEqual(['oack', 'data 1-1', 'data 1-1', 'data 2-2', '', 'data 3-3']);
    expect(state.pace.srtt).toBe(4 + (80 - 4) / 8);
  });

  test('an acknowledgement after a real loss does not count as a round trip (Karn)', () => {
    const { state } = run({ ...LOCKSTEP, size: 5000 }, ack(0, 4), time(54), ack(1, 58));
    expect(state.pace.srtt).toBe(4);
  });

  test('a machine that slept meanwhile waits no longer than before', () => {
    const { state } = run(LOCKSTEP, ack(0, 4), ack(1, 3_600_000));
    expect(state.deadline - 3_600_000).toBeLessThanOrEqual(4100);
  });

  test('time that the disk took is not held against the client', () => {
    const { state } = run(LOCKSTEP, ack(0, 10), { kind: 'resumed', at: 5000 }, ack(1, 5010));
    expect(state.pace.srtt).toBe(10);
  });
});

describe('endings', () => {
  test.each<[string, TransferPlan, TransferEvent[], string]>([
    ['OVMF hangs up after its size probe', LOCKSTEP, [{ kind: 'error', code: 8, text: 'x' }], 'end probe'],
    ['older ROMs hang up with ERROR 0', LOCKSTEP, [{ kind: 'error', code: 0, text: '' }], 'end probe'],
    [
      'a client that cannot store the file',
      LOCKSTEP,
      [{ kind: 'error', code: 3, text: 'disk\nfull' }],
      'end failed: the client ended it: error 3 "disk\\nfull"',
    ],
    [
      'ERROR 0 in the middle of the data',
      LOCKSTEP,
      [ack(0, 1), { kind: 'error', code: 0, text: 'stop' }],
      'end failed: the client ended it: error 0 "stop"',
    ],
    ['a port closed after the OACK', LOCKSTEP, [{ kind: 'gone', reason: 'closed' }], 'end probe'],
    [
      'a port closed in the middle',
      WINDOWED,
      [ack(0, 1), { kind: 'gone', reason: 'closed' }],
      'end failed: closed',
    ],
    [
      'a port closed when only the last acknowledgement is missing',
      LOCKSTEP,
      [ack(0, 1), ack(1, 2), { kind: 'gone', reason: 'closed' }],
      'end complete',
    ],
    [
      'silence when only the last acknowledgement is missing',
      LOCKSTEP,
      [ack(0, 1), ack(1, 2), time(31_000)],
      'end complete',
    ],
    [
      'silence in the middle',
      WINDOWED,
      [ack(0, 1), ack(4, 2), time(31_000)],
      'end failed: no answer from the client for 30 s',
    ],
    [
      'an unreadable file',
      LOCKSTEP,
      [{ kind: 'fault', text: 'bad disk' }],
      'error 0 bad disk, end failed: bad disk',
    ],
  ])('%s', (_, plan, events, last) => expect(trace(plan, ...events).at(-1)).toBe(last));
});
