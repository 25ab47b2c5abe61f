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
    const before = this.bytes;
    this.#datagrams.add(dropped => {
      const slot = dropped ?? new Slot();
      if (dropped) this.omittedBytes += dropped.payload.length;
      this.bytes += slot.fill(at, outgoing, local, remote, payload);
      return slot;
    });
    return this.bytes - before;
  }
}

const NOBODY: UdpPeer = { address: '0.0.0.0' as UdpPeer['address'], port: 0 };

class Slot implements Datagram {
  at = 0;
  outgoing = false;
  local = NOBODY;
  remote = NOBODY;
  payload = new Uint8Array(0);

  /** Bytes that it holds more than before. */
  fill(at: number, outgoing: boolean, local: UdpPeer, remote: UdpPeer, payload: Uint8Array): number {
    const before = this.payload.buffer.byteLength;
    this.at = at;
    this.outgoing = outgoing;
    this.local = local;
    this.remote = remote;
    this.payload = before < payload.length ? new Uint8Array(payload.length) : this.#part(payload.length);
    this.payload.set(payload);
    return this.payload.buffer.byteLength - before;
  }

  #part(length: number): Uint8Array<ArrayBuffer> {
    return length === this.payload.length ? this.payload : new Uint8Array(this.payload.buffer, 0, length);
  }
}
