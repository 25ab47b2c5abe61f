import { ANY, contains, type Ipv4 } from '../../base/ipv4.ts';
import { OPTION } from '../../wire/dhcp4/code.ts';
import { textOption } from '../../wire/dhcp4/option-text.ts';
import type { Packet } from '../../wire/dhcp4/packet.ts';
import { type ReplyContent, replyTo } from '../../wire/dhcp4/reply.ts';
import type { Lease } from '../lease/lease.ts';
import { formatRanges } from '../lease/pool.ts';
import { type LeaseChange, type LeaseTable, OFFER_TIME, QUARANTINE } from '../lease/table.ts';
import type { BootStage } from '../node/timeline.ts';
import { bootFile, describeBoot } from './bootfile.ts';
import type { BootRequest } from './classify.ts';
import { leaseOptions, networkOptions } from './networkoptions.ts';
import type { DhcpPolicy } from './policy.ts';

/** A reply to send. `change` comes first and must be durable before `reply` leaves. */
export interface Answer {
  readonly kind: 'offer' | 'ack' | 'nak';
  /** One line for the log and the timeline. */
  readonly text: string;
  /** The address it is about. */
  readonly address: Ipv4;
  readonly reply: Packet;
  readonly change?: LeaseChange;
  /** The step on the boot timeline, where it is one. */
  readonly stage?: BootStage;
}

/** No reply, and why. */
export interface Silence {
  readonly kind: 'ignore';
  readonly text: string;
  readonly change?: LeaseChange;
  /** `problem` when the admin should know. */
  readonly stage?: 'problem';
}

export type Decision = Answer | Silence;

/** Everything a decision rests on besides the request. */
export interface Situation {
  readonly policy: DhcpPolicy;
  readonly leases: LeaseTable;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The answer to a DHCP request, RFC 2131 4.3. Changes nothing. */
export function decide(request: BootRequest, at: Situation): Decision {
  const { giaddr } = request.packet;
  const { server } = at.policy;
  if (giaddr !== ANY && !contains(server, giaddr))
    return ignore(`relay ${giaddr} is outside ${server.address}/${server.prefix}`);
  switch (request.messageType) {
    case 'DISCOVER':
      return discover(request, at);
    case 'REQUEST':
      return requested(request, at);
    case 'RELEASE':
      return release(request, at);
    case 'DECLINE':
      return decline(request, at);
    case 'INFORM':
      return inform(request, at);
    default:
      return ignore(`${request.messageType} is a message of servers`);
  }
}

function discover(request: BootRequest, at: Situation): Decision {
  const { mac } = request;
  const choice = at.leases.choose(mac, request.requested, at.now);
  if ('exhausted' in choice) return { ...ignore(choice.exhausted), stage: 'problem' };
  const { address } = choice;
  const until = at.now + OFFER_TIME;
  // A lease that still runs stays: the client may go on with it and never take this offer.
  const leased = (at.leases.lease(mac)?.expiresAt ?? 0) > at.now;
  return {
    ...grant('offer', request, address, at),
    ...(leased ? {} : { change: { kind: 'offer', mac, address, until } }),
  };
}

/** The four kinds of DHCPREQUEST, told apart as in RFC 2131 4.3.2. */
function requested(request: BootRequest, at: Situation): Decision {
  if (request.serverId) return selecting(request, request.serverId, at);
  if (request.ciaddr) return extending(request, request.ciaddr, at);
  if (request.requested) return rebooting(request, request.requested, at);
  return ignore('REQUEST names no address (option 50 or ciaddr)');
}

/** SELECTING: the client takes an offer, ours or another server's. */
function selecting(request: BootRequest, serverId: Ipv4, at: Situation): Decision {
  const { mac } = request;
  const address = request.requested ?? request.ciaddr;
  if (serverId !== at.policy.server.address) return anotherServer(request, serverId, at);
  if (!address) return ignore('REQUEST names no address (option 50)');
  if (!at.leases.isFree(address, mac, at.now)) return nak(request, address, whyNot(address, at), at);
  return bind(request, address, at);
}

function anotherServer(request: BootRequest, serverId: Ipv4, at: Situation): Decision {
  const { mac } = request;
  const answer = ignore(`the client chose server ${serverId}`);
  const offered = at.leases.offered(mac, at.now);
  if (!offered) return answer;
  return { ...answer, change: { kind: 'withdraw', mac, address: offered, until: at.now } };
}

/** INIT-REBOOT: the client remembers an address from before. Without a record of it the RFC demands silence. */
function rebooting(request: BootRequest, address: Ipv4, at: Situation): Decision {
  const lease = at.leases.lease(request.mac);
  if (!contains(at.policy.server, address)) return nak(request, address, whyNot(address, at), at);
  if (!lease) return ignore(`asks again for ${address}, of which there is no record here`);
  if (lease.address !== address) return nak(request, address, `this machine has ${lease.address}`, at);
  if (!at.leases.isFree(address, request.mac, at.now)) return nak(request, address, whyNot(address, at), at);
  return bind(request, address, at);
}

/**
 * RENEWING (unicast to this server) and REBINDING (broadcast to any). A card that renews an address of our pool that
 * nobody else has gets it, record or not: so the machines survive a lost lease database.
 */
function extending(request: BootRequest, address: Ipv4, at: Situation): Decision {
  if (at.leases.isFree(address, request.mac, at.now)) return bind(request, address, at);
  const ours = at.leases.pool.has(address) || at.leases.lease(request.mac)?.address === address;
  const onNetwork = contains(at.policy.server, address);
  if (!ours && onNetwork && !request.unicast)
    return ignore(`rebinds ${address}, which another server gave out`);
  return nak(request, address, whyNot(address, at), at);
}

function release(request: BootRequest, at: Situation): Decision {
  const { mac, ciaddr, serverId } = request;
  const lease = at.leases.lease(mac);
  if (serverId && serverId !== at.policy.server.address) return ignore(`releases to server ${serverId}`);
  if (!lease || lease.address !== ciaddr)
    return ignore(`releases ${ciaddr ?? 'nothing'}, which it does not have`);
  return {
    ...ignore(`released ${lease.address}`),
    change: { kind: 'release', lease: { ...lease, expiresAt: Math.min(lease.expiresAt, at.now) } },
  };
}

/** The client found the address in use (RFC 2131 4.3.3). Only its own address can be declined: no card empties the pool. */
function decline(request: BootRequest, at: Situation): Decision {
  const { mac, requested: address, serverId } = request;
  if (serverId && serverId !== at.policy.server.address) return ignore(`declines to server ${serverId}`);
  if (!address || at.leases.holder(address, at.now) !== mac)
    return ignore(`declines ${address ?? 'nothing'}, which it does not have`);
  return {
    ...ignore(`found ${address} in use by another machine; not given out for ${QUARANTINE / 60_000} minutes`),
    change: { kind: 'decline', mac, address, until: at.now + QUARANTINE },
    stage: 'problem',
  };
}

/** INFORM: the client has an address and wants the rest (RFC 2131 4.3.5): no yiaddr, no lease times. */
function inform(request: BootRequest, at: Situation): Decision {
  if (!request.ciaddr) return ignore('INFORM without ciaddr');
  const boot = bootFile(request, at.policy);
  return {
    kind: 'ack',
    text: `told ${request.ciaddr} the network options`,
    address: request.ciaddr,
    reply: reply(request, at, {
      type: 'ACK',
      siaddr: boot.siaddr,
      file: boot.file,
      options: new Map([...boot.options, ...networkOptions(request, at)]),
    }),
  };
}

function bind(request: BootRequest, address: Ipv4, at: Situation): Decision {
  const former = at.leases.lease(request.mac);
  const lease: Lease = {
    mac: request.mac,
    address,
    machineId: request.machineId ?? former?.machineId,
    uuid: request.uuid ?? former?.uuid,
    expiresAt: at.now + at.policy.leaseSeconds * 1000,
  };
  return { ...grant('ack', request, address, at), change: { kind: 'bind', lease } };
}

/** An OFFER or ACK of an address with everything the machine is told. */
function grant(kind: 'offer' | 'ack', request: BootRequest, address: Ipv4, at: Situation): Answer {
  const boot = bootFile(request, at.policy);
  return {
    kind,
    text: `${kind === 'offer' ? 'offered' : 'gave'} ${address}, ${describeBoot(request, boot)}`,
    address,
    stage: kind,
    reply: reply(request, at, {
      type: kind === 'offer' ? 'OFFER' : 'ACK',
      yiaddr: address,
      siaddr: boot.siaddr,
      file: boot.file,
      options: new Map([...leaseOptions(at.policy), ...boot.options, ...networkOptions(request, at)]),
    }),
  };
}

function nak(request: BootRequest, address: Ipv4, reason: string, at: Situation): Answer {
  const text = `refused ${address}: ${reason}`;
  const options = new Map([[OPTION.message, textOption(text)]]);
  return {
    kind: 'nak',
    text,
    address,
    stage: 'problem',
    reply: reply(request, at, { type: 'NAK', options }),
  };
}

function ignore(text: string): Silence {
  return { kind: 'ignore', text };
}

function reply(request: BootRequest, at: Situation, content: Omit<ReplyContent, 'server'>): Packet {
  return replyTo(request.packet, { server: at.policy.server.address, ...content });
}

/** Why an address cannot be had, for people. */
function whyNot(address: Ipv4, { policy, leases, now }: Situation): string {
  const { server } = policy;
  const holder = leases.holder(address, now);
  if (!contains(server, address)) return `it is outside ${server.address}/${server.prefix}`;
  if (holder === 'declined') return 'it is in use by an unknown machine';
  if (!leases.pool.has(address)) return `it is not in the pool ${formatRanges(leases.pool.ranges)}`;
  return `${holder ?? 'another machine'} has it`;
}
