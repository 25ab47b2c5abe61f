import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Ipv4 } from '../../src/base/ipv4.ts';
import type { Mac } from '../../src/base/mac.ts';
import type { UdpPeer } from '../../src/base/ports.ts';
import { Recorder } from '../../src/service/recorder/recorder.ts';
import { encodeTftp } from '../../src/wire/tftp/packet.ts';
import { goldenBytes } from '../fakes/dhcp.ts';
import { FakeNetwork } from '../fakes/udp.ts';

const OWN = '10.77.0.1' as Ipv4;
const CLIENT = { address: '10.77.0.100' as Ipv4, port: 2070 };
const NOBODY = { address: '0.0.0.0' as Ipv4, port: 68 };
const ALL = '255.255.255.255' as Ipv4;

const folder = mkdtempSync(join(tmpdir(), 'pxen-pcap-'));
const file = join(folder, 'boot.pcapng');

/** A boot in short: DHCP both ways, a TFTP download of 60 blocks, one HTTP request. */
beforeAll(async () => {
  let now = 1_700_000_000_123_456;
  const recorder = new Recorder({
    mac: '02:00:00:00:00:fe' as Mac,
    interface: 'br0',
    address: OWN,
    microseconds: () => (now += 1000),
    version: '0.1.0',
  });
  const network = new FakeNetwork();
  const nothing = { onDatagram: () => {}, onError: () => {} };
  const dhcp = await recorder.tapped(
    'dhcp',
    network.open,
  )({ address: OWN, port: 67, reuse: true, ...nothing });
  const any = { address: '0.0.0.0' as Ipv4, port: 67, reuse: true, ...nothing };
  await recorder.tapped('dhcp', network.open)(any);
  const tftp = await recorder.tapped('tftp', network.open)({ address: OWN, port: 69, ...nothing });
  const arrives = async (from: UdpPeer, to: UdpPeer, bytes: Uint8Array): Promise<void> => {
    network.send({ from, to, bytes });
    await Promise.resolve();
  };
  await arrives(NOBODY, { address: ALL, port: 67 }, goldenBytes('ipxe-rom-bios-discover'));
  dhcp.send(goldenBytes('pxen-offer-to-ipxe'), { address: ALL, port: 68 });
  const request = {
    kind: 'rrq',
    filename: 'undionly.kpxe',
    mode: 'octet',
    options: new Map([['blksize', '1432']]),
  } as const;
  await arrives(CLIENT, tftp.local, encodeTftp(request));
  const transfer = await recorder.tapped(
    'tftp',
    network.open,
  )({ address: OWN, port: 40_001, peer: CLIENT, ...nothing });
  for (let block = 1; block <= 60; block++) {
    transfer.send(Uint8Array.of(0, 3, 0, block, ...new Uint8Array(1432)));
    await arrives(CLIENT, transfer.local, Uint8Array.of(0, 4, 0, block));
  }
  const heads = {
    request: 'GET /boot.ipxe HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n',
    response: 'HTTP/1.1 200 OK\r\nContent-Length: 180\r\n\r\n',
  };
  const remote = { ...CLIENT, port: 50_000 };
  const exchange = {
    at: now,
    local: { address: OWN, port: 80 },
    remote,
    bodyBytes: 180,
    complete: true,
    ...heads,
  };
  recorder.observed(exchange, false);
  const macs = ['52:54:00:12:34:56' as Mac];
  const capture = recorder.capture({ id: '91d5815f', macs, addresses: [CLIENT.address], since: 0 });
  writeFileSync(file, capture ?? new Uint8Array());
});
afterAll(() => rmSync(folder, { recursive: true }));

/** -vv also checks the sums of IP, UDP and TCP. */
function tcpdump(...filter: string[]): string {
  const done = spawnSync('tcpdump', ['-n', '-vv', '-tttt', '-r', file, ...filter], { encoding: 'utf8' });
  const complaints = done.stderr.replace(/^reading from file [^\n]*\n/, '');
  expect({ status: done.status, complaints }).toEqual({ status: 0, complaints: '' });
  expect(done.stdout).not.toMatch(/bad (udp )?cksum|incorrect|truncated/);
  return done.stdout;
}

test('tcpdump reads the whole file and finds nothing wrong in any checksum', () => {
  const packets = tcpdump()
    .split('\n')
    .filter(line => /^20/.test(line));
  // DHCP 2, RRQ 1, transfer 16 + 16, HTTP: handshake 3, request and answer 3, farewell 3.
  expect(packets.length).toBe(2 + 1 + 32 + 9);
  expect(packets[0]).toMatch(/^2023-11-14 22:13:20\.12\d{4} IP/);
});

test('it understands the DHCP messages', () => {
  const text = tcpdump('udp', 'port', '67');
  for (const sign of [
    '0.0.0.0.68 > 255.255.255.255.67: [udp sum ok] BOOTP/DHCP, Request from 52:54:00:12:34:56',
    'DHCP-Message (53), length 1: Discover',
    '10.77.0.1.67 > 255.255.255.255.68: [udp sum ok] BOOTP/DHCP, Reply',
    'DHCP-Message (53), length 1: Offer',
  ])
    expect(text).toContain(sign);
});

test('it understands the TFTP request', () => {
  expect(tcpdump('udp', 'port', '69')).toContain('RRQ "undionly.kpxe" octet blksize 1432');
});

test('it follows the HTTP connection', () => {
  const text = tcpdump('tcp');
  for (const sign of ['Flags [S]', 'Flags [S.]', 'GET /boot.ipxe HTTP/1.1', 'HTTP/1.1 200 OK', 'Flags [F.]'])
    expect(text).toContain(sign);
});
