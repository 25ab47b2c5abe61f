import { z } from 'zod';
import type { Cidr } from '../../base/ipv4.ts';
import { PROXY_OFFERS } from '../boot/policy.ts';
import { ACCEL_POLICIES } from '../workload/facts.ts';
import { reservations, subnets } from './subnets.ts';
import { domain, duration, ipv4, leaseTime, list, port, range, size } from './values.ts';

/** One key of /etc/pxen/pxen.yaml: the same record drives validation, defaults, PXEN_* variables, flags and docs/configuration.md. */
export interface Setting<T> {
  readonly schema: z.ZodType<T>;
  readonly fallback: T;
  /** One line for `pxend --help` and the docs. */
  readonly about: string;
  /** What a good value looks like; ends the sentence "expected ...". */
  readonly expected: string;
}

function setting<T>(schema: z.ZodType<T>, fallback: NoInfer<T>, about: string, expected: string): Setting<T> {
  return { schema, fallback, about, expected };
}

const consoleName = z.string().regex(/^[a-zA-Z]+\d*(,[0-9a-z]+)?$/);
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/);

/** Every setting of the appliance, by its dotted path in the file. */
export const SETTINGS = {
  interface: setting(
    z.string().regex(/^[^\s/]{0,15}$/),
    '',
    'Network interface that the machines are on. Empty: the only one with an IPv4 address.',
    'the name of a network interface such as eth0 (see: ip -4 address)',
  ),
  'dhcp.mode': setting(
    z.enum(['server', 'proxy', 'off', 'auto']),
    'server',
    'server: hand out addresses. proxy: another server does, add what to boot. auto: proxy if another server answers at the start, else server. off: no DHCP at all.',
    'server, proxy, auto or off',
  ),
  'dhcp.proxyOffer': setting(
    z.enum(PROXY_OFFERS),
    'whole',
    'What a proxy offers to PXE clients. whole: what to boot. port4011: only that it is a boot server, they ask it on port 4011; for firmware that overlooks the file in the offer.',
    'whole or port4011',
  ),
  'dhcp.pool': setting(
    list(range),
    [],
    'Address ranges to hand out, e.g. [10.77.0.100-10.77.0.199]. Required with dhcp.mode: server without subnets and reservations.',
    'ranges inside the network of the interface such as 10.77.0.100-10.77.0.199',
  ),
  'dhcp.port': setting(
    port,
    67,
    'UDP port of the DHCP server; clients send to 67 only.',
    'a port from 1 to 65535',
  ),
  'dhcp.leaseTime': setting(
    leaseTime,
    3600,
    'How long an address is lent.',
    'a duration from 120s to 30d such as 15m, 1h or 2d',
  ),
  'dhcp.router': setting(
    z.union([z.literal(''), ipv4]),
    '',
    'Default gateway told to machines. Empty: none.',
    'an IPv4 address such as 10.77.0.1',
  ),
  'dhcp.dns': setting(
    list(ipv4),
    [],
    'DNS servers told to machines.',
    'IPv4 addresses such as [10.77.0.1, 9.9.9.9]',
  ),
  'dhcp.domain': setting(
    z.union([z.literal(''), domain]),
    '',
    'DNS domain told to machines.',
    'a domain such as lab.example.org',
  ),
  'dhcp.subnets': setting(
    subnets,
    [],
    'Networks behind DHCP relays: [{network: 10.88.0.0/24, pool: [10.88.0.100-10.88.0.199], router: 10.88.0.1}]; dns, domain and leaseTime are those above unless given.',
    'a list such as [{network: 10.88.0.0/24, pool: [10.88.0.100-10.88.0.199]}]',
  ),
  'dhcp.reservations': setting(
    reservations,
    [],
    'Addresses kept for one card or machine, inside or outside of the pools: [{mac: "52:54:00:12:34:56", address: 10.77.0.50, hostname: web}, {id: "91d5815f", address: 10.77.0.51}].',
    'a list such as [{mac: "52:54:00:12:34:56", address: 10.77.0.50}]',
  ),
  'dhcp.requestsPerCard': setting(
    z.int().min(1).max(100_000),
    20,
    'Requests a second from one network card; what is beyond is dropped.',
    'a whole number from 1 to 100000',
  ),
  'tftp.port': setting(port, 69, 'UDP port of the TFTP server.', 'a port from 1 to 65535'),
  'tftp.maxTransfers': setting(
    z.int().min(1).max(10_000),
    1000,
    'TFTP transfers at one time, in all.',
    'a whole number from 1 to 10000',
  ),
  'tftp.maxPerClient': setting(
    z.int().min(1).max(1000),
    32,
    'TFTP transfers at one time, per client address.',
    'a whole number from 1 to 1000',
  ),
  'tftp.singlePort': setting(
    z.boolean(),
    false,
    'All TFTP transfers on the TFTP port itself, for a firewall or NAT between this host and the machines.',
    'true or false',
  ),
  'http.port': setting(port, 80, 'TCP port of the HTTP server.', 'a port from 1 to 65535'),
  'boot.transport': setting(
    z.enum(['auto', 'tftp', 'http']),
    'auto',
    'How iPXE fetches script, kernel and initramfs. auto: by HTTP.',
    'auto, tftp or http',
  ),
  'boot.unknown': setting(
    z.enum(['default', 'wait']),
    'default',
    'A machine without a machines/ folder boots the default overlay, or waits until it has one.',
    'default or wait',
  ),
  'boot.kernel': setting(
    fileName,
    'vmlinuz',
    'Kernel in /srv/pxen/http/boot (Alpine: vmlinuz-lts).',
    'a file name without a folder such as vmlinuz',
  ),
  'boot.initramfs': setting(
    fileName,
    'initramfs',
    'Initramfs in /srv/pxen/http/boot (Alpine: initramfs-lts).',
    'a file name without a folder such as initramfs',
  ),
  'boot.modloop': setting(
    fileName,
    'root.squashfs',
    'Root image of the built-in system, or the modloop of Alpine (modloop-lts).',
    'a file name without a folder such as root.squashfs',
  ),
  'boot.console': setting(
    list(consoleName),
    ['tty0', 'ttyS0'],
    'Kernel consoles; boot messages go to all, the last one is /dev/console.',
    'console names such as [tty0, "ttyS0,115200"]',
  ),
  'boot.arguments': setting(
    z.string().regex(/^[\x20-\x7e]*$/),
    'quiet',
    'Further kernel arguments.',
    'one line of plain text such as "quiet mitigations=off"',
  ),
  'overlay.watch': setting(
    z.enum(['auto', 'off']),
    'auto',
    'auto: a change under /host0 is built and served at once. off: only by mesh system configure.',
    'auto or off',
  ),
  'agent.interval': setting(
    duration.refine(seconds => seconds >= 1 && seconds <= 3600),
    10,
    'How often an agent sends its heartbeat.',
    'a duration from 1s to 1h',
  ),
  'workload.accel': setting(
    z.enum(ACCEL_POLICIES),
    'kvm',
    "Who executes the instructions of workloads. kvm: only the node's hardware. auto: software (TCG, far slower) on nodes where KVM does not work. tcg: always software.",
    'kvm, auto or tcg',
  ),
  'isos.quota': setting(
    size,
    '0',
    'How much all ISO images and disk images in /srv/pxen/http/isos may take together; mesh iso add keeps to it. 0: as much as the disk has.',
    'a size such as 500M, 50G or 1T, or 0',
  ),
  'isos.keepFree': setting(
    size,
    '1G',
    'What mesh iso add leaves free on the disk of /srv/pxen/http/isos; leases, overlays and logs may be on it, too.',
    'a size such as 500M, 50G or 1T, or 0',
  ),
  'log.level': setting(
    z.enum(['debug', 'info', 'warn', 'error']),
    'info',
    'How much is logged.',
    'debug, info, warn or error',
  ),
  'log.format': setting(
    z.enum(['text', 'json']),
    'text',
    'text: one readable line an event. json: one JSON object an event.',
    'text or json',
  ),
} as const satisfies Record<string, Setting<never> | Setting<unknown>>;

export type SettingPath = keyof typeof SETTINGS;

/** All settings with their values, by dotted path. */
export type Config = {
  readonly [P in SettingPath]: (typeof SETTINGS)[P] extends Setting<infer T> ? T : never;
};

export const SETTING_PATHS = Object.keys(SETTINGS) as SettingPath[];

/** `dhcp.leaseTime` is PXEN_DHCP_LEASE_TIME in the environment and --dhcp-lease-time on the command line. */
export function variableOf(path: SettingPath): string {
  return `PXEN_${words(path).join('_').toUpperCase()}`;
}

export function flagOf(path: SettingPath): string {
  return `--${words(path).join('-')}`;
}

function words(path: SettingPath): string[] {
  return path
    .replace(/([a-z])([A-Z])/g, '$1.$2')
    .toLowerCase()
    .split('.');
}

/** The network that the configuration is meant for: the interface's own address. */
export interface SiteNetwork {
  readonly interface: string;
  readonly cidr: Cidr;
}
