import { describe, expect, test } from 'vitest';
import { type FoundServer, type ProbeParts, probeServers } from '../../../../src/service/dhcp/probe.ts';
import { decode, encode } from '../../../../src/wire/dhcp4/packet.ts';
import { summary } from '../../../../src/wire/dhcp4/summary.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { address, dhcpPacket } from '../../../fakes/dhcp.ts';
import { FakeNetwork } from '../../../fakes/udp.ts';

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

/** A probe on a network where `servers` answer the first question. */
async function probe(servers: readonly string[], parts: Partial<ProbeParts> = {}) {
  const network = new FakeNetwork();
  const clock = new ManualClock();
  const found = probeServers({
    openUdp: network.open,
    clock,
    address: address('10.77.0.1'),
    card: Uint8Array.of(0xff, 1, 2, 3, 4, 5),
    xid: 0x1a2b3c4d,
    wait: 6000,
    ...parts,
  });
  let answer: FoundServer[] | undefined;
  found.then(
    value => {
      answer = value;
    },
    () => {},
  );
  await settled();
  for (const server of servers)
    network.send({
      from: { address: address(server), port: 67 },
      to: { address: address('255.255.255.255'), port: 68 },
      bytes: encode({ ...dhcpPacket('OFFER', { server }), op: 2, yiaddr: address('10.77.0.9') }),
    });
  await settled();
  return { network, clock, found, answer: () => answer };
}

describe('the search for DHCP servers', () => {
  test('asks three times as a card of its own, wanting broadcast answers, and lists who answers in time', async () => {
    const { network, clock, found, answer } = await probe(['10.77.0.3', '10.77.0.2', '10.77.0.3']);
    clock.advance(5999);
    await settled();
    expect(answer()).toBeUndefined();
    clock.advance(1);
    expect((await found).map(({ server }) => server)).toEqual(['10.77.0.2', '10.77.0.3']);
    const asked = network.sent.filter(({ from }) => from.address === '10.77.0.1');
    const texts = asked.map(({ to, bytes }) => {
      const packet = decode(bytes);
      return `${to.address}:${to.port} ${'problem' in packet ? packet.problem : summary(packet)}`;
    });
    expect(texts).toEqual(
      Array(3).fill('255.255.255.255:67 DISCOVER xid 1a2b3c4d from fe:01:02:03:04:05, broadcast'),
    );
    expect({ sockets: network.sockets.size, alarms: clock.waiting }).toEqual({ sockets: 0, alarms: 0 });
  });

  test('ends with the first answer where that is enough', async () => {
    const { network, clock, found } = await probe(['10.77.0.2'], { first: true });
    expect(await found).toEqual([{ server: '10.77.0.2', offered: '10.77.0.9', bootFile: '' }]);
    expect({ sockets: network.sockets.size, alarms: clock.waiting }).toEqual({ sockets: 0, alarms: 0 });
  });

  test('takes no answer to somebody else for its own', async () => {
    const { clock, found } = await probe(['10.77.0.2'], { xid: 1, first: true });
    clock.advance(6000);
    expect(await found).toEqual([]);
  });
});
