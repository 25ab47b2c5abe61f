import { describe, expect, onTestFinished, test } from 'vitest';
import type { Log, UdpPeer } from '../../../../src/base/ports.ts';
import type { BootEvent } from '../../../../src/domain/node/timeline.ts';
import { ProxyDhcpService } from '../../../../src/service/dhcp/proxy.ts';
import { decode, encode, type Packet } from '../../../../src/wire/dhcp4/packet.ts';
import { summary } from '../../../../src/wire/dhcp4/summary.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { address, bootOptions, dhcpPacket, dhcpPolicy, sha256 } from '../../../fakes/dhcp.ts';
import { FakeNetwork } from '../../../fakes/udp.ts';

const peer = (at: string, port: number): UdpPeer => ({ address: address(at), port });
const EVERYBODY = peer('255.255.255.255', 67);
const boots = { options: bootOptions(7) };

async function room() {
  const network = new FakeNetwork();
  const clock = new ManualClock();
  const events: BootEvent[] = [];
  const lines: string[] = [];
  const write =
    (level: string): Log['info'] =>
    (_, message) =>
      lines.push(`${level} ${message}`);
  const service = new ProxyDhcpService({
    openUdp: network.open,
    clock,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    timeline: { record: event => events.push(event) },
    policy: dhcpPolicy(),
    sha256,
    perCard: 20,
  });
  await service.start();
  onTestFinished(() => service.stop());
  return {
    service,
    network,
    events,
    lines,
    async ask(packet: Packet, from = peer('0.0.0.0', 68), to = EVERYBODY) {
      network.send({ from, to, bytes: encode(packet) });
      await new Promise(resolve => setImmediate(resolve));
    },
    /** What the service has sent: from which port, where to, and what. */
    replies: () =>
      network.sent
        .filter(({ from }) => from.address === '10.77.0.1')
        .map(({ from, to, bytes }) => {
          const packet = decode(bytes);
          return `${from.port} > ${to.address}:${to.port} ${'problem' in packet ? packet.problem : summary(packet)}`;
        }),
  };
}

const told = 'siaddr 10.77.0.1, server 10.77.0.1, vendor class "PXEClient", file "snponly.efi"';

describe('a proxy beside another DHCP server', () => {
  test('offers what to boot to everybody, and leaves the REQUEST to the other server', async () => {
    const { ask, replies, events } = await room();
    await ask(dhcpPacket('DISCOVER', boots));
    await ask(dhcpPacket('REQUEST', { ...boots, requested: '10.77.0.150', server: '10.77.0.2' }));
    expect(replies()).toEqual([`67 > 255.255.255.255:68 OFFER xid 1a2b3c4d to 52:54:00:00:00:01, ${told}`]);
    expect(events.map(({ stage, text, address }) => ({ stage, text, address }))).toEqual([
      {
        stage: 'discover',
        text: 'asks for an address and a boot file (pxe-uefi, x64 UEFI)',
        address: undefined,
      },
      {
        stage: 'offer',
        text: 'offered as a proxy: x64 UEFI, boot file snponly.efi',
        address: undefined,
      },
      { stage: 'ack', text: 'takes 10.77.0.150 from 10.77.0.2', address: '10.77.0.150' },
    ]);
  });

  test.each([
    ['iPXE', 68],
    ['EDK2', 4011],
  ])('answers %s, which asks on port 4011 from port %i, to the port it came from', async (_, port) => {
    const { ask, replies, lines } = await room();
    const packet = dhcpPacket('REQUEST', { ...boots, ciaddr: '10.77.0.150' });
    await ask(packet, peer('10.77.0.150', port), peer('10.77.0.1', 4011));
    expect(replies()).toEqual([
      `4011 > 10.77.0.150:${port} ACK xid 1a2b3c4d to 52:54:00:00:00:01, ciaddr 10.77.0.150, ${told}`,
    ]);
    expect(lines.at(-1)).toBe(
      `info REQUEST: told on port 4011: x64 UEFI, boot file snponly.efi, asked from port ${port}`,
    );
  });

  test('says nothing to machines that do not boot, nor of them', async () => {
    const { ask, replies, events, lines } = await room();
    await ask(dhcpPacket('DISCOVER'));
    await ask(dhcpPacket('REQUEST', { requested: '10.77.0.150', server: '10.77.0.2' }));
    expect({ replies: replies(), events, lines: lines.length }).toEqual({
      replies: [],
      events: [],
      lines: 1,
    });
  });

  test('drops what one card sends too often, and says so once', async () => {
    const { ask, service, lines } = await room();
    for (let i = 0; i < 70; i++) await ask(dhcpPacket('DISCOVER', boots));
    expect(service.counts).toMatchObject({ received: 70, offer: 60, limited: 10 });
    expect(lines.filter(line => line.startsWith('warn'))).toEqual([
      'warn 52:54:00:00:00:01 sends too many DHCP requests; the rest is dropped',
    ]);
  });

  test('hears nothing after stop, and leaves no socket', async () => {
    const { ask, service, network, replies } = await room();
    await service.stop();
    await ask(dhcpPacket('DISCOVER', boots));
    expect({ replies: replies(), sockets: network.sockets.size }).toEqual({ replies: [], sockets: 0 });
  });
});
