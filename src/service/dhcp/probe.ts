import { ANY, BROADCAST, type Ipv4 } from '../../base/ipv4.ts';
import type { Clock, OpenUdp, UdpSocket } from '../../base/ports.ts';
import { OPTION } from '../../wire/dhcp4/code.ts';
import { SERVER_PORT } from '../../wire/dhcp4/destination.ts';
import { addressOf } from '../../wire/dhcp4/option-address.ts';
import { messageType, messageTypeOption } from '../../wire/dhcp4/option-number.ts';
import { textOf } from '../../wire/dhcp4/option-text.ts';
import {
  BOOTREPLY,
  BOOTREQUEST,
  BROADCAST_FLAG,
  decode,
  encode,
  type Packet,
} from '../../wire/dhcp4/packet.ts';

export interface ProbeParts {
  readonly openUdp: OpenUdp;
  readonly clock: Clock;
  /** Of the interface to ask on. */
  readonly address: Ipv4;
  /** 48 random bits; two of them are set so that the card is a locally administered one. */
  readonly card: Uint8Array;
  readonly xid: number;
  /** Milliseconds to listen. */
  readonly wait: number;
  /** The first server that answers is enough. */
  readonly first?: boolean;
  /** Port of the servers; clients listen on the next one. */
  readonly port?: number;
}

/** A DHCP server that made an offer. */
export interface FoundServer {
  /** Option 54, or where the offer came from. */
  readonly server: Ipv4;
  readonly offered: Ipv4;
  /** What it would have a machine boot; empty: nothing. */
  readonly bootFile: string;
}

/** When the question is asked, milliseconds: a switch port that has just come up loses the first datagrams. */
const ASKED_AT = [0, 1000, 3000];
/** Address, option 57 and PXE are nothing the answer depends on; 576 is what every client takes. */
const MESSAGE_SIZE = 576;

/**
 * Every DHCP server on the network that answers a DISCOVER, our own included. No address is taken: there is no REQUEST.
 * Rejects with PORT_IN_USE or NO_PERMISSION where port 68 cannot be had.
 */
export async function probeServers(parts: ProbeParts): Promise<FoundServer[]> {
  const { clock, openUdp, address, wait, xid } = parts;
  const port = parts.port ?? SERVER_PORT;
  const found = new Map<Ipv4, FoundServer>();
  let enough = (): void => {};
  const onDatagram = (bytes: Uint8Array, from: { address: Ipv4 }): void => {
    const server = offerIn(bytes, xid, from.address);
    if (server) found.set(server.server, server);
    if (server && parts.first) enough();
  };
  const sockets: UdpSocket[] = [];
  const stops: (() => void)[] = [];
  try {
    // The one sends by the right interface, the other hears broadcasts, and nothing else: a DHCP client of this computer
    // may have the same port.
    for (const local of [address, BROADCAST])
      sockets.push(
        await openUdp({
          address: local,
          port: port + 1,
          reuse: true,
          broadcast: local === address,
          onDatagram,
          onError: () => {},
        }),
      );
    const question = encode(discover(parts), MESSAGE_SIZE);
    const ask = (): void => sockets[0]?.send(question, { address: BROADCAST, port });
    ask();
    for (const at of ASKED_AT) if (at > 0 && at < wait) stops.push(clock.after(at, ask));
    await new Promise<void>(resolve => {
      enough = resolve;
      stops.push(clock.after(wait, resolve));
    });
  } finally {
    for (const stop of stops) stop();
    await Promise.all(sockets.map(socket => socket.close()));
  }
  return [...found.values()].sort((a, b) => (a.server < b.server ? -1 : 1));
}

/** IEEE 802: the second lowest bit of the first byte says local, the lowest says multicast. */
function locallyAdministered(card: Uint8Array): Uint8Array {
  return Uint8Array.from(card.subarray(0, 6), (byte, index) => (index === 0 ? (byte | 2) & 0xfe : byte));
}

function discover({ card, xid }: ProbeParts): Packet {
  return {
    op: BOOTREQUEST,
    htype: 1,
    hops: 0,
    xid,
    secs: 0,
    // We have no address that an answer could go to.
    flags: BROADCAST_FLAG,
    ciaddr: ANY,
    yiaddr: ANY,
    siaddr: ANY,
    giaddr: ANY,
    chaddr: locallyAdministered(card),
    sname: '',
    file: '',
    options: new Map([
      [OPTION.messageType, messageTypeOption('DISCOVER')],
      [
        OPTION.parameterList,
        Uint8Array.of(OPTION.subnetMask, OPTION.router, OPTION.tftpServer, OPTION.bootFile),
      ],
    ]),
  };
}

function offerIn(bytes: Uint8Array, xid: number, from: Ipv4): FoundServer | undefined {
  const packet = decode(bytes);
  if ('problem' in packet || packet.op !== BOOTREPLY || packet.xid !== xid) return undefined;
  if (messageType(packet.options) !== 'OFFER') return undefined;
  return {
    server: addressOf(packet.options, OPTION.serverId) ?? from,
    offered: packet.yiaddr,
    bootFile: packet.file || (textOf(packet.options, OPTION.bootFile) ?? ''),
  };
}
