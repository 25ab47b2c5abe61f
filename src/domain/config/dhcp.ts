import type { Diagnostic } from '../../base/diagnostic.ts';
import { type Cidr, contains, type Ipv4, ipv4ToNumber, networkRange } from '../../base/ipv4.ts';
import type { AddressRange } from '../lease/pool.ts';
import type { Reservation } from '../lease/reservation.ts';
import type { Config, SiteNetwork } from './settings.ts';

/** A network that addresses are given out in, and how messages name it. */
interface Known {
  readonly cidr: Cidr;
  readonly name: string;
}

/** A problem before it knows its file. */
type Problem = Omit<Diagnostic, 'file'>;

/** What is wrong with the dhcp settings, given the network that the server is on. */
export function dhcpProblems(config: Config, site: SiteNetwork): Problem[] {
  const own: Known = { cidr: site.cidr, name: `${format(site.cidr)} of ${site.interface}` };
  const others = config['dhcp.subnets'].map(({ network }) => ({ cidr: network, name: format(network) }));
  return [
    ...missingPool(config, own),
    ...poolProblems('dhcp.pool', config['dhcp.pool'], own),
    ...routerProblems('dhcp.router', config['dhcp.router'] || undefined, own),
    ...config['dhcp.subnets'].flatMap((subnet, index) => {
      const key = `dhcp.subnets[${index}]`;
      const known: Known = { cidr: subnet.network, name: format(subnet.network) };
      return [
        ...overlapProblems(`${key}.network`, known, own, others.slice(0, index)),
        ...poolProblems(`${key}.pool`, subnet.pool, known),
        ...routerProblems(`${key}.router`, subnet.router, known),
      ];
    }),
    ...reservationProblems(config, [own, ...others]),
  ];
}

/** With auto the pool is needed only where no other server answers: that is known at the start alone. */
function missingPool(config: Config, own: Known): Problem[] {
  const others = config['dhcp.subnets'].length + config['dhcp.reservations'].length;
  if (config['dhcp.mode'] === 'auto' || config['dhcp.pool'].length > 0 || others > 0) return [];
  return [{ key: 'dhcp.pool', expected: `a range inside ${own.name}, or dhcp.mode: proxy or off` }];
}

function poolProblems(key: string, pools: readonly AddressRange[], { cidr, name }: Known): Problem[] {
  return pools
    .filter(pool => !isInside(cidr, pool))
    .map(pool => ({
      key,
      got: `${pool.first}-${pool.last}`,
      expected: `ascending addresses inside ${name}, without its first and last`,
    }));
}

function routerProblems(key: string, router: Ipv4 | undefined, { cidr, name }: Known): Problem[] {
  if (router === undefined || contains(cidr, router)) return [];
  return [{ key, got: router, expected: `an address inside ${name}` }];
}

function overlapProblems(
  key: string,
  { cidr, name }: Known,
  own: Known,
  before: readonly Known[],
): Problem[] {
  if (overlap(cidr, own.cidr))
    return [
      {
        key,
        got: name,
        expected: `another network than ${own.name}: that one has dhcp.pool and the keys beside it`,
      },
    ];
  const other = before.find(one => overlap(cidr, one.cidr));
  return other ? [{ key, got: name, expected: `a network that does not overlap with ${other.name}` }] : [];
}

function reservationProblems(config: Config, networks: readonly Known[]): Problem[] {
  const all = config['dhcp.reservations'];
  return all.flatMap((one, index) => {
    const key = `dhcp.reservations[${index}]`;
    const [own] = networks;
    const before = all.slice(0, index);
    return [
      ...namesOne(key, one),
      ...addressProblems(`${key}.address`, one.address, networks, takenAddresses(config, own)),
      ...twice(
        `${key}.mac`,
        one.mac,
        before.map(({ mac }) => mac),
      ),
      ...twice(
        `${key}.id`,
        one.id,
        before.map(({ id }) => id),
      ),
      ...twice(
        `${key}.address`,
        one.address,
        before.map(({ address }) => address),
      ),
    ];
  });
}

function namesOne(key: string, { mac, id }: Reservation): Problem[] {
  if (mac && id) return [{ key, got: `both mac ${mac} and id ${id}`, expected: 'one of them' }];
  return mac || id ? [] : [{ key, got: 'neither mac nor id', expected: 'one of them' }];
}

function addressProblems(
  key: string,
  address: Ipv4,
  networks: readonly Known[],
  taken: readonly (readonly [Ipv4, string])[],
): Problem[] {
  const home = networks.find(({ cidr }) => contains(cidr, address));
  const owner = taken.find(([one]) => one === address)?.[1];
  const names = networks.map(({ name }) => name).join(' or ');
  if (!home) return [{ key, got: address, expected: `an address inside ${names}` }];
  if (!isInside(home.cidr, { first: address, last: address }))
    return [{ key, got: address, expected: `another one than the first and last of ${home.name}` }];
  return owner ? [{ key, got: address, expected: `another one than that of ${owner}` }] : [];
}

/** Addresses that somebody has who does not ask for them. */
function takenAddresses(config: Config, own: Known | undefined): (readonly [Ipv4, string])[] {
  const routers = [config['dhcp.router'], ...config['dhcp.subnets'].map(({ router }) => router)];
  return [
    ...(own ? [[own.cidr.address, 'this server'] as const] : []),
    ...routers.flatMap(router => (router ? [[router, 'a router'] as const] : [])),
  ];
}

function twice(key: string, value: string | undefined, before: readonly (string | undefined)[]): Problem[] {
  const first = value === undefined ? -1 : before.indexOf(value);
  return value === undefined || first === -1
    ? []
    : [{ key, got: value, expected: `another one than dhcp.reservations[${first}] has` }];
}

function overlap(a: Cidr, b: Cidr): boolean {
  return contains(a, b.address) || contains(b, a.address);
}

function isInside(cidr: Cidr, pool: AddressRange): boolean {
  const usable = networkRange(cidr);
  const [first, last] = [ipv4ToNumber(pool.first), ipv4ToNumber(pool.last)];
  return first <= last && first > usable.first && last < usable.last;
}

function format({ address, prefix }: Cidr): string {
  return `${address}/${prefix}`;
}
