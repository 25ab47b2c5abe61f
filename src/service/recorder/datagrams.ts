import { uint32ToBytes } from '../../base/bytes.ts';
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

/** Datagrams, of which those in the middle are only counted. */
export interface Recorded {
  readonly head: readonly Datagram[];
  readonly tail: readonly Datagram[];
  readonly omitted: number;
  readonly omittedBytes: number;
  /** Kept in memory. */
  readonly bytes: number;
}

/** The datagrams between pxend and one port of one machine. */
export class Conversation implements Recorded {
  readonly #datagrams: Excerpt<Slot>;
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

  #slot(): Slot {
    const dropped = this.#datagrams.oldest();
    if (dropped) this.omittedBytes += dropped.payload.length;
    const slot = dropped ?? new Slot();
    this.#datagrams.add(slot);
    return slot;
  }
}

/** An acknowledgement: what most of the datagrams that come in are. */
const ACK_BYTES = 4;

/**
 * The datagrams of one transfer with a socket of its own. Hundreds of thousands go by, so the last ones stand in a ring of
 * plain arrays, and nothing is copied or kept alive for them but the chunks of the file, which stay as they are anyway.
 */
export class Transfer implements Recorded {
  readonly #local: UdpPeer;
  readonly #remote: UdpPeer;
  #head: Datagram[] = [];
  readonly #at: number[] = [];
  readonly #outgoing: boolean[] = [];
  /** An acknowledgement as a number: each comes in memory of its own. */
  readonly #payloads: (Uint8Array | number)[] = [];
  #behindHead = 0;
  #bytesBehindHead = 0;
  bytes = 0;

  constructor(local: UdpPeer, remote: UdpPeer) {
    this.#local = local;
    this.#remote = remote;
  }

  add(at: number, outgoing: boolean, payload: Uint8Array): void {
    if (this.#head.length < TRANSFER.head) {
      this.#head.push(this.#datagram(at, outgoing, payload));
      return;
    }
    const slot = this.#behindHead++ % TRANSFER.tail;
    this.#bytesBehindHead += payload.length;
    this.#at[slot] = at;
    this.#outgoing[slot] = outgoing;
    this.#payloads[slot] = payload.length === ACK_BYTES ? toNumber(payload) : payload;
  }

  get head(): readonly Datagram[] {
    return this.#head;
  }

  get tail(): readonly Datagram[] {
    return Array.from({ length: this.#behindHead - this.omitted }, (_, index) => {
      const slot = (this.omitted + index) % TRANSFER.tail;
      const payload = this.#payloads[slot] ?? 0;
      const bytes = typeof payload === 'number' ? uint32ToBytes(payload) : payload;
      return this.#datagram(this.#at[slot] ?? 0, this.#outgoing[slot] ?? false, bytes);
    });
  }

  get omitted(): number {
    return Math.max(0, this.#behindHead - TRANSFER.tail);
  }

  get omittedBytes(): number {
    return this.tail.reduce((left, { payload }) => left - payload.length, this.#bytesBehindHead);
  }

  /** Copies what it refers to: until then whole chunks of the file are kept for a few packets of them. Returns how many bytes of memory it takes more. */
  settle(): number {
    const before = this.bytes;
    this.#head = this.#head.map(datagram => ({ ...datagram, payload: datagram.payload.slice() }));
    for (const [slot, payload] of this.#payloads.entries())
      if (typeof payload !== 'number') this.#payloads[slot] = payload.slice();
    const kept = [...this.#head, ...this.tail];
    this.bytes = kept.reduce((sum, { payload }) => sum + payload.length, 0);
    return this.bytes - before;
  }

  #datagram(at: number, outgoing: boolean, payload: Uint8Array): Datagram {
    return { at, outgoing, local: this.#local, remote: this.#remote, payload };
  }
}

function toNumber(payload: Uint8Array): number {
  const high = ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
  return high * 0x10000 + (((payload[2] ?? 0) << 8) | (payload[3] ?? 0));
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
