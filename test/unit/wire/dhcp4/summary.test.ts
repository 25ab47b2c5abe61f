import { expect, test } from 'vitest';
import { summary } from '../../../../src/wire/dhcp4/summary.ts';
import { dhcpPacket, goldenPacket } from '../../../fakes/dhcp.ts';

test.each([
  [
    'a request with everything',
    goldenPacket('ipxe-on-uefi-request'),
    'REQUEST xid a62e981a from 52:54:00:12:34:56, requests 10.0.2.15, server 10.0.2.2, arch 7, vendor class "PXEClient:Arch:00007:UNDI:003010", user class "iPXE"',
  ],
  ['a bare one', dhcpPacket('DISCOVER'), 'DISCOVER xid 1a2b3c4d from 52:54:00:00:00:01'],
  [
    'control characters are escaped',
    dhcpPacket('DISCOVER', { options: [[60, Uint8Array.of(27, 10)]] }),
    'DISCOVER xid 1a2b3c4d from 52:54:00:00:00:01, vendor class "\\u001b\\n"',
  ],
])('%s', (_, packet, line) => {
  expect(summary(packet)).toBe(line);
});
