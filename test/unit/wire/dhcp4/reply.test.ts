import { expect, test } from 'vitest';
import { replyTo } from '../../../../src/wire/dhcp4/reply.ts';
import { address, dhcpPacket } from '../../../fakes/dhcp.ts';

const echoed: [number, Uint8Array][] = [
  [61, Uint8Array.of(1, 2)],
  [82, Uint8Array.of(1, 1, 5)],
  [97, new Uint8Array(17)],
];
const request = {
  ...dhcpPacket('REQUEST', {
    ciaddr: '10.77.0.100',
    giaddr: '10.77.0.9',
    options: [...echoed, [55, Uint8Array.of(1)]],
  }),
  hops: 3,
  secs: 9,
  flags: 0x0001,
};

test.each([
  ['an ACK keeps ciaddr', 'ACK', '10.77.0.100', 0x0001, 5],
  ['an OFFER does not', 'OFFER', '0.0.0.0', 0x0001, 2],
  ['a NAK by a relay is broadcast', 'NAK', '0.0.0.0', 0x8001, 6],
] as const)('a reply copies what RFC 2131 table 3 says: %s', (_, type, ciaddr, flags, code) => {
  const options = new Map([[1, Uint8Array.of(255, 255, 255, 0)]]);
  expect(replyTo(request, { type, server: address('10.77.0.1'), options })).toEqual({
    op: 2,
    htype: 1,
    hops: 0,
    xid: 0x1a2b3c4d,
    secs: 0,
    flags,
    ciaddr,
    yiaddr: '0.0.0.0',
    siaddr: '0.0.0.0',
    giaddr: '10.77.0.9',
    chaddr: request.chaddr,
    sname: '',
    file: '',
    options: new Map([[53, Uint8Array.of(code)], [54, Uint8Array.of(10, 77, 0, 1)], ...options, ...echoed]),
  });
});
