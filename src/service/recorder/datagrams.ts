import type { UdpPeer } from '../../base/ports.ts';
import { Excerpt } from './excerpt.ts';

/** One datagram as pxend received or sent it. */
export interface Datagram {
  /** Microseconds since the epoch. */
  readonly at: number;
  readonly outgoing: boolean;
  readonly local: UdpPeer;
  readonly remote: UdpPeer;
  readonly payload: Uint8Array;
}

/** The start tells what was agreed on, the end how it ended. */
export const TRANSFER = { head: 16, tail: 16 };
/** A machine that asks again and again while nobody answers. */
export const DHCP = { head: 48, tail: 16 };

/** The datagrams between pxend and one port of one machine. */
export class Conversation {
  readonly #datagrams: Excerpt<Slot>;
  /** Kept in memory. */
  bytes = 0;
  omittedBytes = 0;

  constructor(most: { readonly head: number; readonly tail: number }) {
    this.#datagrams = new Excerpt(most);
  }

  get omitted(): number {
    return this.#datagrams.omitted;
  }

  get head(): readonly Datagram[] {
    return this.#datagrams.head;
  }

  get tail(): readonly Datagram[] {
    return this.#datagrams.tail;
  }

  /**
   * Copies the payload: senders use their buffers again. In the middle of a transfer nothing is allocated.
   * Returns how many bytes of memory it took.
   */
  add(at: number, outgoing: boolean, local: UdpPeer, remote: UdpPeer, payload: Uint8Array): number {
    const slot = this.#slot();
    const more = slot.fill(at, outgoing, local, remote, payload);
    this.bytes += more;
    return more;
  }

  /** The same for a payload that is nobody else's from now on, without the copy. */
  keep(at: number, outgoing: boolean, local: UdpPeer, remote: UdpPeer, payload: Uint8Array): number {
    const slot = this.#slot();
    const more = payload.length - slot.payload.length;
    slot.point(at, outgoing, local, remote, payload);
    this.bytes += more;
    return more;
  }

  /**
   * The same for a payload that nobody writes to any more, without the copy, which is half of what recording costs.
   * `settle` must follow when the last one has come: until then whole file chunks are kept for a few packets of them.
   */
  borrow(at: number, outgoing: boolean, local: UdpPeer, remote: UdpPeer, payload: Uint8Array): void {
    this.#slot().point(at, outgoing, local, remote, payload);
  }

  /** Copies what was borrowed. Returns how many bytes of memory it took. */
  settle(): number {
    const before = this.bytes;
    for (const slot of this.#datagrams.all()) this.bytes += slot.settle();
    return this.bytes - before;
  }

  #slot(): Slot {
    const dropped = this.#datagrams.oldest();
    if (dropped) this.omittedBytes += dropped.payload.length;
    const slot = dropped ?? new Slot();
    this.#datagrams.add(slot);
    return slot;
  }
}

const NOTHING = new Uint8Array(0);
const NOBODY: UdpPeer = { address: '0.0.0.0' as UdpPeer['address'], port: 0 };

class Slot implements Datagram {
  at = 0;
  outgoing = false;
  local = NOBODY;
  remote = NOBODY;
  payload: Uint8Array = NOTHING;
  /** What the slot has for copies. */
  #own: Uint8Array<ArrayBuffer> = NOTHING;

  /** Bytes that it holds more than before. */
  fill(at: number, outgoing: boolean, local: UdpPeer, remote: UdpPeer, payload: Uint8Array): number {
    this.point(at, outgoing, local, remote, payload);
    return this.settle();
  }

  point(at: number, outgoing: boolean, local: UdpPeer, remote: UdpPeer, payload: Uint8Array): void {
    this.at = at;
    this.outgoing = outgoing;
    this.local = local;
    this.remote = remote;
    this.payload = payload;
  }

  /** Bytes that it holds more than before. */
  settle(): number {
    const { length } = this.payload;
    const before = this.#own.buffer.byteLength;
    if (this.payload.buffer === this.#own.buffer) return 0;
    if (before < length) this.#own = new Uint8Array(length);
    else if (this.#own.length !== length) this.#own = new Uint8Array(this.#own.buffer, 0, length);
    this.#own.set(this.payload);
    this.payload = this.#own;
    return this.#own.buffer.byteLength - before;
  }
}
