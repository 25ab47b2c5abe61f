import { describe, expect, test } from 'vitest';
import { toHex } from '../../../../src/base/bytes.ts';
import { decideProxy, type ProxyEar } from '../../../../src/domain/boot/decideproxy.ts';
import type { Packet } from '../../../../src/wire/dhcp4/packet.ts';
import { summary } from '../../../../src/wire/dhcp4/summary.ts';
import { bootOptions, bootRequest, dhcpPacket, dhcpPolicy, goldenPacket } from '../../../fakes/dhcp.ts';

const POLICY = dhcpPolicy();
const ask = (packet: Packet, ear: ProxyEar = 'dhcp', transport: 'auto' | 'tftp' | 'http' = 'auto') =>
  decideProxy(bootRequest(packet), ear, { ...POLICY, transport });

/** The reply as its summary and its options but for the copied ones, by number. */
function told(decision: ReturnType<typeof ask>): unknown {
  if (decision.kind === 'ignore') throw new Error(decision.text);
  const { options } = decision.reply;
  return {
    reply: summary(decision.reply),
    options: Object.fromEntries(
      [...options]
        .filter(([code]) => ![53, 54, 61, 97].includes(code))
        .map(([code, value]) => [code, code === 43 ? toHex(value) : String.fromCharCode(...value)]),
    ),
  };
}

describe('an offer beside another server holds no address and no lease, only what to boot', () => {
  const head = (mac: string, rest: string) => `${mac}, siaddr 10.77.0.1, server 10.77.0.1, ${rest}`;
  const pxe = { 43: '060108ff', 60: 'PXEClient', 66: '10.77.0.1' };

  test('to UEFI PXE', () => {
    expect(told(ask(goldenPacket('ovmf-pxe-discover')))).toEqual({
      reply: head(
        'OFFER xid 1cbb69f0 to 52:54:00:12:34:56, broadcast',
        'vendor class "PXEClient", file "snponly.efi"',
      ),
      options: { ...pxe, 67: 'snponly.efi' },
    });
  });

  test.each([
    ['auto', 'http://10.77.0.1/boot.ipxe'],
    ['http', 'http://10.77.0.1/boot.ipxe'],
    // What the other server says of the next server may win, so the name of the server is in the URL.
    ['tftp', 'tftp://10.77.0.1/boot.ipxe'],
  ] as const)('to iPXE with transport %s, without no-pxedhcp: %s', (transport, file) => {
    const { reply, options } = told(ask(goldenPacket('ipxe-rom-bios-discover'), 'dhcp', transport)) as Record<
      string,
      unknown
    >;
    expect(reply).toContain(`vendor class "PXEClient", file "${file}"`);
    expect(options).toEqual({ ...pxe, 67: file });
  });

  test('to UEFI HTTP boot', () => {
    expect(told(ask(goldenPacket('ovmf-http-discover')))).toMatchObject({
      options: { 60: 'HTTPClient', 67: 'http://10.77.0.1/boot/snponly.efi' },
    });
  });

  test('on port 4011 the same as an ACK, with the address that the machine has', () => {
    const request = dhcpPacket('REQUEST', { ciaddr: '10.77.0.150', options: bootOptions(7) });
    const decision = ask(request, 'proxy');
    expect(decision).toMatchObject({
      kind: 'ack',
      stage: 'ack',
      address: '10.77.0.150',
      text: 'told on port 4011: x64 UEFI, boot file snponly.efi',
    });
    expect(told(decision)).toMatchObject({ options: { ...pxe, 67: 'snponly.efi' } });
  });
});

describe('with proxyOffer: port4011', () => {
  const shy = (packet: Packet, ear: ProxyEar = 'dhcp') =>
    decideProxy(bootRequest(packet), ear, { ...POLICY, proxyOffer: 'port4011' });

  test.each([
    ['ovmf-pxe-discover', 'pointed to port 4011: x64 UEFI, boot file snponly.efi'],
    [
      'ipxe-rom-bios-discover',
      'pointed to port 4011: iPXE on x86 BIOS, boot file http://10.77.0.1/boot.ipxe',
    ],
  ])('the offer to %s names no file and no server', (packet, text) => {
    const decision = shy(goldenPacket(packet));
    expect(decision.text).toBe(text);
    expect(told(decision)).toMatchObject({
      reply: expect.not.stringContaining('file'),
    });
    expect(told(decision)).toHaveProperty('options', { 60: 'PXEClient' });
  });

  test('port 4011 tells it all', () => {
    const request = dhcpPacket('REQUEST', { ciaddr: '10.77.0.150', options: bootOptions(7) });
    expect(told(shy(request, 'proxy'))).toMatchObject({ options: { 67: 'snponly.efi' } });
  });

  test('HTTP boot, which knows no port 4011, gets its URL in the offer', () => {
    expect(told(shy(goldenPacket('ovmf-http-discover')))).toMatchObject({
      options: { 60: 'HTTPClient', 67: 'http://10.77.0.1/boot/snponly.efi' },
    });
  });
});

describe('silence', () => {
  const boots = bootOptions(7);
  test.each<[string, Packet, ProxyEar, unknown]>([
    [
      'to a plain client',
      dhcpPacket('DISCOVER'),
      'dhcp',
      { text: 'boots nothing; its address comes from another server' },
    ],
    [
      'to a plain client on port 4011',
      dhcpPacket('INFORM'),
      'proxy',
      { text: 'boots nothing; its address comes from another server' },
    ],
    [
      'to a REQUEST on port 67, which tells what address the machine takes from whom',
      dhcpPacket('REQUEST', { requested: '10.77.0.150', server: '10.77.0.2', options: boots }),
      'dhcp',
      { text: 'takes 10.77.0.150 from 10.77.0.2', stage: 'ack', address: '10.77.0.150' },
    ],
    [
      'to the REQUEST of a plain client',
      dhcpPacket('REQUEST', { requested: '10.77.0.150', server: '10.77.0.2' }),
      'dhcp',
      { text: 'REQUEST is for the server that gives the addresses' },
    ],
    [
      'to a DISCOVER on port 4011',
      dhcpPacket('DISCOVER', { options: boots }),
      'proxy',
      { text: 'DISCOVER is for the server that gives the addresses' },
    ],
    [
      'to a RELEASE',
      dhcpPacket('RELEASE', { options: boots }),
      'dhcp',
      { text: 'RELEASE is for the server that gives the addresses' },
    ],
    [
      'to an architecture without a boot program, as a problem',
      dhcpPacket('DISCOVER', { options: bootOptions(250) }),
      'dhcp',
      { text: 'unknown architecture 250, which pxen has no boot file for', stage: 'problem' },
    ],
  ])('%s', (_, packet, ear, expected) => {
    expect(ask(packet, ear)).toEqual({ kind: 'ignore', ...(expected as object) });
  });
});
