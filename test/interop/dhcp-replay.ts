import { createSocket } from 'node:dgram';
import { decode } from '../../src/wire/dhcp4/packet.ts';
import { summary } from '../../src/wire/dhcp4/summary.ts';
import { goldenBytes } from '../fakes/dhcp.ts';

/** Sends a packet of test/golden/dhcp4 as its client did, and prints the answer: `dhcp-replay.ts NAME FROM-PORT ADDRESS PORT`. */
const [name = '', from = '', address = '', port = ''] = process.argv.slice(2);
const socket = createSocket('udp4');
socket.on('message', (bytes, peer) => {
  const packet = decode(bytes);
  console.log(`from port ${peer.port}: ${'problem' in packet ? packet.problem : summary(packet)}`);
  process.exit(0);
});
socket.bind(Number(from), () => socket.send(goldenBytes(name), Number(port), address));
setTimeout(() => {
  console.log('no answer');
  process.exit(1);
}, 5000);
