import { messageOf, systemCode } from '../../base/error.ts';
import type { Clock, OpenUdp, UdpPeer, UdpSocket } from '../../base/ports.ts';
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

export interface SessionParts {
  readonly openUdp: OpenUdp;
  readonly clock: Clock;
  readonly file: ServedFile;
  readonly blocks: FileBlocks;
  readonly plan: TransferPlan;
  readonly accepted: OptionMap;
  /** The address that was asked: firmware ignores answers from any other one. */
  readonly local: UdpPeer['address'];
  readonly peer: UdpPeer;
  readonly onEnd: (outcome: TransferOutcome, state: TransferState) => void;
}

/** One running download: performs what the state machine decides, on a socket of its own. */
export class Session {
  readonly #parts: SessionParts;
  readonly #oack: Uint8Array;
  #socket: UdpSocket | undefined;
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

  /** When the client was heard last, milliseconds since the epoch. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Opens the socket and sends the first answer. Rejects when there is no socket to be had. */
  async start(): Promise<void> {
    const { openUdp, clock, local, peer, plan } = this.#parts;
    this.#heardAt = clock.now();
    this.#socket = await openUdp({
      address: local,
      port: 0,
      peer,
      onDatagram: (bytes, from) => this.#onDatagram(bytes, from),
      onError: error => this.#onSocketError(error),
    });
    this.#perform(beginTransfer(plan, clock.now()));
  }

  /** Ends the transfer and tells the client why. */
  abort(reason: string): void {
    this.#take({ kind: 'fault', text: reason });
  }

  /** The client has begun something else from the same port; an ERROR would hit that. */
  abandon(): void {
    this.#take({ kind: 'gone', reason: 'the client sent another request from the same port' });
  }

  /** After the end: socket and file are closed. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#alarm?.cancel();
    await Promise.all([this.#socket?.close(), this.#parts.file.close()]);
  }

  /** The kernel filters by peer, but what came in before the socket was connected may be anybody's. */
  #onDatagram(bytes: Uint8Array, from: UdpPeer): void {
    const { peer, clock } = this.#parts;
    if (from.port !== peer.port || from.address !== peer.address) return;
    const packet = decodeTftp(bytes);
    if (packet?.kind === 'ack') {
      this.#heardAt = clock.now();
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
        this.#socket?.send(this.#oack);
        break;
      case 'data':
        this.#sendBlocks(action.first, action.last);
        break;
      case 'error':
        this.#socket?.send(encodeTftp(action));
        break;
      case 'end':
        this.#ended = true;
        this.#parts.onEnd(action.outcome, state);
    }
  }

  #sendBlocks(first: number, last: number): void {
    for (let block = first; block <= last; block++) {
      const packet = this.#parts.blocks.packet(block);
      if (packet === undefined) {
        void this.#sendWhenRead(block, last);
        return;
      }
      this.#socket?.send(packet);
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
    if (!this.#waiting) this.#take({ kind: 'resumed', at: this.#parts.clock.now() });
  }

  /** Deadlines move with every acknowledgement; one alarm that goes off early and looks again is cheaper than many. */
  #setAlarm(at: number): void {
    if (this.#alarm && this.#alarm.at <= at) return;
    this.#alarm?.cancel();
    const { clock } = this.#parts;
    const cancel = clock.after(Math.max(0, at - clock.now()), () => this.#onAlarm());
    this.#alarm = { at, cancel };
  }

  /** Once an alarm rings its time has come, even if somebody has set the clock of the machine back meanwhile. */
  #onAlarm(): void {
    const at = Math.max(this.#alarm?.at ?? 0, this.#parts.clock.now());
    this.#alarm = undefined;
    if (!this.#waiting) this.#take({ kind: 'time', at });
  }
}
