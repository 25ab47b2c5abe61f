/**
 * One download as a pure state machine: events in, a new state and actions out. Time comes with the events.
 *
 * A flight is what waits for an acknowledgement: blocks `acked + 1` to `sent`, at most a window of them. The OACK is
 * block 0 and a flight of its own. Lockstep (RFC 1350) is a window of one. Blocks are counted without end here; the
 * 16 bits on the wire begin again at 0 after 65,535.
 */
import { quote } from '../../base/diagnostic.ts';
import { type Pace, startPace, timeoutOf, withSample } from './pace.ts';
import { ERROR } from './packet.ts';

export interface TransferPlan {
  /** Bytes of the file. */
  readonly size: number;
  readonly blksize: number;
  readonly windowsize: number;
  /** The interval between retransmissions that the client asked for (RFC 2349), milliseconds. */
  readonly timeoutMs: number | undefined;
  /** The answer to the request is an OACK, not the first block. */
  readonly oack: boolean;
}

export type TransferEvent =
  | { readonly kind: 'ack'; readonly block: number; readonly at: number }
  | { readonly kind: 'error'; readonly code: number; readonly text: string }
  /** The client does not listen any more: its port is closed, or it has sent another request from there. */
  | { readonly kind: 'gone'; readonly reason: string }
  /** The deadline may have passed. */
  | { readonly kind: 'time'; readonly at: number }
  /** The last flight went out only now, because the disk was slow. */
  | { readonly kind: 'resumed'; readonly at: number }
  /** The server cannot go on: the file became unreadable, or it stops. The text goes to the client. */
  | { readonly kind: 'fault'; readonly text: string };

export type TransferOutcome =
  | { readonly kind: 'complete' }
  /** The client took no data: it wanted to know the size or the options, or it never answered at all. */
  | { readonly kind: 'probe' }
  | { readonly kind: 'failed'; readonly reason: string };

export type TransferAction =
  | { readonly kind: 'oack' }
  /** DATA packets of all blocks from `first` to `last`, both included. */
  | { readonly kind: 'data'; readonly first: number; readonly last: number }
  | { readonly kind: 'error'; readonly code: number; readonly text: string }
  /** Always the last action. */
  | { readonly kind: 'end'; readonly outcome: TransferOutcome };

export interface TransferState {
  readonly plan: TransferPlan;
  /** Number of the final block, which is shorter than the others and may be empty. */
  readonly lastBlock: number;
  readonly acked: number;
  readonly sent: number;
  /** The flight repeats blocks up to here that were sent before, since an acknowledgement told of a gap. */
  readonly repeatedTo: number;
  /** How often the flight was sent. */
  readonly copies: number;
  /** Duplicate acknowledgements still to be expected from packets that are already on their way. */
  readonly echoes: number;
  /** How often acknowledgements may still make the server send blocks again; whole windows earn it. */
  readonly recoveries: number;
  /** When the flight was sent first, and when progress was made last. Milliseconds. */
  readonly sentAt: number;
  readonly pace: Pace;
  /** When to send the flight again; Infinity once the transfer is over. */
  readonly deadline: number;
  /** Timeouts since the path was measured last. */
  readonly timeouts: number;
  /** The client has answered, so its address is no forgery. */
  readonly heard: boolean;
  /** Blocks sent again, in all. */
  readonly retransmitted: number;
}

export interface TransferStep {
  readonly state: TransferState;
  readonly actions: readonly TransferAction[];
}

/** An address that never answered gets this many packets at most: a forged request must not flood a victim. */
const UNHEARD_ATTEMPTS = 5;
/**
 * A network that doubles packets brings acknowledgements that look like losses. One recovery for each whole window, and
 * this many in a row, keep the traffic below twice the file; beyond that the timer recovers.
 */
const RECOVERIES = 3;
/**
 * The back-off outlives the progress that follows it, or a path that became slow would get every window twice and never
 * be measured again (Karn). Two doublings suffice for the queues of a boot storm; more would only slow a lossy link.
 */
const KEPT_TIMEOUTS = 2;
/** A client without progress for so long is gone, milliseconds. */
const PATIENCE = 30_000;

/** The answer to a request. */
export function beginTransfer(plan: TransferPlan, at: number): TransferStep {
  const state: TransferState = {
    plan,
    lastBlock: Math.floor(plan.size / plan.blksize) + 1,
    acked: plan.oack ? -1 : 0,
    sent: plan.oack ? 0 : 1,
    repeatedTo: -1,
    copies: 1,
    echoes: 0,
    recoveries: RECOVERIES,
    sentAt: at,
    pace: startPace(plan.timeoutMs),
    deadline: 0,
    timeouts: 0,
    heard: false,
    retransmitted: 0,
  };
  return { state: { ...state, deadline: deadlineOf(state, at) }, actions: [flightOf(state)] };
}

export function stepTransfer(state: TransferState, event: TransferEvent): TransferStep {
  if (state.deadline === Infinity) return { state, actions: [] };
  switch (event.kind) {
    case 'ack':
      return onAck(state, event.block, event.at);
    case 'error':
      return end(state, outcomeOfError(state, event.code, event.text));
    case 'gone':
      return end(state, outcomeOfGone(state, event.reason));
    case 'time':
      return event.at < state.deadline ? { state, actions: [] } : onTimeout(state, event.at);
    case 'resumed':
      return onResumed({ ...state, sentAt: event.at }, event.at);
    case 'fault':
      return end(state, { kind: 'failed', reason: event.text }, event.text);
  }
}

function onAck(state: TransferState, number: number, at: number): TransferStep {
  const ahead = (number - state.acked) & 0xffff;
  if (ahead > state.sent - state.acked) return { state, actions: [] };
  return ahead === 0 ? onDuplicateAck(state, at) : onProgress(state, state.acked + ahead, at);
}

/** The client has everything up to `block`: the next window begins behind it (RFC 7440 section 4). */
function onProgress(state: TransferState, block: number, at: number): TransferStep {
  if (block === state.lastBlock) return end({ ...state, acked: block, heard: true }, { kind: 'complete' });
  const whole = block === state.sent;
  const sample = sampleOf(state, block, at);
  // No gap after all: what was sent again is answered by the client, which has it already, and the rest is on its way.
  const slides = !whole && (block === state.repeatedTo || state.recoveries === 0);
  const first = slides ? state.sent + 1 : block + 1;
  const next: TransferState = {
    ...state,
    acked: block,
    sent: Math.min(block + state.plan.windowsize, state.lastBlock),
    repeatedTo: state.sent,
    copies: 1,
    echoes: slides ? block - state.acked - 1 : echoesAfter(state, block),
    recoveries: slides ? state.recoveries : Math.min(RECOVERIES, state.recoveries + (whole ? 1 : -1)),
    sentAt: at,
    pace: sample === undefined ? state.pace : withSample(state.pace, sample),
    timeouts: sample === undefined ? Math.min(state.timeouts, KEPT_TIMEOUTS) : 0,
    heard: true,
    retransmitted: state.retransmitted + Math.max(0, state.sent - first + 1),
  };
  return {
    state: { ...next, deadline: deadlineOf(next, at) },
    actions: first > next.sent ? [] : [{ kind: 'data', first, last: next.sent }],
  };
}

/**
 * EDK2 acknowledges every block that it did not expect (Mtftp4RrqHandleData), so one lost block brings a burst of equal
 * acknowledgements, and every block sent twice brings another one. Answering each would double the traffic for ever
 * (the sorcerer's apprentice). The first is a loss; those that packets on their way must cause are only counted off.
 */
function onDuplicateAck(state: TransferState, at: number): TransferStep {
  const flight = state.sent - state.acked;
  const heard = { ...state, heard: true };
  if (state.echoes > 0) return { state: { ...heard, echoes: state.echoes - 1 }, actions: [] };
  if (flight === 1 || state.recoveries === 0) return { state: heard, actions: [] };
  return sendAgain({ ...heard, echoes: flight - 2, recoveries: state.recoveries - 1 }, at);
}

function onTimeout(state: TransferState, at: number): TransferStep {
  const silent = !state.heard && state.timeouts + 1 >= UNHEARD_ATTEMPTS;
  if (silent) return end(state, { kind: 'failed', reason: 'the client never answered' });
  return sendAgain(
    { ...state, timeouts: state.timeouts + 1, echoes: 0, recoveries: Math.max(1, state.recoveries) },
    at,
  );
}

function sendAgain(state: TransferState, at: number): TransferStep {
  const waited = at - state.sentAt;
  if (waited >= PATIENCE) return end(state, outcomeOfSilence(state));
  const next: TransferState = {
    ...state,
    copies: state.copies + 1,
    deadline: deadlineOf(state, at),
    retransmitted: state.retransmitted + (state.sent - state.acked),
  };
  return { state: next, actions: [flightOf(next)] };
}

function onResumed(state: TransferState, at: number): TransferStep {
  return { state: { ...state, deadline: deadlineOf(state, at) }, actions: [] };
}

function end(state: TransferState, outcome: TransferOutcome, tellClient?: string): TransferStep {
  const farewell: TransferAction[] =
    tellClient === undefined ? [] : [{ kind: 'error', code: ERROR.undefined, text: tellClient }];
  return { state: { ...state, deadline: Infinity }, actions: [...farewell, { kind: 'end', outcome }] };
}

/**
 * OVMF asks for the size first and hangs up with ERROR 8 after the OACK; older PXE ROMs do the same with ERROR 0
 * (boot-lab section 4).
 */
function outcomeOfError(state: TransferState, code: number, text: string): TransferOutcome {
  const hangsUp = code === ERROR.optionRefused || code === ERROR.undefined;
  if (state.plan.oack && state.acked < 0 && hangsUp) return { kind: 'probe' };
  return { kind: 'failed', reason: `the client ended it: error ${code} ${quote(text)}` };
}

/** A client that closes its port once all was sent has the file: only its last acknowledgement was lost. */
function outcomeOfGone(state: TransferState, reason: string): TransferOutcome {
  if (!state.heard || (state.plan.oack && state.acked < 0)) return { kind: 'probe' };
  if (state.sent === state.lastBlock) return { kind: 'complete' };
  return { kind: 'failed', reason };
}

/**
 * Where no closed port is reported (iPXE, single-port mode), silence is all that shows of a lost last acknowledgement;
 * of a client that took data until the end, that is the likelier reason.
 */
function outcomeOfSilence(state: TransferState): TransferOutcome {
  if (state.sent === state.lastBlock && state.acked > 0) return { kind: 'complete' };
  return { kind: 'failed', reason: `no answer from the client for ${PATIENCE / 1000} s` };
}

function flightOf(state: TransferState): TransferAction {
  return state.acked < 0 ? { kind: 'oack' } : { kind: 'data', first: state.acked + 1, last: state.sent };
}

function deadlineOf(state: TransferState, at: number): number {
  return Math.min(at + timeoutOf(state.pace, state.timeouts), state.sentAt + PATIENCE);
}

/** Every copy but the first brings one, and so does every block behind a gap, but for the one that told of it. */
function echoesAfter(state: TransferState, block: number): number {
  const copies = (state.copies - 1) * (state.sent - state.acked);
  return copies + Math.max(0, state.sent - block - 2);
}

/** Karn's rule: the answer to what was sent more than once measures nothing. */
function sampleOf(state: TransferState, block: number, at: number): number | undefined {
  return state.copies === 1 && block > state.repeatedTo ? at - state.sentAt : undefined;
}
