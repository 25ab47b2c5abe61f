import { describe, expect, onTestFinished, test } from 'vitest';
import type { Log } from '../../../../src/base/ports.ts';
import type { Lease } from '../../../../src/domain/lease/lease.ts';
import { uuidToOption97 } from '../../../../src/domain/machine/uuid.ts';
import type { BootEvent } from '../../../../src/domain/node/timeline.ts';
import { DhcpService } from '../../../../src/service/dhcp/dhcp.ts';
import { decode, encode, type Packet } from '../../../../src/wire/dhcp4/packet.ts';
import { summary } from '../../../../src/wire/dhcp4/summary.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import {
  address,
  bootOptions,
  dhcpPacket,
  dhcpPolicy,
  goldenBytes,
  type PolicyChanges,
  type RequestFields,
  relayedSubnet,
  sha256,
} from '../../../fakes/dhcp.ts';
import { MemoryLeases } from '../../../fakes/leases.ts';
import { FakeNetwork } from '../../../fakes/udp.ts';

const SERVER = address('10.77.0.1');
const A = '10.77.0.100';
const UUID = '11223344-5566-7788-99aa-bbccddeeff00';

interface Room {
  readonly service: DhcpService;
  readonly network: FakeNetwork;
  readonly store: MemoryLeases;
  readonly clock: ManualClock;
  readonly events: BootEvent[];
  readonly lines: string[];
  /** Broadcasts a packet of a client, or bytes. */
  ask(packet: Packet | Uint8Array): Promise<void>;
  /** What the service has sent: where to, and what. */
  replies(): string[];
}

async function room(
  options: { leases?: Lease[]; policy?: PolicyChanges; network?: FakeNetwork } = {},
): Promise<Room> {
  const network = options.network ?? new FakeNetwork();
  const store = new MemoryLeases(options.leases);
  const clock = new ManualClock();
  const events: BootEvent[] = [];
  const lines: string[] = [];
  const write =
    (level: string): Log['info'] =>
    (_, message) =>
      lines.push(`${level} ${message}`);
  const service = new DhcpService({
    openUdp: network.open,
    clock,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    timeline: { record: event => events.push(event) },
    leases: store,
    policy: dhcpPolicy(options.policy),
    perCard: 20,
    sha256,
  });
  await service.start();
  onTestFinished(() => service.stop());
  return {
    service,
    network,
    store,
    clock,
    events,
    lines,
    async ask(packet) {
      const bytes = packet instanceof Uint8Array ? packet : encode(packet);
      network.send({
        from: { address: address('0.0.0.0'), port: 68 },
        to: { address: address('255.255.255.255'), port: 67 },
        bytes,
      });
      await settled();
    },
    replies: () =>
      network.sent
        .filter(({ from }) => from.port === 67)
        .map(({ to, bytes }) => {
          const packet = decode(bytes);
          return `${to.address}:${to.port} ${'problem' in packet ? packet.problem : summary(packet)}`;
        }),
  };
}

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));
const request = (fields: RequestFields = {}) =>
  dhcpPacket('REQUEST', { requested: A, server: SERVER, ...fields });
const short = (replies: string[]) => replies.map(line => line.split(' ').slice(0, 2).join(' '));

describe('a machine that boots', () => {
  test('gets an offer and an acknowledgement, and every step stands on the timeline', async () => {
    const { ask, replies, events, lines, clock, service } = await room();
    const options = [...bootOptions(7), [97, uuidToOption97(UUID) ?? new Uint8Array()] as const];
    await ask(dhcpPacket('DISCOVER', { options }));
    clock.advance(3800);
    await ask(request({ options }));

    const reply =
      'xid 1a2b3c4d to 52:54:00:00:00:01, yiaddr 10.77.0.100, siaddr 10.77.0.1, server 10.77.0.1, vendor class "PXEClient", file "snponly.efi"';
    expect(replies()).toEqual([`255.255.255.255:68 OFFER ${reply}`, `255.255.255.255:68 ACK ${reply}`]);
    const began = clock.now() - 3800;
    const machine = {
      mac: '52:54:00:00:00:01',
      machineId: '91d5815f',
      uuid: UUID,
      client: 'firmware',
      protocol: 'dhcp',
      idFrom: 'dhcp',
    };
    expect(events).toEqual([
      {
        ...machine,
        at: began,
        stage: 'discover',
        text: 'asks for an address and a boot file (pxe-uefi, x64 UEFI)',
      },
      {
        ...machine,
        at: began,
        stage: 'offer',
        text: 'offered 10.77.0.100, x64 UEFI, boot file snponly.efi',
        address: A,
        milliseconds: 0,
      },
      {
        ...machine,
        at: began + 3800,
        stage: 'ack',
        text: 'gave 10.77.0.100, x64 UEFI, boot file snponly.efi',
        address: A,
        milliseconds: 0,
      },
    ]);
    expect(lines).toEqual([
      'info listening on 10.77.0.1:67, 3 addresses',
      'info DISCOVER: offered 10.77.0.100, x64 UEFI, boot file snponly.efi',
      'info REQUEST: gave 10.77.0.100, x64 UEFI, boot file snponly.efi',
    ]);
    expect(service.leaseAt(address(A))).toMatchObject({ mac: machine.mac, machineId: machine.machineId });
  });
});

describe('leases', () => {
  test('no ACK leaves before its lease is durable', async () => {
    const { ask, replies, store } = await room();
    store.hold();
    await ask(request());
    expect(replies()).toEqual([]);
    store.letGo();
    await settled();
    expect(short(replies())).toEqual(['255.255.255.255:68 ACK']);
    expect(store.all()).toHaveLength(1);
  });

  test('while one lease is written, no other machine gets its address', async () => {
    const { ask, replies, store } = await room();
    store.hold();
    await ask(request());
    await ask(dhcpPacket('DISCOVER', { card: 2 }));
    expect(replies()).toEqual([
      '255.255.255.255:68 OFFER xid 1a2b3c4d to 52:54:00:00:00:02, yiaddr 10.77.0.101, server 10.77.0.1',
    ]);
    store.letGo();
  });

  test('requests of one machine are answered in their order, whatever the store takes', async () => {
    const { ask, replies, store } = await room();
    store.hold();
    await ask(request());
    await ask(dhcpPacket('RELEASE', { ciaddr: A, server: SERVER }));
    await ask(dhcpPacket('DISCOVER'));
    expect(replies()).toEqual([]);
    store.letGo();
    await settled();
    expect(short(replies())).toEqual(['255.255.255.255:68 ACK', '255.255.255.255:68 OFFER']);
    expect(store.all()).toEqual([expect.objectContaining({ address: A, expiresAt: 1_700_000_000_000 })]);
  });

  test('a lease that cannot be written is not acknowledged, and health says why', async () => {
    const { ask, replies, store, service, lines } = await room();
    store.failure = new Error('disk full');
    await ask(request());
    expect(replies()).toEqual([]);
    expect(service.health()).toBe('leases cannot be written, so none are given: disk full');
    expect(lines.at(-1)).toBe(
      'error no answer to REQUEST xid 1a2b3c4d from 52:54:00:00:00:01, requests 10.77.0.100, server 10.77.0.1: disk full',
    );
    store.failure = undefined;
    await ask(request());
    expect(short(replies())).toEqual(['255.255.255.255:68 ACK']);
    expect(service.health()).toBeUndefined();
  });

  test('a restart knows the leases of before', async () => {
    const before = await room();
    await before.ask(request({ requested: '10.77.0.102' }));
    await before.service.stop();
    const after = await room({ leases: before.store.all() });
    await after.ask(dhcpPacket('DISCOVER'));
    expect(after.replies()[0]).toContain('yiaddr 10.77.0.102');
  });

  test('an empty pool is a warning, a problem on the timeline and in health, until it is over', async () => {
    const pool = [{ first: address(A), last: address(A) }];
    const { ask, replies, service, events, lines, clock } = await room({ policy: { pool } });
    await ask(request());
    await ask(dhcpPacket('DISCOVER', { card: 2 }));
    const text =
      'no free address: all 1 of 10.77.0.100-10.77.0.100 are taken (1 leased, 0 offered, 0 declined as in use); widen the pool or shorten the lease time';
    expect(service.health()).toBe(text);
    expect(lines.at(-1)).toBe(`warn DISCOVER: ${text}`);
    expect(events.at(-1)).toMatchObject({ stage: 'problem', text });
    expect(replies()).toHaveLength(1);
    clock.advance(3_600_000);
    expect(service.health()).toBeUndefined();
    await ask(dhcpPacket('DISCOVER', { card: 2 }));
    expect(replies()).toHaveLength(2);
    expect(service.health()).toBeUndefined();
  });
});

describe('relays', () => {
  test('a relayed request is answered to the relay on port 67, with option 82 as it came', async () => {
    const { network, replies } = await room({ policy: { others: [relayedSubnet()] } });
    const circuit = Uint8Array.of(1, 3, 101, 116, 104);
    const packet = dhcpPacket('DISCOVER', { giaddr: '10.88.0.1', options: [[82, circuit]] });
    const from = { address: address('10.88.0.1'), port: 67 };
    network.send({ from, to: { address: SERVER, port: 67 }, bytes: encode(packet) });
    await settled();
    expect(replies()).toEqual([
      '10.77.0.1:67 DISCOVER xid 1a2b3c4d from 52:54:00:00:00:01, giaddr 10.88.0.1',
      '10.88.0.1:67 OFFER xid 1a2b3c4d to 52:54:00:00:00:01, yiaddr 10.88.0.100, giaddr 10.88.0.1, server 10.77.0.1',
    ]);
    const offer = decode(network.sent.at(-1)?.bytes ?? new Uint8Array());
    if ('problem' in offer) throw new Error(offer.problem);
    expect(offer.options.get(82)).toEqual(circuit);
  });

  test('an unknown relay is not answered; the log says so once a minute, the timeline for every machine', async () => {
    const { ask, replies, lines, events } = await room();
    for (const card of [1, 2, 3]) await ask(dhcpPacket('DISCOVER', { card, giaddr: '10.99.0.1' }));
    const text =
      'relay 10.99.0.1 is in none of the known networks (10.77.0.1/24); add its network to dhcp.subnets';
    expect(replies()).toEqual([]);
    expect(lines.filter(line => line.includes('relay'))).toEqual([`warn DISCOVER: ${text}`]);
    expect(events.filter(event => event.text === text)).toHaveLength(3);
  });
});

describe('a flood', () => {
  test('of made-up cards leaves a machine with a lease in peace, and is told in log and health', async () => {
    const { ask, replies, service, lines, clock } = await room();
    await ask(request({ card: 1 }));
    for (let card = 2; card < 256; card++) await ask(dhcpPacket('DISCOVER', { card }));
    const text =
      'more unknown network cards ask for addresses than there can be: a flood? Cards with a lease or a reservation are served';
    expect(lines.filter(line => line.includes('flood'))).toEqual([`warn ${text}`]);
    expect(service.counts.limited).toBeGreaterThan(150);
    await ask(dhcpPacket('DISCOVER', { card: 1 }));
    expect(replies().at(-1)).toContain(`OFFER xid 1a2b3c4d to 52:54:00:00:00:01, yiaddr ${A}`);
    expect(lines.filter(line => line.includes('no free address'))).toHaveLength(1);
    clock.advance(61_000);
    await ask(dhcpPacket('DISCOVER', { card: 2 }));
    expect(replies().at(-1)).toContain('OFFER xid 1a2b3c4d to 52:54:00:00:00:02');
    expect(service.health()).toBeUndefined();
  });

  test('of one card is dropped beyond its rate, and nobody else notices', async () => {
    const { ask, replies, service, lines } = await room();
    for (let i = 0; i < 100; i++) await ask(dhcpPacket('DISCOVER', { card: 1 }));
    expect(service.counts).toMatchObject({ offer: 60, limited: 40 });
    expect(service.health()).toBe(
      '52:54:00:00:00:01 sends more than 20 DHCP requests a second; the rest is dropped',
    );
    expect(lines.filter(line => line.startsWith('warn'))).toHaveLength(1);
    await ask(dhcpPacket('DISCOVER', { card: 2 }));
    expect(replies().at(-1)).toContain('to 52:54:00:00:00:02');
  });
});

test.each([
  ['forward by a year', 365 * 86_400_000, 'forward by 31536000 s'],
  ['back by a day', -86_400_000, 'back by 86400 s'],
])('when the clock is set %s, leases keep their remaining time, on disk too', async (_, jump, text) => {
  const { ask, clock, service, store, lines } = await room();
  await ask(request());
  clock.set(clock.now() + jump);
  clock.advance(1_800_000);
  expect(service.leaseAt(address(A))).toMatchObject({ address: A });
  expect(lines.at(-1)).toBe(`warn the clock was set ${text}; leases keep their remaining time`);
  await settled();
  expect(store.all()[0]?.expiresAt).toBe(1_700_000_000_000 + jump + 3_600_000);
  clock.advance(1_800_000);
  expect(service.leaseAt(address(A))).toBeUndefined();
});

describe('another DHCP server on the network', () => {
  const OTHER = '10.77.0.2';
  const complaint = (server: string): string =>
    `another DHCP server answers on this network: ${server}; two servers give out clashing addresses: switch that one off, or set dhcp.mode: proxy`;
  /** The server's OFFER of 10.77.0.9 to a card, as all machines hear it. */
  const offer = (network: FakeNetwork, from: string, yiaddr = '10.77.0.9'): void => {
    const question = dhcpPacket('OFFER', { server: from });
    network.send({
      from: { address: address(from), port: 67 },
      to: { address: address('255.255.255.255'), port: 68 },
      bytes: encode({ ...question, op: 2, yiaddr: address(yiaddr) }),
    });
  };

  test('is a complaint when its offer is heard, a warning once a minute, and forgotten in time', async () => {
    const { network, service, lines, clock } = await room();
    for (let i = 0; i < 3; i++) offer(network, OTHER);
    await settled();
    expect(service.health()).toBe(complaint(OTHER));
    expect(lines.filter(line => line.startsWith('warn'))).toEqual([`warn ${complaint(OTHER)}`]);
    clock.advance(16 * 60_000);
    expect(service.health()).toBeUndefined();
  });

  test('is a complaint when a machine chooses it', async () => {
    const { ask, service } = await room();
    await ask(request({ server: OTHER, requested: '10.77.0.9' }));
    expect(service.health()).toBe(complaint(OTHER));
  });

  test.each([
    ['ours', SERVER, '10.77.0.9'],
    ['one of another network of this computer', '192.168.1.1', '192.168.1.9'],
    ['a proxy, which gives no address', OTHER, '0.0.0.0'],
  ])('is not %s', async (_, server, yiaddr) => {
    const { network, service } = await room();
    offer(network, server, yiaddr);
    await settled();
    expect(service.health()).toBeUndefined();
  });

  test('goes unheard, and is no reason not to start, where another program has the port of the clients', async () => {
    const network = new FakeNetwork();
    const nothing = (): void => {};
    await network.open({ address: address('0.0.0.0'), port: 68, onDatagram: nothing, onError: nothing });
    const { lines } = await room({ network });
    expect(lines[0]).toBe(
      'info another DHCP server is only noticed when a machine chooses it: UDP 255.255.255.255:68 is in use by another program',
    );
  });
});

describe('sockets', () => {
  test('a request to the server itself is RENEWING, one to everybody REBINDING', async () => {
    const { ask, network, replies } = await room();
    const foreign = dhcpPacket('REQUEST', { ciaddr: '10.77.0.50' });
    await ask(foreign);
    expect(replies()).toEqual([]);
    const from = { address: address('10.77.0.50'), port: 68 };
    network.send({ from, to: { address: SERVER, port: 67 }, bytes: encode(foreign) });
    await settled();
    expect(short(replies())).toEqual(['255.255.255.255:68 NAK']);
  });

  test('another DHCP server on this machine is a warning', async () => {
    const network = new FakeNetwork();
    const nothing = (): void => {};
    await network.open({
      address: address('0.0.0.0'),
      port: 67,
      reuse: true,
      onDatagram: nothing,
      onError: nothing,
    });
    const { lines } = await room({ network });
    expect(lines[0]).toBe(
      'warn UDP 10.77.0.1:67 is in use by another program; two DHCP servers on one network give out clashing addresses',
    );
  });

  test('after stop nothing is heard and no socket is left, but a lease under way still gets its ACK', async () => {
    const { ask, network, replies, service, store } = await room();
    store.hold();
    await ask(request());
    const stopped = service.stop();
    await ask(request({ card: 2 }));
    store.letGo();
    await stopped;
    expect(short(replies())).toEqual(['255.255.255.255:68 ACK']);
    expect(network.sockets.size).toBe(0);
    await service.stop();
  });
});

test.each([
  ['noise', new Uint8Array(300), 'got magic cookie 00000000, want 63825363'],
  ['an empty datagram', new Uint8Array(), 'got 0 bytes, a DHCP message has at least 240'],
  ['a reply', goldenBytes('slirp-offer'), 'got op 2, want a request (1)'],
])('%s is counted, logged and dropped', async (_, bytes, problem) => {
  const { ask, service, lines, events } = await room();
  await ask(bytes);
  expect(service.counts).toMatchObject({ received: 1, malformed: 1 });
  expect(lines.at(-1)).toBe(`debug dropped a datagram from 0.0.0.0:68: ${problem}`);
  expect(events).toEqual([]);
});
