import { contains, type Ipv4 } from '../../base/ipv4.ts';
import { replyTo } from '../../wire/dhcp4/reply.ts';
import type { Lease } from '../lease/lease.ts';
import { formatRanges } from '../lease/pool.ts';
import { OFFER_TIME, QUARANTINE } from '../lease/table.ts';
import { bootFile, describeBoot } from './bootfile.ts';
import type { BootRequest } from './classify.ts';
import {
  type Answer,
  type Decision,
  formatNetwork,
  type Here,
  ignore,
  nak,
  type Situation,
} from './decision.ts';
import { leaseOptions, networkOptions } from './networkoptions.ts';
import { cardOf, subnetOf } from './place.ts';

/** The answer to a DHCP request, RFC 2131 4.3. Changes nothing. */
export function decide(request: BootRequest, situation: Situation): Decision {
  const subnet = subnetOf(request, situation.policy);
  if (!subnet) return unknownRelay(request, situation);
  const card = cardOf(request, situation.leases);
  const at: Here = { ...situation, subnet, card, pool: subnet.pool };
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

function unknownRelay({ packet }: BootRequest, { policy }: Situation): Decision {
  const networks = policy.subnets.map(({ pool }) => formatNetwork(pool.network)).join(', ');
  const text = `relay ${packet.giaddr} is in none of the known networks (${networks}); add its network to dhcp.subnets`;
  return { ...ignore(text), stage: 'problem' };
}

function discover(request: BootRequest, at: Here): Decision {
  const { mac } = request;
  const choice = at.leases.choose(request.requested, at);
  if ('exhausted' in choice) return { ...ignore(choice.exhausted), stage: 'problem', fault: 'pool' };
  const { address } = choice;
  // A lease that still runs stays: the client may go on with it and never take this offer.
  const leased = (at.leases.lease(mac)?.expiresAt ?? 0) > at.now;
  const until = at.now + OFFER_TIME;
  return {
    ...grant('offer', request, address, at),
    ...(leased ? {} : { change: { kind: 'offer', mac, address, until } }),
  };
}

/** The four kinds of DHCPREQUEST, told apart as in RFC 2131 4.3.2. */
function requested(request: BootRequest, at: Here): Decision {
  if (request.serverId) return selecting(request, request.serverId, at);
  if (request.ciaddr) return extending(request, request.ciaddr, at);
  if (request.requested) return rebooting(request, request.requested, at);
  return ignore('REQUEST names no address (option 50 or ciaddr)');
}

/** SELECTING: the client takes an offer, ours or another server's. */
function selecting(request: BootRequest, serverId: Ipv4, at: Here): Decision {
  const address = request.requested ?? request.ciaddr;
  if (serverId !== at.policy.server.address) return anotherServer(request, serverId, at);
  if (!address) return ignore('REQUEST names no address (option 50)');
  if (!at.leases.isFree(address, at)) return refuse(request, address, at);
  return bind(request, address, at);
}

function anotherServer(request: BootRequest, serverId: Ipv4, at: Here): Decision {
  const { mac } = request;
  const answer: Decision = {
    ...ignore(`the client chose server ${serverId}`),
    stage: 'problem',
    fault: 'other-server',
  };
  const offered = at.leases.offered(mac, at.now);
  if (!offered) return answer;
  return { ...answer, change: { kind: 'withdraw', mac, address: offered, until: at.now } };
}

/** INIT-REBOOT: the client remembers an address from before. Without a record of it the RFC demands silence. */
function rebooting(request: BootRequest, address: Ipv4, at: Here): Decision {
  const { server } = at.policy;
  const lease = at.leases.lease(request.mac);
  const kept = at.leases.reservation(at.card, at.pool);
  if (!contains(at.pool.network, address)) return refuse(request, address, at);
  // npm's dhcp client leaves the server out when it takes an offer; that it names our address says enough.
  if (!lease && at.leases.offered(request.mac, at.now) === address) return bind(request, address, at);
  if (!lease) return ignore(`asks again for ${address}, of which there is no record here`);
  if (kept && kept.address !== address)
    return nak(request, address, `${kept.address} is reserved for this machine`, server);
  if (lease.address !== address) return nak(request, address, `this machine has ${lease.address}`, server);
  if (!at.leases.isFree(address, at)) return refuse(request, address, at);
  return bind(request, address, at);
}

/**
 * RENEWING (unicast to this server) and REBINDING (broadcast to any). A card that renews an address of our pool that
 * nobody else has gets it, record or not: so the machines survive a lost lease database.
 */
function extending(request: BootRequest, address: Ipv4, at: Here): Decision {
  if (at.leases.isFree(address, at)) return bind(request, address, at);
  const ours =
    at.pool.has(address) ||
    at.leases.isKeptFromOthers(address, at.card) ||
    at.leases.lease(request.mac)?.address === address;
  const onNetwork = contains(at.pool.network, address);
  if (!ours && onNetwork && !request.unicast)
    return ignore(`rebinds ${address}, which another server gave out`);
  return refuse(request, address, at);
}

function release(request: BootRequest, at: Here): Decision {
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
function decline(request: BootRequest, at: Here): Decision {
  const { mac, requested: address, serverId } = request;
  if (serverId && serverId !== at.policy.server.address) return ignore(`declines to server ${serverId}`);
  if (!address || at.leases.holder(address, at.now) !== mac)
    return ignore(`declines ${address ?? 'nothing'}, which it does not have`);
  return {
    ...ignore(`found ${address} in use by another machine; not given out for ${QUARANTINE / 60_000} minutes`),
    change: { kind: 'decline', mac, address, until: at.now + QUARANTINE },
    stage: 'problem',
    fault: 'in-use',
  };
}

/** INFORM: the client has an address and wants the rest (RFC 2131 4.3.5): no yiaddr, no lease times. */
function inform(request: BootRequest, at: Here): Decision {
  if (!request.ciaddr) return ignore('INFORM without ciaddr');
  const boot = bootFile(request, at.policy);
  return {
    kind: 'ack',
    text: `told ${request.ciaddr} the network options`,
    address: request.ciaddr,
    reply: replyTo(request.packet, {
      type: 'ACK',
      server: at.policy.server.address,
      siaddr: boot.siaddr,
      file: boot.file,
      options: [...boot.options, ...networkOptions(at)],
    }),
  };
}

function bind(request: BootRequest, address: Ipv4, at: Here): Decision {
  const former = at.leases.lease(request.mac);
  const lease: Lease = {
    mac: request.mac,
    address,
    machineId: request.machineId ?? former?.machineId,
    uuid: request.uuid ?? former?.uuid,
    expiresAt: at.now + at.subnet.leaseSeconds * 1000,
  };
  return { ...grant('ack', request, address, at), change: { kind: 'bind', lease } };
}

/** An OFFER or ACK of an address with everything the machine is told. */
function grant(kind: 'offer' | 'ack', request: BootRequest, address: Ipv4, at: Here): Answer {
  const boot = bootFile(request, at.policy);
  return {
    kind,
    text: `${kind === 'offer' ? 'offered' : 'gave'} ${address}, ${describeBoot(request, boot)}`,
    address,
    stage: kind,
    reply: replyTo(request.packet, {
      type: kind === 'offer' ? 'OFFER' : 'ACK',
      server: at.policy.server.address,
      yiaddr: address,
      siaddr: boot.siaddr,
      file: boot.file,
      options: leaseOptions(at, boot.options),
    }),
  };
}

function refuse(request: BootRequest, address: Ipv4, at: Here): Answer {
  return nak(request, address, whyNot(address, at), at.policy.server);
}

/** Why an address cannot be had, for people. */
function whyNot(address: Ipv4, { pool, card, leases, now }: Here): string {
  const holder = leases.holder(address, now);
  const given = pool.has(address) || leases.reservation(card, pool)?.address === address;
  if (!contains(pool.network, address)) return `it is outside ${formatNetwork(pool.network)}`;
  if (holder === 'declined') return 'it is in use by an unknown machine';
  if (leases.isKeptFromOthers(address, card)) return 'it is reserved for another machine';
  if (!given && pool.size === 0) return `there is no pool for ${formatNetwork(pool.network)}`;
  if (!given) return `it is not in the pool ${formatRanges(pool.ranges)}`;
  return `${holder ?? 'another machine'} has it`;
}
