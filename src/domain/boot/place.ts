import { ANY, contains } from '../../base/ipv4.ts';
import type { Card } from '../lease/reservation.ts';
import type { LeaseTable } from '../lease/table.ts';
import type { BootRequest } from './classify.ts';
import type { DhcpPolicy, Subnet } from './policy.ts';

/**
 * The network that a request came from: that of the relay (giaddr, RFC 2131 4.3.1), or, for a card that renews behind a
 * relay without using it, that of its own address; else the server's own. Undefined when none of ours is meant.
 */
export function subnetOf(request: BootRequest, { subnets }: DhcpPolicy): Subnet | undefined {
  const { packet, unicast, ciaddr } = request;
  const [own] = subnets;
  const told = packet.giaddr !== ANY ? packet.giaddr : unicast ? ciaddr : undefined;
  if (told === undefined) return own;
  const found = subnets.find(({ pool }) => contains(pool.network, told));
  // Who renews an address of no network of ours came straight to us, and gets a clear no.
  return found ?? (packet.giaddr === ANY ? own : undefined);
}

/** The card with what is known of it: a lease remembers the machine that an earlier request named. */
export function cardOf({ mac, machineId }: BootRequest, leases: LeaseTable): Card {
  return { mac, machineId: machineId ?? leases.lease(mac)?.machineId };
}
