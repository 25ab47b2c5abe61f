import type { Diagnostic } from '../../base/diagnostic.ts';
import { type Cidr, contains, ipv4ToNumber, networkRange } from '../../base/ipv4.ts';
import type { AddressRange } from '../lease/pool.ts';
import type { Config, SiteNetwork } from './settings.ts';

/** An interface of this machine with one of its IPv4 addresses. */
export interface LocalAddress {
  readonly interface: string;
  readonly cidr: Cidr;
  readonly loopback: boolean;
}

/** The network to serve: the configured interface, or the only real one there is. Otherwise what to do about it. */
export function chooseNetwork(
  wanted: string,
  addresses: readonly LocalAddress[],
): { network: SiteNetwork } | { problem: string } {
  const candidates =
    wanted === '' ? addresses.filter(a => !a.loopback) : addresses.filter(a => a.interface === wanted);
  const names = [...new Set(candidates.map(a => a.interface))];
  const first = candidates[0];
  if (first && names.length === 1) return { network: { interface: first.interface, cidr: first.cidr } };
  if (names.length > 1)
    return {
      problem: `several interfaces have an IPv4 address (${names.join(', ')}); set "interface" to the one that the machines are on`,
    };
  const present = [...new Set(addresses.map(a => a.interface))].join(', ') || 'none';
  return {
    problem:
      wanted === ''
        ? 'no interface but the loopback has an IPv4 address; give one to the interface that the machines are on (ip address add)'
        : `interface ${wanted} does not exist or has no IPv4 address; interfaces with one: ${present}; see: ip -4 address`,
  };
}

/** Problems that only show once the interface is known: pools and router must lie in its network. */
export function checkNetwork(config: Config, network: SiteNetwork, file: string): Diagnostic[] {
  if (config['dhcp.mode'] === 'off') return [];
  const where = `${network.cidr.address}/${network.cidr.prefix} of ${network.interface}`;
  return [...poolProblems(config, network, where, file), ...routerProblems(config, network, where, file)];
}

function poolProblems(config: Config, network: SiteNetwork, where: string, file: string): Diagnostic[] {
  const pools = config['dhcp.pool'];
  const key = 'dhcp.pool';
  if (pools.length === 0) return [{ file, key, expected: `a range inside ${where}, or dhcp.mode: off` }];
  return pools
    .filter(pool => !isInside(network.cidr, pool))
    .map(pool => ({
      file,
      key,
      got: `${pool.first}-${pool.last}`,
      expected: `ascending addresses inside ${where}, without its first and last`,
    }));
}

function routerProblems(config: Config, network: SiteNetwork, where: string, file: string): Diagnostic[] {
  const router = config['dhcp.router'];
  if (router === '' || contains(network.cidr, router)) return [];
  return [{ file, key: 'dhcp.router', got: router, expected: `an address inside ${where}` }];
}

function isInside(cidr: Cidr, pool: AddressRange): boolean {
  const usable = networkRange(cidr);
  const [first, last] = [ipv4ToNumber(pool.first), ipv4ToNumber(pool.last)];
  return first <= last && first > usable.first && last < usable.last;
}
