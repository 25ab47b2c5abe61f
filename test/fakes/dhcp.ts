import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '../../src/base/bytes.ts';
import { ANY, type Ipv4 } from '../../src/base/ipv4.ts';
import { type BootRequest, classify } from '../../src/domain/boot/classify.ts';
import type { DhcpPolicy, Subnet } from '../../src/domain/boot/policy.ts';
import { AddressPool, type AddressRange } from '../../src/domain/lease/pool.ts';
import { type Reservation, Reservations } from '../../src/domain/lease/reservation.ts';
import { LeaseTable } from '../../src/domain/lease/table.ts';
import type { Sha256 } from '../../src/domain/machine/genid.ts';
import { type MessageType, OPTION } from '../../src/wire/dhcp4/code.ts';
import { addressesOption } from '../../src/wire/dhcp4/option-address.ts';
import { messageTypeOption } from '../../src/wire/dhcp4/option-number.ts';
import { textOption } from '../../src/wire/dhcp4/option-text.ts';
import { decode, type Packet } from '../../src/wire/dhcp4/packet.ts';

const GOLDEN = join(import.meta.dirname, '../golden/dhcp4');

export const sha256: Sha256 = data => createHash('sha256').update(data).digest();

export const address = (text: string): Ipv4 => text as Ipv4;

/** What a test may change in `dhcpPolicy`: the own network is told by its parts. */
export interface PolicyChanges extends Partial<Omit<DhcpPolicy, 'subnets' | 'reservations'>> {
  readonly pool?: readonly AddressRange[];
  readonly router?: Ipv4;
  readonly dns?: readonly Ipv4[];
  readonly domain?: string;
  readonly leaseSeconds?: number;
  /** Networks behind relays. */
  readonly others?: readonly Subnet[];
  readonly reservations?: readonly Partial<Reservation>[];
}

export const range = (first: string, last = first): AddressRange => ({
  first: address(first),
  last: address(last),
});

/** A server 10.77.0.1/24 with three addresses to give. */
export function dhcpPolicy(changes: PolicyChanges = {}): DhcpPolicy {
  const { pool = [range('10.77.0.100', '10.77.0.102')], others = [], reservations = [], ...rest } = changes;
  const { router, dns = [], domain, leaseSeconds = 3600, ...boot } = rest;
  const server = { address: address('10.77.0.1'), prefix: 24 };
  const kept = reservations.map(
    one =>
      ({ mac: undefined, id: undefined, hostname: undefined, address: ANY, ...one }) satisfies Reservation,
  );
  const addresses = new AddressPool(
    server,
    pool,
    kept.map(one => one.address),
  );
  return {
    server,
    subnets: [{ pool: addresses, router, dns, domain, leaseSeconds }, ...others],
    reservations: new Reservations(kept),
    httpBase: 'http://10.77.0.1',
    transport: 'auto',
    proxyOffer: 'whole',
    hostname: () => undefined,
    ...boot,
  };
}

/** A network behind a relay: the named addresses of 10.88.0.0/24, lent for 10 minutes. */
export function relayedSubnet(first = '10.88.0.100', last = '10.88.0.102'): Subnet {
  return {
    pool: new AddressPool({ address: address('10.88.0.0'), prefix: 24 }, [range(first, last)], []),
    leaseSeconds: 600,
    router: address('10.88.0.1'),
    dns: [address('10.77.0.1')],
    domain: 'far.example',
  };
}

export function leaseTable({ subnets, reservations }: DhcpPolicy): LeaseTable {
  return new LeaseTable(
    subnets.map(({ pool }) => pool),
    [],
    reservations,
  );
}

export interface RequestFields {
  /** Last byte of 52:54:00:00:00:xx. */
  readonly card?: number;
  readonly requested?: string;
  readonly server?: string;
  readonly ciaddr?: string;
  readonly giaddr?: string;
  readonly options?: readonly (readonly [number, Uint8Array])[];
}

/** A packet as a plain client sends it. */
export function dhcpPacket(type: MessageType, fields: RequestFields = {}): Packet {
  const { card = 1, requested, server, ciaddr, giaddr, options = [] } = fields;
  return {
    op: 1,
    htype: 1,
    hops: 0,
    xid: 0x1a2b3c4d,
    secs: 0,
    flags: 0,
    ciaddr: ciaddr ? address(ciaddr) : ANY,
    yiaddr: ANY,
    siaddr: ANY,
    giaddr: giaddr ? address(giaddr) : ANY,
    chaddr: Uint8Array.of(0x52, 0x54, 0, 0, 0, card),
    sname: '',
    file: '',
    options: new Map([
      [OPTION.messageType, messageTypeOption(type)],
      ...(requested ? [[OPTION.requestedAddress, addressesOption(address(requested))] as const] : []),
      ...(server ? [[OPTION.serverId, addressesOption(address(server))] as const] : []),
      ...options,
    ]),
  };
}

/** The same packet from a boot ROM: `PXEClient` (or another vendor class) of an architecture. */
export function bootOptions(arch: number, vendorClass = 'PXEClient'): [number, Uint8Array][] {
  return [
    [OPTION.vendorClass, textOption(`${vendorClass}:Arch:${String(arch).padStart(5, '0')}:UNDI:003000`)],
    [OPTION.architecture, Uint8Array.of(0, arch)],
  ];
}

export function bootRequest(packet: Packet, unicast = false): BootRequest {
  const request = classify(packet, unicast, sha256);
  if ('problem' in request) throw new Error(request.problem);
  return request;
}

/** The bytes of test/golden/dhcp4/<name>.hex. */
export function goldenBytes(name: string): Uint8Array {
  const bytes = fromHex(readFileSync(join(GOLDEN, `${name}.hex`), 'utf8').replace(/\s/g, ''));
  if (!bytes) throw new Error(`${name}.hex is not whole pairs of hex digits`);
  return bytes;
}

export function goldenNames(): string[] {
  return readdirSync(GOLDEN)
    .filter(name => name.endsWith('.hex'))
    .map(name => name.slice(0, -'.hex'.length));
}

export function goldenPacket(name: string): Packet {
  const packet = decode(goldenBytes(name));
  if ('problem' in packet) throw new Error(packet.problem);
  return packet;
}
