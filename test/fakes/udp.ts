import { PxenError } from '../../src/base/error.ts';
import { ANY, BROADCAST } from '../../src/base/ipv4.ts';
import type { OpenUdp, UdpOptions, UdpPeer, UdpSocket } from '../../src/base/ports.ts';

export interface Datagram {
  readonly from: UdpPeer;
  readonly to: UdpPeer;
  readonly bytes: Uint8Array;
}

/**
 * A network in memory: what one socket sends, the others receive in a later microtask, in order.
 * Addresses need not exist; unicast goes to the socket bound most closely, broadcast to those bound to 0.0.0.0.
 */
export class FakeNetwork {
  /** Everything sent so far, lost datagrams included. */
  readonly sent: Datagram[] = [];
  /** Open sockets. */
  readonly sockets = new Set<FakeSocket>();
  /** Says which datagrams get lost; `index` counts from 0 in the order of sending. */
  lose: (datagram: Datagram, index: number) => boolean = () => false;
  #nextPort = 49_152;

  readonly open: OpenUdp = async options => {
    const port = options.port || this.#nextPort++;
    if ([...this.sockets].some(other => clashes(other, options, port)))
      throw new PxenError('PORT_IN_USE', `UDP ${options.address}:${port} is in use by another program`);
    const socket = new FakeSocket(this, options, port);
    this.sockets.add(socket);
    return socket;
  };

  /** Puts a datagram on the wire as if a foreign machine had sent it. */
  send(datagram: Datagram): void {
    const index = this.sent.push(datagram) - 1;
    if (this.lose(datagram, index)) return;
    queueMicrotask(() => this.#deliver(datagram));
  }

  #deliver({ from, to, bytes }: Datagram): void {
    const fitting = [...this.sockets]
      .map(socket => ({ socket, closeness: socket.closeness(from, to) }))
      .filter(({ closeness }) => closeness > 0)
      .sort((a, b) => b.closeness - a.closeness);
    const receivers = to.address === BROADCAST ? fitting : fitting.slice(0, 1);
    for (const { socket } of receivers) socket.options.onDatagram(bytes, from);
  }
}

function clashes(other: FakeSocket, wanted: UdpOptions, port: number): boolean {
  const overlap =
    other.local.address === wanted.address || other.local.address === ANY || wanted.address === ANY;
  return other.local.port === port && overlap && !(other.options.reuse && wanted.reuse);
}

export class FakeSocket implements UdpSocket {
  readonly local: UdpPeer;
  readonly options: UdpOptions;
  readonly #network: FakeNetwork;

  constructor(network: FakeNetwork, options: UdpOptions, port: number) {
    this.#network = network;
    this.options = options;
    this.local = { address: options.address, port };
  }

  send(bytes: Uint8Array, to = this.options.peer): void {
    if (!this.#network.sockets.has(this)) return;
    if (!to) throw new Error('send on a socket without a peer needs an address');
    this.#network.send({ from: this.local, to, bytes: bytes.slice() });
  }

  sendAll(datagrams: readonly Uint8Array[], to?: UdpPeer): void {
    for (const bytes of datagrams) this.send(bytes, to);
  }

  async close(): Promise<void> {
    this.#network.sockets.delete(this);
  }

  /** 0: not for this socket; a connected socket comes before a bound one, a bound one before 0.0.0.0. */
  closeness(from: UdpPeer, to: UdpPeer): number {
    const { peer } = this.options;
    const isPeer = !peer || (peer.address === from.address && peer.port === from.port);
    if (to.port !== this.local.port || !isPeer) return 0;
    if (this.local.address === ANY) return peer ? 2 : 1;
    if (this.local.address !== to.address) return 0;
    return peer ? 4 : 3;
  }
}
