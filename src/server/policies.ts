import type { DhcpPolicy } from '../domain/boot/policy.ts';
import type { ScriptPolicy } from '../domain/boot/script.ts';
import type { Config, SiteNetwork } from '../domain/config/settings.ts';
import type { MachineNames } from './machines.ts';
import { httpBaseOf } from './site.ts';

/** The configuration as the parts see it: each gets its own view, and no other part's. */
export function dhcpPolicy(config: Config, network: SiteNetwork, names: MachineNames): DhcpPolicy {
  return {
    server: network.cidr,
    pool: config['dhcp.pool'],
    leaseSeconds: config['dhcp.leaseTime'],
    router: config['dhcp.router'] || undefined,
    dns: config['dhcp.dns'],
    domain: config['dhcp.domain'] || undefined,
    httpBase: httpBaseOf(config, network),
    transport: config['boot.transport'],
    hostname: machine => names.of(machine.machineId),
  };
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
  const dhcp = config['dhcp.mode'] === 'server' ? `DHCP :${config['dhcp.port']}, ` : '';
  const rest = `TFTP :${config['tftp.port']} and HTTP :${config['http.port']}`;
  return `${dhcp}${rest} on ${address}/${prefix} (${network.interface})`;
}
