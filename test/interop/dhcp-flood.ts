import { createSocket } from 'node:dgram';
import { encode } from '../../src/wire/dhcp4/packet.ts';
import { dhcpPacket } from '../fakes/dhcp.ts';

/** Broadcasts so many DISCOVERs, each from another made-up card, as fast as they leave: `dhcp-flood.ts COUNT`. */
const count = Number(process.argv[2]);
const socket = createSocket('udp4');
const packet = dhcpPacket('DISCOVER');
let sent = 0;

function send(): void {
  if (sent === count) {
    socket.close();
    return;
  }
  const chaddr = Uint8Array.of(0x06, 0, sent >> 24, sent >> 16, sent >> 8, sent++);
  socket.send(encode({ ...packet, xid: sent, chaddr }), 67, '255.255.255.255', send);
}

socket.bind(() => {
  socket.setBroadcast(true);
  send();
});
