import type { Ipv4 } from '../../base/ipv4.ts';
import type { OpenUdp, UdpPeer, UdpSocket } from '../../base/ports.ts';
import type { OpenLine } from './session.ts';

/** A socket and a port for each transfer, as RFC 1350 has it. `local` is the address that was asked. */
export function ownLine(openUdp: OpenUdp, local: Ipv4, peer: UdpPeer): OpenLine {
  return (onDatagram, onError) =>
    openUdp({
      address: local,
      port: 0,
      peer,
      // The kernel filters by peer, but what came in before the socket was connected may be anybody's.
      onDatagram: (bytes, from) => {
        if (from.port === peer.port && from.address === peer.address) onDatagram(bytes);
      },
      onError,
    });
}

/**
 * Single-port mode: every transfer goes through the listening socket, told apart by the client's address and port.
 * Firewalls and address translators see answers from where the request went to.
 */
export class SharedLines {
  readonly #receivers = new Map<string, (bytes: Uint8Array) => void>();

  /** Whether somebody waits for packets of this transfer. */
  deliver(id: string, bytes: Uint8Array): boolean {
    const receiver = this.#receivers.get(id);
    receiver?.(bytes);
    return receiver !== undefined;
  }

  line(id: string, listener: UdpSocket, peer: UdpPeer): OpenLine {
    return async onDatagram => {
      this.#receivers.set(id, onDatagram);
      return {
        send: bytes => listener.send(bytes, peer),
        sendAll: datagrams => listener.sendAll(datagrams, peer),
        close: async () => {
          // A later transfer of the same client and port may have the place by now.
          if (this.#receivers.get(id) === onDatagram) this.#receivers.delete(id);
        },
      };
    };
  }
}
