import { z } from 'zod';
import { type Cidr, parseIpv4 } from '../../base/ipv4.ts';
import type { AddressRange } from '../lease/pool.ts';

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

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

const ipv4 = z.string().transform((text, ctx) => parseIpv4(text) ?? refuse(ctx));
const port = z.int().min(1).max(65_535);
const list = <T>(item: z.ZodType<T>): z.ZodType<readonly T[]> =>
  z.preprocess(
    value => (typeof value === 'string' ? value.split(/[\s,]+/).filter(Boolean) : value),
    z.array(item),
  );

/** `90`, `30s`, `15m`, `1h`, `2d` as seconds. */
const duration = z.union([z.int(), z.string()]).transform((value, ctx) => {
  const match = /^(\d+)([smhd]?)$/.exec(String(value));
  if (!match) return refuse(ctx);
  return Number(match[1]) * (SECONDS[match[2] || 's'] ?? 1);
});

const range = z.string().transform((text, ctx): AddressRange => {
  const [first, last, ...rest] = text.split('-').map(part => parseIpv4(part.trim()));
  return first && last && rest.length === 0 ? { first, last } : refuse(ctx);
});

const domain = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i);
const consoleName = z.string().regex(/^[a-zA-Z]+\d*(,[0-9a-z]+)?$/);
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/);

function refuse(ctx: z.RefinementCtx): never {
  ctx.addIssue({ code: 'custom', message: 'bad value' });
  return z.NEVER;
}

/** Every setting of the appliance, by its dotted path in the file. */
export const SETTINGS = {
  interface: setting(
    z.string().regex(/^[^\s/]{0,15}$/),
    '',
    'Network interface that the machines are on. Empty: the only one with an IPv4 address.',
    'the name of a network interface such as eth0 (see: ip -4 address)',
  ),
  'dhcp.mode': setting(
    z.enum(['server', 'off']),
    'server',
    'server: hand out addresses on that interface. off: no DHCP at all.',
    'server or off',
  ),
  'dhcp.pool': setting(
    list(range),
    [],
    'Address ranges to hand out, e.g. [10.77.0.100-10.77.0.199]. Required with dhcp.mode: server.',
    'ranges inside the network of the interface such as 10.77.0.100-10.77.0.199',
  ),
  'dhcp.port': setting(
    port,
    67,
    'UDP port of the DHCP server; clients send to 67 only.',
    'a port from 1 to 65535',
  ),
  'dhcp.leaseTime': setting(
    duration.refine(seconds => seconds >= 120 && seconds <= 30 * 86_400),
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
  'agent.interval': setting(
    duration.refine(seconds => seconds >= 1 && seconds <= 3600),
    10,
    'How often an agent sends its heartbeat.',
    'a duration from 1s to 1h',
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
