import type { Diagnostic } from '../../base/diagnostic.ts';
import type { Cidr } from '../../base/ipv4.ts';
import { dhcpProblems } from './dhcp.ts';
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

/** Problems that only show once the interface is known: pools, routers and reservations must lie in their networks. */
export function checkNetwork(config: Config, network: SiteNetwork, file: string): Diagnostic[] {
  const mode = config['dhcp.mode'];
  if (mode === 'off' || mode === 'proxy') return [];
  return dhcpProblems(config, network).map(problem => ({ file, ...problem }));
}
