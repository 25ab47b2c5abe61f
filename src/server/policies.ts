import type { BootPolicy, DhcpPolicy, Subnet } from '../domain/boot/policy.ts';
import type { ScriptPolicy } from '../domain/boot/script.ts';
import type { Config, SiteNetwork } from '../domain/config/settings.ts';
import type { SubnetSetting } from '../domain/config/subnets.ts';
import { AddressPool } from '../domain/lease/pool.ts';
import { Reservations } from '../domain/lease/reservation.ts';
import { isHostName } from '../domain/overlay/builtin.ts';
import type { MachineNames } from './machines.ts';
import { httpBaseOf } from './site.ts';

/** The configuration as the parts see it: each gets its own view, and no other part's. */
export function dhcpPolicy(config: Config, network: SiteNetwork, names: MachineNames): DhcpPolicy {
  return {
    ...bootPolicy(config, network),
    subnets: subnetsOf(config, network),
    reservations: new Reservations(config['dhcp.reservations']),
    hostname: machine => hostNameOf(names.of(machine.machineId)),
  };
}

/** What both kinds of DHCP service answer on, and how much. */
export function dhcpLimits(config: Config): { port: number; perCard: number } {
  return { port: config['dhcp.port'], perCard: config['dhcp.requestsPerCard'] };
}

/** What a proxy needs, and a server too. */
function bootPolicy(config: Config, network: SiteNetwork): BootPolicy {
  return {
    server: network.cidr,
    httpBase: httpBaseOf(config, network),
    transport: config['boot.transport'],
    proxyOffer: config['dhcp.proxyOffer'],
  };
}

/** The server's own network and those behind relays; what one of those does not say is as in the first. */
function subnetsOf(config: Config, network: SiteNetwork): DhcpPolicy['subnets'] {
  const reserved = [
    network.cidr.address,
    ...config['dhcp.dns'],
    ...config['dhcp.reservations'].map(({ address }) => address),
  ];
  const subnet = ({ network, pool, router, dns, domain, leaseTime }: SubnetSetting): Subnet => ({
    pool: new AddressPool(network, pool, [...reserved, ...(dns ?? []), ...(router ? [router] : [])]),
    leaseSeconds: leaseTime ?? config['dhcp.leaseTime'],
    router,
    dns: dns ?? config['dhcp.dns'],
    domain: domain ?? (config['dhcp.domain'] || undefined),
  });
  const own: SubnetSetting = {
    network: network.cidr,
    pool: config['dhcp.pool'],
    router: config['dhcp.router'] || undefined,
    dns: undefined,
    domain: undefined,
    leaseTime: undefined,
  };
  return [subnet(own), ...config['dhcp.subnets'].map(subnet)];
}

export function scriptPolicy(config: Config, network: SiteNetwork): ScriptPolicy {
  return {
    httpBase: httpBaseOf(config, network),
    tftpBase: `tftp://${network.cidr.address}`,
    transport: config['boot.transport'] === 'tftp' ? 'tftp' : 'http',
    kernel: config['boot.kernel'],
    initramfs: config['boot.initramfs'],
    modloop: config['boot.modloop'],
    consoles: config['boot.console'],
    arguments: config['boot.arguments'],
  };
}

/** What is served where, in one line for the log. */
export function summaryOf(config: Config, network: SiteNetwork): string {
  const { address, prefix } = network.cidr;
  const names = { server: 'DHCP', proxy: 'proxy DHCP', auto: 'DHCP', off: '' };
  const name = names[config['dhcp.mode']];
  const dhcp = name === '' ? '' : `${name} :${config['dhcp.port']}, `;
  const rest = `TFTP :${config['tftp.port']} and HTTP :${config['http.port']}`;
  return `${dhcp}${rest} on ${address}/${prefix} (${network.interface})`;
}

/** RFC 2132 section 3.14: a folder may be called what no host can. */
function hostNameOf(folder: string | undefined): string | undefined {
  return folder !== undefined && isHostName(folder) ? folder : undefined;
}
