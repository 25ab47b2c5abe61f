import { messageOf } from '../../base/error.ts';
import { ANY, BROADCAST, type Cidr, contains, type Ipv4 } from '../../base/ipv4.ts';
import type { Clock, Log, OpenUdp, UdpPeer, UdpSocket } from '../../base/ports.ts';
import { OPTION } from '../../wire/dhcp4/code.ts';
import { addressOf } from '../../wire/dhcp4/option-address.ts';
import { messageType } from '../../wire/dhcp4/option-number.ts';
import { BOOTREPLY, decode, type Packet } from '../../wire/dhcp4/packet.ts';
import { Sparse } from './sparse.ts';

export interface ForeignPorts {
  readonly openUdp: OpenUdp;
  readonly clock: Clock;
  readonly log: Log;
  /** This server on its network. */
  readonly server: Cidr;
  /** Where clients hear. */
  readonly clientPort: number;
}

/** A server that has not been heard for so long is gone, milliseconds. */
const FORGOTTEN_AFTER = 15 * 60_000;

/** An ear for other DHCP servers on the network that pxen serves: two of them give out clashing addresses. */
export class ForeignServers {
  readonly #p: ForeignPorts;
  readonly #sparse = new Sparse();
  #last: { readonly server: Ipv4; readonly at: number } | undefined;
  #socket: UdpSocket | undefined;

  constructor(ports: ForeignPorts) {
    this.#p = ports;
  }

  /** Hears what servers broadcast to clients. Goes on without when another program has the port for itself. */
  async start(): Promise<void> {
    const { openUdp, log, clientPort } = this.#p;
    try {
      // Bound to the broadcast address it takes no datagram from a DHCP client that runs on this computer.
      this.#socket = await openUdp({
        address: BROADCAST,
        port: clientPort,
        reuse: true,
        onDatagram: (bytes, from) => this.#onDatagram(bytes, from),
        onError: error => log.debug('dhcp', `socket of port ${clientPort}: ${error.message}`),
      });
    } catch (error) {
      log.info('dhcp', `another DHCP server is only noticed when a machine chooses it: ${messageOf(error)}`);
    }
  }

  async stop(): Promise<void> {
    await this.#socket?.close();
    this.#socket = undefined;
  }

  /** A client told everybody that it takes the offer of this server. */
  chosen(server: Ipv4): void {
    if (server !== this.#p.server.address && contains(this.#p.server, server)) this.#found(server);
  }

  health(): string | undefined {
    const { clock } = this.#p;
    if (!this.#last || clock.elapsed() - this.#last.at > FORGOTTEN_AFTER) return undefined;
    return complaint(this.#last.server);
  }

  #onDatagram(bytes: Uint8Array, from: UdpPeer): void {
    const packet = decode(bytes);
    const { server } = this.#p;
    // This computer may be on other networks with good servers of their own: those speak from there.
    if ('problem' in packet || !contains(server, from.address)) return;
    const other = giverOf(packet);
    if (other && other !== server.address) this.#found(other);
  }

  #found(server: Ipv4): void {
    const { clock, log } = this.#p;
    this.#last = { server, at: clock.elapsed() };
    this.#sparse.say(server, clock.elapsed(), complaint(server), line => log.warn('dhcp', line));
  }
}

/** The server that gives an address in this reply; undefined for a proxy, which gives none. */
export function giverOf(packet: Packet): Ipv4 | undefined {
  const type = messageType(packet.options);
  const gives = packet.op === BOOTREPLY && (type === 'OFFER' || type === 'ACK') && packet.yiaddr !== ANY;
  return gives ? addressOf(packet.options, OPTION.serverId) : undefined;
}

function complaint(server: Ipv4): string {
  return `another DHCP server answers on this network: ${server}; two servers give out clashing addresses: switch that one off, or set dhcp.mode: proxy`;
}
