import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import type { Mac } from '../../../../src/base/mac.ts';
import type { UdpPeer, UdpSocket } from '../../../../src/base/ports.ts';
import { Recorder } from '../../../../src/service/recorder/recorder.ts';
import { encode } from '../../../../src/wire/dhcp4/packet.ts';
import { decodePcapng } from '../../../../src/wire/pcap/read.ts';
import { dhcpPacket, goldenBytes } from '../../../fakes/dhcp.ts';
import { FakeNetwork } from '../../../fakes/udp.ts';

const OWN = '10.77.0.1' as Ipv4;
const CARD = '52:54:00:12:34:56' as Mac;
const CLIENT: UdpPeer = { address: '10.77.0.100' as Ipv4, port: 2070 };
const NOBODY: UdpPeer = { address: '0.0.0.0' as Ipv4, port: 68 };
const ALL: UdpPeer = { address: '255.255.255.255' as Ipv4, port: 68 };
const DISCOVER = goldenBytes('ipxe-rom-bios-discover');
const OFFER = goldenBytes('pxen-offer-to-ipxe');

interface Recorded {
  readonly at: number;
  readonly text: string;
  readonly comment: string | undefined;
}

class Studio {
  readonly network = new FakeNetwork();
  now = 1_700_000_000_000_000;
  readonly recorder = new Recorder({
    mac: '02:00:00:00:00:fe' as Mac,
    interface: 'br0',
    address: OWN,
    microseconds: () => ++this.now,
    version: '0.1.0',
  });

  open(kind: 'dhcp' | 'tftp', port: number, peer?: UdpPeer, address = OWN): Promise<UdpSocket> {
    return this.recorder.tapped(
      kind,
      this.network.open,
    )({
      ...{ address, port, reuse: true, onDatagram: () => {}, onError: () => {} },
      ...(peer ? { peer } : {}),
    });
  }

  /** A datagram from a machine, and the moment in which it arrives. */
  async arrives(from: UdpPeer, to: UdpPeer, bytes: Uint8Array): Promise<void> {
    this.network.send({ from, to, bytes });
    await Promise.resolve();
  }

  /** What a capture holds: `10.77.0.1:69 > 10.77.0.100:2070 4 bytes`. */
  played(macs: readonly Mac[] = [CARD], addresses: readonly Ipv4[] = [], since = 0): Recorded[] {
    const file = this.recorder.capture({ id: '91d5815f', macs, addresses, since });
    const capture = file ? decodePcapng(file) : { packets: [] };
    if ('problem' in capture) throw new Error(capture.problem);
    return capture.packets.map(({ at, frame, comment }) => ({ at, text: described(frame), comment }));
  }
}

function described(frame: Uint8Array): string {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const address = (at: number): string => frame.subarray(at, at + 4).join('.');
  const isTcp = frame[23] === 6;
  const payload = frame.subarray(isTcp ? 54 : 42);
  const what = isTcp
    ? `tcp ${frame[47]} ${new TextDecoder().decode(payload).split('\r\n')[0]}`
    : `${payload.length} bytes`;
  return `${address(26)}:${view.getUint16(34)} > ${address(30)}:${view.getUint16(36)} ${what}`.trimEnd();
}

describe('DHCP', () => {
  test('is found by the card, with the addresses that were on the wire', async () => {
    const studio = new Studio();
    const sender = await studio.open('dhcp', 67);
    await studio.open('dhcp', 67, undefined, '0.0.0.0' as Ipv4);
    await studio.arrives(NOBODY, { ...ALL, port: 67 }, DISCOVER);
    sender.send(OFFER, ALL);
    expect(studio.played().map(({ text }) => text)).toEqual([
      `0.0.0.0:68 > 255.255.255.255:67 ${DISCOVER.length} bytes`,
      `10.77.0.1:67 > 255.255.255.255:68 ${OFFER.length} bytes`,
    ]);
  });

  test('what is no DHCP message is passed on and not recorded', async () => {
    const studio = new Studio();
    await studio.open('dhcp', 67);
    await studio.arrives(NOBODY, { address: OWN, port: 67 }, Uint8Array.of(1, 2, 3));
    expect(studio.recorder.usage()).toEqual({ machines: 0, bytes: 0 });
  });

  test('a flood of forged cards does not grow without end', async () => {
    const studio = new Studio();
    const sender = await studio.open('dhcp', 67);
    const forged = DISCOVER.slice();
    for (let card = 0; card < 20_000; card++) {
      forged[32] = card >> 8;
      forged[33] = card;
      sender.send(forged, ALL);
    }
    const { machines, bytes } = studio.recorder.usage();
    expect([machines <= 4096, bytes <= 64 * 1024 * 1024]).toEqual([true, true]);
  });
});

describe('TFTP', () => {
  test('a long transfer keeps its beginning and its end, and counts the middle', async () => {
    const studio = new Studio();
    const transfer = await studio.open('tftp', 40_000, CLIENT);
    for (let block = 1; block <= 100; block++) transfer.send(new Uint8Array(516).fill(block), CLIENT);
    const played = studio.played([], [CLIENT.address]);
    expect([played.length, played[15]?.comment, played[16]?.comment, played.at(-1)?.text]).toEqual([
      32,
      undefined,
      '68 datagrams before this one, 34.3 KiB, were left out',
      '10.77.0.1:40000 > 10.77.0.100:2070 516 bytes',
    ]);
    await transfer.close();
    expect(studio.recorder.usage().bytes).toBe(32 * 516);
  });

  test('keeps no more than its own packets of the file chunks that they lay in', async () => {
    const studio = new Studio();
    const transfer = await studio.open('tftp', 40_000, CLIENT);
    const chunk = Uint8Array.from({ length: 5 * 200 }, (_, i) => Math.floor(i / 5));
    for (let i = 0; i < 200; i++) transfer.send(chunk.subarray(i * 5, i * 5 + 5), CLIENT);
    await transfer.close();
    chunk.fill(0);
    const file = studio.recorder.capture({ id: 'x', macs: [], addresses: [CLIENT.address], since: 0 });
    const capture = decodePcapng(file ?? new Uint8Array());
    const lastBytes = 'packets' in capture ? capture.packets.map(({ frame }) => frame.at(-1)) : [];
    expect([lastBytes[15], lastBytes[16], lastBytes.at(-1)]).toEqual([15, 184, 199]);
  });

  test('keeps copies of what goes over the shared socket: senders use their buffers again', async () => {
    const studio = new Studio();
    const listener = await studio.open('tftp', 69);
    const buffer = Uint8Array.of(0, 3, 0, 1, 42);
    listener.sendAll([buffer], CLIENT);
    buffer.fill(0);
    const file = studio.recorder.capture({ id: 'x', macs: [], addresses: [CLIENT.address], since: 0 });
    const capture = decodePcapng(file ?? new Uint8Array());
    expect('packets' in capture && capture.packets[0]?.frame.at(-1)).toBe(42);
  });

  test('belongs to the card that DHCP gave the address to', async () => {
    const studio = new Studio();
    const dhcp = await studio.open('dhcp', 67);
    dhcp.send(OFFER, ALL);
    const given = OFFER.subarray(16, 20).join('.') as Ipv4;
    const transfer = await studio.open('tftp', 40_000, { address: given, port: 2070 });
    transfer.send(Uint8Array.of(0, 3, 0, 1));
    expect(studio.played().map(({ text }) => text.split(' ').at(-2))).toEqual([String(OFFER.length), '4']);
  });

  test('one machine does not use the memory of all others', async () => {
    const studio = new Studio();
    for (let port = 1; port < 400; port++) {
      const transfer = await studio.open('tftp', 40_000 + port, { ...CLIENT, port });
      for (let block = 0; block < 40; block++) transfer.send(new Uint8Array(1468));
    }
    expect(studio.recorder.usage().bytes).toBeLessThan(1.2 * 1024 * 1024);
  });
});

describe('HTTP', () => {
  const exchange = (path: string, at: number, more: object = {}) => ({
    at,
    local: { address: OWN, port: 80 },
    remote: { address: CLIENT.address, port: 50_000 },
    request: `GET ${path} HTTP/1.1\r\nAuthorization: Bearer s3cret\r\n\r\n`,
    response: 'HTTP/1.1 200 OK\r\n\r\n',
    bodyBytes: 0,
    complete: true,
    ...more,
  });

  test('requests of one connection are one stream, secrets are masked, bodies counted', () => {
    const studio = new Studio();
    studio.recorder.observed(
      exchange('/apkovl/x.gz?token=s3cret', 1000, { bodyBytes: 7, complete: false }),
      false,
    );
    studio.recorder.observed(exchange('/b', 2000), false);
    const played = studio.played([], [CLIENT.address]);
    expect(
      played
        .filter(({ text }) => / tcp 24 /.test(text))
        .map(({ text, comment }) => [text.replace(/.* tcp/, 'tcp'), comment]),
    ).toEqual([
      ['tcp 24 GET /apkovl/x.gz?token=(left-out) HTTP/1.1', undefined],
      ['tcp 24 GET /b HTTP/1.1', undefined],
      [
        'tcp 24 HTTP/1.1 200 OK',
        'body of 7 bytes left out; this is the time of its end; the connection broke before it was complete',
      ],
      ['tcp 24 HTTP/1.1 200 OK', undefined],
    ]);
    const file = studio.recorder.capture({ id: 'x', macs: [], addresses: [CLIENT.address], since: 0 });
    expect(Buffer.from(file ?? []).includes('s3cret')).toBe(false);
  });

  test('heartbeats do not push the boot out', () => {
    const studio = new Studio();
    studio.recorder.observed(exchange('/boot/root.squashfs', 1000), false);
    for (let i = 0; i < 1000; i++) studio.recorder.observed(exchange('/api/v1/report', 2000 + i), true);
    const heads = studio.played([], [CLIENT.address]).filter(({ text }) => text.includes('GET '));
    expect(heads.map(({ text }) => text.split(' ').at(-2))).toEqual([
      '/boot/root.squashfs',
      ...['/api/v1/report', '/api/v1/report', '/api/v1/report'],
    ]);
  });
});

describe('the last boot', () => {
  test('begins anew with the firmware, once a system has run', async () => {
    const studio = new Studio();
    const system = encode({ ...dhcpPacket('REQUEST'), chaddr: DISCOVER.slice(28, 34) }, 1500);
    await studio.open('dhcp', 67);
    const to = { address: OWN, port: 67 };
    for (const message of [DISCOVER, DISCOVER, system]) await studio.arrives(NOBODY, to, message);
    expect(studio.played().length).toBe(3);
    await studio.arrives(NOBODY, to, DISCOVER);
    expect(studio.played().length).toBe(1);
  });

  test('leaves out what was before it', async () => {
    const studio = new Studio();
    await studio.open('dhcp', 67);
    await studio.arrives(NOBODY, { address: OWN, port: 67 }, DISCOVER);
    studio.now += 60_000_000;
    await studio.arrives(NOBODY, { address: OWN, port: 67 }, DISCOVER);
    expect(studio.played([CARD], [], studio.now / 1000).length).toBe(1);
  });

  test('of a machine that was never heard is nothing', () => {
    expect(new Studio().recorder.capture({ id: 'x', macs: [CARD], addresses: [], since: 0 })).toBeUndefined();
  });
});
