import { ANY, BROADCAST } from '../../base/ipv4.ts';
import type { UdpPeer } from '../../base/ports.ts';
import { messageType } from './option-number.ts';
import type { Packet } from './packet.ts';

/** The port that servers and relays listen on. */
export const SERVER_PORT = 67;

/**
 * Where a reply goes, RFC 2131 4.1. One deviation: a client that takes unicast before it has its address would need an
 * ARP entry (or a raw frame) made by the server, which Node cannot do; such replies are broadcast, as RFC 2131 4.1
 * allows. Clients listen on the port after the server's: 68, or with an alternate server port the one next to it.
 */
export function destination(reply: Packet, serverPort = SERVER_PORT): UdpPeer {
  if (reply.giaddr !== ANY) return { address: reply.giaddr, port: serverPort };
  const hasAddress = messageType(reply.options) !== 'NAK' && reply.ciaddr !== ANY;
  return { address: hasAddress ? reply.ciaddr : BROADCAST, port: serverPort + 1 };
}
