import { createSocket, type SocketOptions } from 'node:dgram';
import { PxenError, systemCode } from '../base/error.ts';
import type { Ipv4 } from '../base/ipv4.ts';
import type { OpenUdp, UdpOptions, UdpPeer, UdpSocket } from '../base/ports.ts';

/** Addresses are no names: without this, Node asks the resolver about each one that something is sent to. */
const asIs: SocketOptions['lookup'] = (address, _options, callback) => callback(null, address, 4);

/** A bound (and, with `peer`, connected) IPv4 UDP socket of the system. */
export const openUdp: OpenUdp = async options => {
  const socket = createSocket({
    type: 'udp4',
    reuseAddr: options.reuse ?? false,
    lookup: asIs,
    ...(options.receiveBuffer === undefined ? {} : { recvBufferSize: options.receiveBuffer }),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: options.address, port: options.port, exclusive: true }, resolve);
    });
    if (options.peer) await connect(socket, options.peer);
  } catch (error) {
    socket.close();
    throw bindError(error, options);
  }
  socket.removeAllListeners('error');
  socket.on('error', options.onError);
  socket.on('message', (bytes, from) =>
    options.onDatagram(bytes, { address: from.address as Ipv4, port: from.port }),
  );
  if (options.broadcast) socket.setBroadcast(true);
  return new SystemUdpSocket(socket, options);
};

function connect(socket: ReturnType<typeof createSocket>, peer: UdpPeer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(peer.port, peer.address, () => resolve());
  });
}

type OnSent = (error: Error | null) => void;

class SystemUdpSocket implements UdpSocket {
  readonly local: UdpPeer;
  readonly #socket: ReturnType<typeof createSocket>;
  readonly #onSent: OnSent;
  #closed: Promise<void> | undefined;

  constructor(socket: ReturnType<typeof createSocket>, options: UdpOptions) {
    const { address, port } = socket.address();
    this.local = { address: address as Ipv4, port };
    this.#socket = socket;
    this.#onSent = error => {
      if (error) options.onError(error);
    };
  }

  send(bytes: Uint8Array, to?: UdpPeer): void {
    if (this.#closed) return;
    this.#post(bytes, to, this.#onSent);
  }

  /**
   * A callback for each datagram costs a tenth of what sending it costs. The news of a closed port comes with receiving,
   * unless the next datagram runs into it: hence one callback where there are several, for the last.
   */
  sendAll(datagrams: readonly Uint8Array[], to?: UdpPeer): void {
    if (this.#closed) return;
    const last = datagrams.length > 1 ? datagrams.at(-1) : undefined;
    for (const bytes of datagrams) this.#post(bytes, to, bytes === last ? this.#onSent : undefined);
  }

  #post(bytes: Uint8Array, to: UdpPeer | undefined, onSent: OnSent | undefined): void {
    if (to) this.#socket.send(bytes, to.port, to.address, onSent);
    else this.#socket.send(bytes, onSent);
  }

  close(): Promise<void> {
    this.#closed ??= new Promise(resolve => this.#socket.close(() => resolve()));
    return this.#closed;
  }
}

/** Why a port could not be had, and what to do about it; the same words for UDP and TCP. */
export function bindError(
  error: unknown,
  wanted: { address: string; port: number },
  protocol = 'UDP',
): PxenError {
  const place = `${protocol} ${wanted.address}:${wanted.port}`;
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new PxenError(
        'PORT_IN_USE',
        `${place} is in use by another program; find it with: ss -lpn 'sport = :${wanted.port}'`,
        { cause: error },
      );
    case 'EACCES':
    case 'EPERM':
      return new PxenError(
        'NO_PERMISSION',
        `${place}: ports below 1024 need root rights; run as root or give node CAP_NET_BIND_SERVICE`,
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
      return new PxenError('ADDRESS_MISSING', `${place}: no interface has this address; see: ip -4 address`, {
        cause: error,
      });
    default:
      return new PxenError('INTERNAL', `${place}: cannot listen`, { cause: error });
  }
}
