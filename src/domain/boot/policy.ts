import type { Cidr, Ipv4 } from '../../base/ipv4.ts';
import type { AddressPool } from '../lease/pool.ts';
import type { Card, Reservations } from '../lease/reservation.ts';

/** What machines are told to boot, whoever gives them their address. */
export interface BootPolicy {
  /** This server's address on the network of the machines; also the TFTP server told to them. */
  readonly server: Cidr;
  /** Without a trailing slash: `http://10.77.0.1` or `http://10.77.0.1:8080`. */
  readonly httpBase: string;
  /** What iPXE fetches its script by; auto: HTTP from an iPXE that can. */
  readonly transport: 'auto' | 'tftp' | 'http';
  /** Where a proxy tells PXE clients what to boot: in its offer, or only when they ask on port 4011. */
  readonly proxyOffer: ProxyOffer;
}

export const PROXY_OFFERS = ['whole', 'port4011'] as const;
export type ProxyOffer = (typeof PROXY_OFFERS)[number];

/** How this server answers DHCP on its network and, through relays, on others. */
export interface DhcpPolicy extends BootPolicy {
  /** The first one is the server's own network; they do not overlap. */
  readonly subnets: readonly [Subnet, ...Subnet[]];
  readonly reservations: Reservations;
  /** Option 12: the name of a machine in its folder, if it has one. */
  readonly hostname: (card: Card) => string | undefined;
}

/** A network whose machines get their addresses here. */
export interface Subnet {
  /** What may be given out there; without addresses only reservations are. */
  readonly pool: AddressPool;
  /** Option 51, seconds. */
  readonly leaseSeconds: number;
  /** Option 3. */
  readonly router: Ipv4 | undefined;
  /** Option 6. */
  readonly dns: readonly Ipv4[];
  /** Option 15. */
  readonly domain: string | undefined;
}
