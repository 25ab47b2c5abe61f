import { describe, expect, test } from 'vitest';
import { decide } from '../../../../src/domain/boot/decide.ts';
import type { Decision } from '../../../../src/domain/boot/decision.ts';
import type { DhcpPolicy } from '../../../../src/domain/boot/policy.ts';
import type { Lease } from '../../../../src/domain/lease/lease.ts';
import type { LeaseChange, LeaseTable } from '../../../../src/domain/lease/table.ts';
import type { MessageType } from '../../../../src/wire/dhcp4/code.ts';
import { summary } from '../../../../src/wire/dhcp4/summary.ts';
import {
  address,
  bootRequest,
  dhcpPacket,
  dhcpPolicy,
  goldenPacket,
  leaseTable,
  type PolicyChanges,
  type RequestFields,
  relayedSubnet,
} from '../../../fakes/dhcp.ts';

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const OURS = '10.77.0.1';
const OTHER = '10.77.0.2';
const A = '10.77.0.100';
const B = '10.77.0.101';
const mac = (card: number) => bootRequest(dhcpPacket('DISCOVER', { card })).mac;

function lease(card: number, at: string, expiresAt = NOW + HOUR): Lease {
  return { mac: mac(card), address: address(at), machineId: undefined, uuid: undefined, expiresAt };
}

function tableOf(changes: readonly LeaseChange[], policy: DhcpPolicy): LeaseTable {
  const table = leaseTable(policy);
  for (const change of changes) table.apply(change);
  return table;
}

const bound = (card: number, at: string, expiresAt?: number): LeaseChange => ({
  kind: 'bind',
  lease: lease(card, at, expiresAt),
});
const offered = (card: number, at: string): LeaseChange => ({
  kind: 'offer',
  mac: mac(card),
  address: address(at),
  until: NOW + 60_000,
});

interface Asked {
  readonly type: MessageType;
  readonly unicast?: boolean;
  readonly before?: readonly LeaseChange[];
  readonly policy?: PolicyChanges;
}

function ask({
  type,
  unicast = false,
  before = [],
  policy = {},
  ...fields
}: Asked & RequestFields): Decision {
  const full = dhcpPolicy(policy);
  const request = bootRequest(dhcpPacket(type, fields), unicast);
  return decide(request, { policy: full, leases: tableOf(before, full), now: NOW });
}

/** A decision as the facts that a reader cares for. */
function outcome(decision: Decision): unknown {
  const { kind, text, change, stage } = decision;
  return {
    [kind]: text,
    ...(change ? { change } : {}),
    ...(stage ? { stage } : {}),
  };
}

const plain = (verb: string, at: string) => `${verb} ${at}, no boot file for a plain client`;

describe('DISCOVER', () => {
  test('a new card is offered a free address for 60 s', () => {
    expect(outcome(ask({ type: 'DISCOVER', before: [bound(2, A)] }))).toEqual({
      offer: plain('offered', B),
      change: offered(1, B),
      stage: 'offer',
    });
  });

  test('a card with a running lease is offered the same address, and the lease stays as it is', () => {
    expect(outcome(ask({ type: 'DISCOVER', before: [bound(1, B)], requested: A }))).toEqual({
      offer: plain('offered', B),
      stage: 'offer',
    });
  });

  test('an empty pool is a problem for the timeline, and no answer', () => {
    const before = [bound(2, A), bound(3, B), offered(4, '10.77.0.102')];
    expect(outcome(ask({ type: 'DISCOVER', before }))).toEqual({
      ignore:
        'no free address: all 3 of 10.77.0.100-10.77.0.102 are taken (2 leased, 1 offered, 0 declined as in use); widen the pool or shorten the lease time',
      stage: 'problem',
    });
  });
});

const ackOf = (at: string) => ({
  ack: plain('gave', at),
  change: bound(1, at),
  stage: 'ack',
});
const nakOf = (at: string, reason: string) => ({ nak: `refused ${at}: ${reason}`, stage: 'problem' });

describe('REQUEST in SELECTING', () => {
  test.each<[string, Omit<Asked, 'type'> & RequestFields, unknown]>([
    ['the offered address is bound', { before: [offered(1, A)], requested: A, server: OURS }, ackOf(A)],
    ['an offer that a restart forgot is bound all the same', { requested: B, server: OURS }, ackOf(B)],
    [
      'an address that another card has is refused',
      { before: [bound(2, A)], requested: A, server: OURS },
      nakOf(A, `${mac(2)} has it`),
    ],
    [
      'an address outside the pool is refused',
      { requested: '10.77.0.50', server: OURS },
      nakOf('10.77.0.50', 'it is not in the pool 10.77.0.100-10.77.0.102'),
    ],
    [
      'the server address is refused',
      { requested: OURS, server: OURS },
      nakOf(OURS, 'it is not in the pool 10.77.0.100-10.77.0.102'),
    ],
    [
      'another server was chosen: silence, and our offer ends',
      { before: [offered(1, A)], requested: '10.77.0.200', server: OTHER },
      {
        ignore: `the client chose server ${OTHER}`,
        stage: 'problem',
        change: { kind: 'withdraw', mac: mac(1), address: A, until: NOW },
      },
    ],
    [
      'another server was chosen: a running lease of ours stays',
      { before: [bound(1, A)], requested: '10.77.0.200', server: OTHER },
      { ignore: `the client chose server ${OTHER}`, stage: 'problem' },
    ],
    ['no address is named: silence', { server: OURS }, { ignore: 'REQUEST names no address (option 50)' }],
  ])('%s', (_, asked, expected) => {
    expect(outcome(ask({ type: 'REQUEST', ...asked }))).toEqual(expected);
  });
});

describe('REQUEST in INIT-REBOOT', () => {
  test.each<[string, Omit<Asked, 'type'> & RequestFields, unknown]>([
    ['its own address is bound again', { before: [bound(1, A)], requested: A }, ackOf(A)],
    [
      'its own address is bound again after the lease ended',
      { before: [bound(1, A, NOW - 1)], requested: A },
      ackOf(A),
    ],
    [
      'another address than its own is refused',
      { before: [bound(1, A)], requested: B },
      nakOf(B, `this machine has ${A}`),
    ],
    [
      'an address of another network is refused, record or not',
      { requested: '192.168.1.5' },
      nakOf('192.168.1.5', 'it is outside 10.77.0.1/24'),
    ],
    [
      'without a record there is silence (RFC 2131 4.3.2)',
      { requested: A },
      { ignore: `asks again for ${A}, of which there is no record here` },
    ],
    [
      'an offer is taken though the server is not named (npm dhcp)',
      { before: [offered(1, A)], requested: A },
      ackOf(A),
    ],
    ['no address at all: silence', {}, { ignore: 'REQUEST names no address (option 50 or ciaddr)' }],
  ])('%s', (_, asked, expected) => {
    expect(outcome(ask({ type: 'REQUEST', ...asked }))).toEqual(expected);
  });
});

describe('REQUEST in RENEWING and REBINDING', () => {
  const outside = '10.77.0.50';
  test.each<[string, Omit<Asked, 'type'> & RequestFields, unknown]>([
    ['a lease is renewed', { unicast: true, before: [bound(1, A)], ciaddr: A }, ackOf(A)],
    ['a lease is rebound', { before: [bound(1, A)], ciaddr: A }, ackOf(A)],
    [
      'a free address of the pool is given after the records were lost',
      { unicast: true, ciaddr: B },
      ackOf(B),
    ],
    [
      'the address of another card is refused',
      { unicast: true, before: [bound(2, A)], ciaddr: A },
      nakOf(A, `${mac(2)} has it`),
    ],
    [
      'a lease that the admin moved out of the pool is not renewed',
      { before: [bound(1, outside)], ciaddr: outside },
      nakOf(outside, 'it is not in the pool 10.77.0.100-10.77.0.102'),
    ],
    [
      'a foreign address renewed with us is refused',
      { unicast: true, ciaddr: outside },
      nakOf(outside, 'it is not in the pool 10.77.0.100-10.77.0.102'),
    ],
    [
      'a foreign address rebound with anybody is left to its server',
      { ciaddr: outside },
      { ignore: `rebinds ${outside}, which another server gave out` },
    ],
    [
      'an address of another network is refused',
      { ciaddr: '192.168.1.5' },
      nakOf('192.168.1.5', 'it is outside 10.77.0.1/24'),
    ],
  ])('%s', (_, asked, expected) => {
    expect(outcome(ask({ type: 'REQUEST', ...asked }))).toEqual(expected);
  });
});

describe('RELEASE and DECLINE', () => {
  test.each<[string, Asked & RequestFields, unknown]>([
    [
      'a lease is given back',
      { type: 'RELEASE', before: [bound(1, A)], ciaddr: A, server: OURS },
      { ignore: `released ${A}`, change: { kind: 'release', lease: lease(1, A, NOW) } },
    ],
    [
      'an address that another card has is not released',
      { type: 'RELEASE', before: [bound(2, A)], ciaddr: A, server: OURS },
      { ignore: `releases ${A}, which it does not have` },
    ],
    [
      'a release meant for another server is its business',
      { type: 'RELEASE', before: [bound(1, A)], ciaddr: A, server: OTHER },
      { ignore: `releases to server ${OTHER}` },
    ],
    [
      'a declined address goes into quarantine for 10 minutes',
      { type: 'DECLINE', before: [bound(1, A)], requested: A, server: OURS },
      {
        ignore: `found ${A} in use by another machine; not given out for 10 minutes`,
        change: { kind: 'decline', mac: mac(1), address: A, until: NOW + 600_000 },
        stage: 'problem',
      },
    ],
    [
      'a card cannot decline what it was not given',
      { type: 'DECLINE', before: [bound(2, A)], requested: A, server: OURS },
      { ignore: `declines ${A}, which it does not have` },
    ],
    ['a message of servers is not answered', { type: 'ACK' }, { ignore: 'ACK is a message of servers' }],
    [
      'a relay of another network is not served',
      { type: 'DISCOVER', giaddr: '10.99.0.1' },
      {
        ignore:
          'relay 10.99.0.1 is in none of the known networks (10.77.0.1/24); add its network to dhcp.subnets',
        stage: 'problem',
      },
    ],
  ])('%s', (_, asked, expected) => {
    expect(outcome(ask(asked))).toEqual(expected);
  });
});

/** A reply as its summary and its options in the order of the wire. */
function replyOf(decision: Decision): unknown[] {
  if (decision.kind === 'ignore') throw new Error(decision.text);
  return [summary(decision.reply), [...decision.reply.options.keys()]];
}

describe('the reply', () => {
  const policy = {
    router: address('10.77.0.254'),
    dns: [address(OURS)],
    domain: 'lab.example',
    hostname: () => 'node-a',
  };

  test('an ACK holds everything, what matters most first', () => {
    const request = bootRequest(goldenPacket('ovmf-pxe-discover'));
    const full = dhcpPolicy(policy);
    expect(replyOf(decide(request, { policy: full, leases: tableOf([], full), now: NOW }))).toEqual([
      'OFFER xid 1cbb69f0 to 52:54:00:12:34:56, broadcast, yiaddr 10.77.0.100, siaddr 10.77.0.1, server 10.77.0.1, vendor class "PXEClient", file "snponly.efi"',
      [53, 54, 51, 58, 59, 67, 60, 43, 66, 1, 28, 3, 6, 12, 15, 97],
    ]);
  });

  test('INFORM is answered with options, no address and no lease times', () => {
    expect(replyOf(ask({ type: 'INFORM', ciaddr: '10.77.0.50', policy }))).toEqual([
      'ACK xid 1a2b3c4d to 52:54:00:00:00:01, ciaddr 10.77.0.50, server 10.77.0.1',
      [53, 54, 1, 28, 3, 6, 12, 15],
    ]);
  });

  test('a NAK holds its reason and nothing that a client could use', () => {
    expect(replyOf(ask({ type: 'REQUEST', requested: '192.168.1.5', policy }))).toEqual([
      'NAK xid 1a2b3c4d to 52:54:00:00:00:01, server 10.77.0.1',
      [53, 54, 56],
    ]);
  });
});

test('a lease keeps the machine id when the same card asks again without option 97', () => {
  const known = {
    ...lease(1, A),
    machineId: bootRequest(goldenPacket('ovmf-pxe-request')).machineId,
    uuid: 'u',
  };
  const decision = ask({
    type: 'REQUEST',
    requested: A,
    server: OURS,
    before: [{ kind: 'bind', lease: known }],
  });
  expect(decision.change).toEqual({ kind: 'bind', lease: known });
});

test('the host name is asked for with the id that the lease knows', () => {
  const known = { ...lease(1, A), machineId: bootRequest(goldenPacket('ovmf-pxe-request')).machineId };
  const asked: unknown[] = [];
  const hostname: DhcpPolicy['hostname'] = machine => {
    asked.push(machine);
    return undefined;
  };
  ask({ type: 'DISCOVER', before: [{ kind: 'bind', lease: known }], policy: { hostname } });
  expect(asked).toEqual([{ mac: mac(1), machineId: '91d5815f' }]);
});

describe('networks behind relays', () => {
  const policy: PolicyChanges = { others: [relayedSubnet()] };
  const far = '10.88.0.1';
  const FIRST = '10.88.0.100';
  const farLease: LeaseChange = { kind: 'bind', lease: lease(1, FIRST, NOW + 600_000) };

  test('a relayed card gets an address of the network that holds giaddr, with the options of that network', () => {
    const decision = ask({ type: 'DISCOVER', giaddr: far, policy });
    expect(outcome(decision)).toEqual({
      offer: plain('offered', FIRST),
      change: offered(1, FIRST),
      stage: 'offer',
    });
    if (decision.kind === 'ignore') throw new Error(decision.text);
    const { options } = decision.reply;
    expect([1, 3, 28, 51].map(code => [...(options.get(code) ?? [])])).toEqual([
      [255, 255, 255, 0],
      [10, 88, 0, 1],
      [10, 88, 0, 255],
      [0, 0, 2, 88],
    ]);
    expect(String.fromCharCode(...(options.get(15) ?? []))).toBe('far.example');
  });

  test.each<[string, Omit<Asked, 'type'> & RequestFields, unknown]>([
    [
      'the offer is taken through the relay',
      { before: [offered(1, FIRST)], giaddr: far, requested: FIRST, server: OURS },
      { ack: plain('gave', FIRST), change: farLease, stage: 'ack' },
    ],
    [
      'a renewal comes straight, and the address tells the network',
      { before: [farLease], unicast: true, ciaddr: FIRST },
      { ack: plain('gave', FIRST), change: farLease, stage: 'ack' },
    ],
    [
      'a rebinding comes through the relay again',
      { before: [farLease], giaddr: far, ciaddr: FIRST },
      { ack: plain('gave', FIRST), change: farLease, stage: 'ack' },
    ],
    [
      'an address of the near network is refused on the far one',
      { giaddr: far, requested: A },
      nakOf(A, 'it is outside 10.88.0.0/24'),
    ],
    [
      'an address of the far network is refused on the near one',
      { before: [farLease], requested: FIRST },
      nakOf(FIRST, 'it is outside 10.77.0.1/24'),
    ],
  ])('%s', (_, asked, expected) => {
    expect(outcome(ask({ type: 'REQUEST', policy, ...asked }))).toEqual(expected);
  });

  test('a card that is carried from one network to the other gets an address of each', () => {
    expect(outcome(ask({ type: 'DISCOVER', policy, before: [farLease] }))).toMatchObject({
      offer: plain('offered', A),
    });
  });

  test('a network without a pool says so', () => {
    expect(outcome(ask({ type: 'DISCOVER', policy: { ...policy, pool: [] } }))).toEqual({
      ignore: 'no free address: there is no pool for 10.77.0.1/24',
      stage: 'problem',
    });
  });
});

describe('reservations', () => {
  const kept = address('10.77.0.50');
  const machineId = bootRequest(goldenPacket('ovmf-pxe-request')).machineId;
  const byMac: PolicyChanges = { reservations: [{ mac: mac(1), address: kept, hostname: 'web' }] };
  const byId: PolicyChanges = { reservations: [{ id: machineId, address: address(B) }] };
  const known: LeaseChange = { kind: 'bind', lease: { ...lease(1, A), machineId } };

  test.each<[string, Asked & RequestFields, unknown]>([
    [
      'a card is offered the address kept for it, outside of the pool',
      { type: 'DISCOVER', policy: byMac },
      { offer: plain('offered', kept), change: offered(1, kept), stage: 'offer' },
    ],
    [
      'another card is not, though it asks for it',
      { type: 'DISCOVER', policy: byMac, card: 2, requested: kept },
      { offer: plain('offered', A), change: offered(2, A), stage: 'offer' },
    ],
    [
      'another card that claims it is refused',
      { type: 'REQUEST', policy: byMac, card: 2, requested: kept, server: OURS },
      nakOf(kept, 'it is reserved for another machine'),
    ],
    [
      'an address kept inside of the pool is skipped for others',
      { type: 'DISCOVER', policy: byId, card: 2, before: [bound(3, A)] },
      { offer: plain('offered', '10.77.0.102'), change: offered(2, '10.77.0.102'), stage: 'offer' },
    ],
    [
      'a plain client of a known machine gets the address kept for the machine',
      { type: 'DISCOVER', policy: byId, before: [known] },
      { offer: plain('offered', B), stage: 'offer' },
    ],
    [
      'a machine with another address may renew it until it boots again',
      { type: 'REQUEST', policy: byMac, before: [bound(1, A)], unicast: true, ciaddr: A },
      ackOf(A),
    ],
    [
      'a machine that boots with another address is told to ask anew',
      { type: 'REQUEST', policy: byMac, before: [bound(1, A)], requested: A },
      nakOf(A, `${kept} is reserved for this machine`),
    ],
    [
      'a reservation of another network does not count on this one',
      { type: 'DISCOVER', policy: { ...byMac, others: [relayedSubnet()] }, giaddr: '10.88.0.1' },
      { offer: plain('offered', '10.88.0.100'), change: offered(1, '10.88.0.100'), stage: 'offer' },
    ],
  ])('%s', (_, asked, expected) => {
    expect(outcome(ask(asked))).toEqual(expected);
  });

  test('the host name of the reservation is told', () => {
    const decision = ask({ type: 'DISCOVER', policy: { ...byMac, hostname: () => 'folder' } });
    if (decision.kind === 'ignore') throw new Error(decision.text);
    expect(String.fromCharCode(...(decision.reply.options.get(12) ?? []))).toBe('web');
  });
});
