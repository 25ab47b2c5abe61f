import { ANY, type Ipv4 } from '../../base/ipv4.ts';
import type { Log, OpenUdp, UdpPeer, UdpSocket } from '../../base/ports.ts';
import { type BootRequest, classify } from '../../domain/boot/classify.ts';
import type { Sha256 } from '../../domain/machine/genid.ts';
import { decode } from '../../wire/dhcp4/packet.ts';

/** Enough for a rack that powers on at once to wait in the socket while leases are written, bytes. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;

export interface ListenPorts {
  readonly openUdp: OpenUdp;
  readonly log: Log;
}

/** A datagram as it came in: `unicast` when it was sent to this very address. */
export type OnDatagram = (bytes: Uint8Array, from: UdpPeer, unicast: boolean) => void;

/**
 * Opens what a DHCP server needs to hear everything on one port. A socket bound to an address hears no broadcast on
 * Linux, one bound to 0.0.0.0 broadcasts by the default route: so the first sends (and hears unicast), the second hears
 * broadcasts (boot-lab pitfall 4), those of this computer's other networks too, which Node cannot tell apart.
 */
export async function openPair(
  ports: ListenPorts,
  address: Ipv4,
  port: number,
  onDatagram: OnDatagram,
): Promise<[sender: UdpSocket, ear: UdpSocket]> {
  const sender = await openOne(ports, address, port, (bytes, from) => onDatagram(bytes, from, true));
  try {
    return [sender, await openOne(ports, ANY, port, (bytes, from) => onDatagram(bytes, from, false))];
  } catch (error) {
    await sender.close();
    throw error;
  }
}

/** A socket on one address that may share its port with others and may send broadcasts. */
export function openOne(
  { openUdp, log }: ListenPorts,
  address: Ipv4,
  port: number,
  onDatagram: (bytes: Uint8Array, from: UdpPeer) => void,
): Promise<UdpSocket> {
  return openUdp({
    address,
    port,
    reuse: true,
    broadcast: address !== ANY,
    receiveBuffer: RECEIVE_BUFFER,
    onDatagram,
    onError: error => log.warn('dhcp', `socket ${address}:${port}: ${error.message}`),
  });
}

/** What a client asks in these bytes; undefined, with a line in the log, when it asks nothing. */
export function readRequest(
  bytes: Uint8Array,
  from: UdpPeer,
  unicast: boolean,
  { log, sha256 }: { readonly log: Log; readonly sha256: Sha256 },
): BootRequest | undefined {
  const packet = decode(bytes);
  const request = 'problem' in packet ? packet : classify(packet, unicast, sha256);
  if (!('problem' in request)) return request;
  log.debug('dhcp', `dropped a datagram from ${from.address}:${from.port}: ${request.problem}`);
  return undefined;
}
