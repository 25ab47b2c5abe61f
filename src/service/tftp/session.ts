import { messageOf, systemCode } from '../../base/error.ts';
import type { Clock, UdpSocket } from '../../base/ports.ts';
import type { ServedFile } from '../../base/served.ts';
import { decodeTftp, encodeTftp, type OptionMap } from '../../wire/tftp/packet.ts';
import {
  beginTransfer,
  stepTransfer,
  type TransferAction,
  type TransferEvent,
  type TransferOutcome,
  type TransferPlan,
  type TransferState,
  type TransferStep,
} from '../../wire/tftp/transfer.ts';
import type { FileBlocks } from './blocks.ts';

/** The way to the client: a socket of its own, or its share of the listening one. */
export type OpenLine = (
  onDatagram: (bytes: Uint8Array) => void,
  onError: (error: Error) => void,
) => Promise<Line>;

export type Line = Pick<UdpSocket, 'send' | 'sendAll' | 'close'>;

export interface SessionParts {
  readonly openLine: OpenLine;
  readonly clock: Clock;
  readonly file: ServedFile;
  readonly blocks: FileBlocks;
  readonly plan: TransferPlan;
  readonly accepted: OptionMap;
  readonly onEnd: (outcome: TransferOutcome, state: TransferState) => void;
}

/** One running download: performs what the state machine decides. */
export class Session {
  readonly #parts: SessionParts;
  readonly #oack: Uint8Array;
  #line: Line | undefined;
  #state: TransferState | undefined;
  #heardAt = 0;
  #alarm: { at: number; cancel: () => void } | undefined;
  /** Blocks are being read from the disk; what was to be sent follows as soon as they are there. */
  #waiting = false;
  #ended = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#oack = encodeTftp({ kind: 'oack', options: parts.accepted });
  }

  /** When the client was heard last, by `Clock.elapsed`. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** The client has answered, so its address is no forgery. */
  get heard(): boolean {
    return this.#state?.heard === true;
  }

  /** Opens the line and sends the first answer. Rejects when there is no socket to be had. */
  async start(): Promise<void> {
    const { openLine, clock, plan } = this.#parts;
    this.#heardAt = clock.elapsed();
    this.#line = await openLine(
      bytes => this.#onDatagram(bytes),
      error => this.#onSocketError(error),
    );
    this.#perform(beginTransfer(plan, clock.elapsed()));
  }

  /** Ends the transfer and tells the client why. */
  abort(reason: string): void {
    this.#take({ kind: 'fault', text: reason });
  }

  /** Ends the transfer without a word: an ERROR would hit what the client does next from the same port. */
  abandon(reason: string): void {
    this.#take({ kind: 'gone', reason });
  }

  /** After the end: line and file are closed. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#alarm?.cancel();
    await Promise.all([this.#line?.close(), this.#parts.file.close()]);
  }

  #onDatagram(bytes: Uint8Array): void {
    const packet = decodeTftp(bytes);
    if (packet?.kind === 'ack') {
      this.#heardAt = this.#parts.clock.elapsed();
      // While blocks are read, a client can only repeat itself.
      if (!this.#waiting) this.#take({ kind: 'ack', block: packet.block, at: this.#heardAt });
    } else if (packet?.kind === 'error') this.#take({ kind: 'error', code: packet.code, text: packet.text });
  }

  /** ECONNREFUSED: the client's system answered that nobody listens there. Anything else is a lost packet. */
  #onSocketError(error: Error): void {
    if (systemCode(error) === 'ECONNREFUSED')
      this.#take({ kind: 'gone', reason: 'the client closed its port' });
  }

  #take(event: TransferEvent): void {
    if (this.#state && !this.#ended) this.#perform(stepTransfer(this.#state, event));
  }

  #perform({ state, actions }: TransferStep): void {
    this.#state = state;
    for (const action of actions) this.#act(action, state);
    if (!this.#ended && !this.#waiting) this.#setAlarm(state.deadline);
  }

  #act(action: TransferAction, state: TransferState): void {
    switch (action.kind) {
      case 'oack':
        this.#line?.send(this.#oack);
        break;
      case 'data':
        this.#sendBlocks(action.first, action.last);
        break;
      case 'error':
        this.#line?.send(encodeTftp(action));
        break;
      case 'end':
        this.#ended = true;
        this.#parts.onEnd(action.outcome, state);
    }
  }

  #sendBlocks(first: number, last: number): void {
    let next = first;
    while (next <= last) {
      const packets = this.#parts.blocks.packets(next, last);
      if (packets.length === 0) return void this.#sendWhenRead(next, last);
      this.#line?.sendAll(packets);
      next += packets.length;
    }
  }

  /** Never rejects. */
  async #sendWhenRead(first: number, last: number): Promise<void> {
    this.#waiting = true;
    try {
      await this.#parts.blocks.load(first);
    } catch (error) {
      this.#take({ kind: 'fault', text: `the file cannot be read: ${messageOf(error)}` });
      return;
    }
    if (this.#ended) return;
    this.#waiting = false;
    this.#sendBlocks(first, last);
    if (!this.#waiting) this.#take({ kind: 'resumed', at: this.#parts.clock.elapsed() });
  }

  /** Deadlines move with every acknowledgement; one alarm that goes off early and looks again is cheaper than many. */
  #setAlarm(at: number): void {
    if (this.#alarm && this.#alarm.at <= at) return;
    this.#alarm?.cancel();
    const { clock } = this.#parts;
    const cancel = clock.after(Math.max(0, at - clock.elapsed()), () => this.#onAlarm());
    this.#alarm = { at, cancel };
  }

  /** A timer may ring a fraction early; once it rings, its time has come. */
  #onAlarm(): void {
    const at = Math.max(this.#alarm?.at ?? 0, this.#parts.clock.elapsed());
    this.#alarm = undefined;
    if (!this.#waiting) this.#take({ kind: 'time', at });
  }
}
