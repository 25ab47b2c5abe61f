import { describe, expect, test } from 'vitest';
import { type Decision, decide } from '../../../../src/domain/boot/decide.ts';
import type { DhcpPolicy } from '../../../../src/domain/boot/policy.ts';
import type { Lease } from '../../../../src/domain/lease/lease.ts';
import { AddressPool } from '../../../../src/domain/lease/pool.ts';
import { type LeaseChange, LeaseTable } from '../../../../src/domain/lease/table.ts';
import type { MessageType } from '../../../../src/wire/dhcp4/code.ts';
import { summary } from '../../../../src/wire/dhcp4/summary.ts';
import {
  address,
  bootRequest,
  dhcpPacket,
  dhcpPolicy,
  goldenPacket,
  type RequestFields,
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
  const table = new LeaseTable(new AddressPool(policy.server, policy.pool, []), []);
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
  readonly policy?: Partial<DhcpPolicy>;
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
        change: { kind: 'withdraw', mac: mac(1), address: A, until: NOW },
      },
    ],
    [
      'another server was chosen: a running lease of ours stays',
      { before: [bound(1, A)], requested: '10.77.0.200', server: OTHER },
      { ignore: `the client chose server ${OTHER}` },
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
      { ignore: 'relay 10.99.0.1 is outside 10.77.0.1/24' },
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
