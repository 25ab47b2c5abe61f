import { expect, test } from 'vitest';
import { destination } from '../../../../src/wire/dhcp4/destination.ts';
import { replyTo } from '../../../../src/wire/dhcp4/reply.ts';
import { address, dhcpPacket } from '../../../fakes/dhcp.ts';

test.each([
  ['a relay gets every reply', 'ACK', { giaddr: '10.77.0.9', ciaddr: '10.77.0.100' }, '10.77.0.9', 67],
  ['a relay gets a NAK too', 'NAK', { giaddr: '10.77.0.9' }, '10.77.0.9', 67],
  ['a client with an address gets its ACK there', 'ACK', { ciaddr: '10.77.0.100' }, '10.77.0.100', 68],
  ['a NAK is broadcast: the address is no good', 'NAK', { ciaddr: '10.77.0.100' }, '255.255.255.255', 68],
  ['a client without an address gets a broadcast', 'OFFER', {}, '255.255.255.255', 68],
] as const)('%s', (_, type, fields, to, port) => {
  const server = address('10.77.0.1');
  const reply = replyTo(dhcpPacket('REQUEST', fields), { type, server, options: new Map() });
  expect(destination(reply)).toEqual({ address: to, port });
});

test('with an alternate server port, clients listen on the one next to it', () => {
  const reply = replyTo(dhcpPacket('DISCOVER'), {
    type: 'OFFER',
    server: address('10.77.0.1'),
    options: new Map(),
  });
  expect(destination(reply, 1067)).toEqual({ address: '255.255.255.255', port: 1068 });
});
