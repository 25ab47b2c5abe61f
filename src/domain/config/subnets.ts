import type { z } from 'zod';
import type { Cidr, Ipv4 } from '../../base/ipv4.ts';
import type { AddressRange } from '../lease/pool.ts';
import type { Reservation } from '../lease/reservation.ts';
import { records } from './records.ts';
import { domain, hostname, ipv4, leaseTime, list, mac, machineId, network, range } from './values.ts';

/** An entry of dhcp.subnets: a network behind a relay. What is undefined is as in the server's own network. */
export interface SubnetSetting {
  readonly network: Cidr;
  readonly pool: readonly AddressRange[];
  readonly router: Ipv4 | undefined;
  readonly dns: readonly Ipv4[] | undefined;
  readonly domain: string | undefined;
  readonly leaseTime: number | undefined;
}

const NONE = { value: undefined };

export const subnets: z.ZodType<readonly SubnetSetting[]> = records<SubnetSetting>({
  network: { schema: network, expected: 'a network such as 10.88.0.0/24' },
  pool: {
    schema: list(range),
    fallback: { value: [] },
    expected: 'ranges inside the network such as [10.88.0.100-10.88.0.199]',
  },
  router: { schema: ipv4, fallback: NONE, expected: 'an IPv4 address such as 10.88.0.1' },
  dns: { schema: list(ipv4), fallback: NONE, expected: 'IPv4 addresses such as [10.77.0.1, 9.9.9.9]' },
  domain: { schema: domain, fallback: NONE, expected: 'a domain such as lab.example.org' },
  leaseTime: {
    schema: leaseTime,
    fallback: NONE,
    expected: 'a duration from 120s to 30d such as 15m, 1h or 2d',
  },
});

/** dhcp.reservations: whether each is for one machine, and none twice, is judged with the networks. */
export const reservations: z.ZodType<readonly Reservation[]> = records<Reservation>({
  mac: { schema: mac, fallback: NONE, expected: 'the MAC address of a card such as 52:54:00:12:34:56' },
  id: { schema: machineId, fallback: NONE, expected: 'a machine id of 8 hex digits such as "91d5815f"' },
  address: { schema: ipv4, expected: 'an IPv4 address such as 10.77.0.50' },
  hostname: { schema: hostname, fallback: NONE, expected: 'a host name such as rack1-07' },
});
