import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import * as z from 'zod';
import { parseCidr } from '../base/ipv4.ts';
import { type Mac, parseMac } from '../base/mac.ts';
import type { LocalAddress } from '../domain/config/network.ts';

/** What `ip -json -4 address show` prints, as far as it matters here. */
const ipOutput = z.array(
  z.object({
    ifname: z.string().optional(),
    flags: z.array(z.string()).default([]),
    addr_info: z.array(z.object({ local: z.string(), prefixlen: z.number() })).default([]),
  }),
);

/**
 * Every IPv4 address of this computer, with its interface. Node leaves out interfaces without carrier, and pxend must
 * start also while the switch is off; so iproute2 is asked first, and Node where there is none.
 */
export function localAddresses(): LocalAddress[] {
  const { status, stdout } = spawnSync('ip', ['-json', '-4', 'address', 'show'], {
    encoding: 'utf8',
    timeout: 2000,
  });
  return (status === 0 ? addressesFromIp(stdout) : undefined) ?? addressesFromNode();
}

/** Undefined when the text is not what iproute2 prints. */
export function addressesFromIp(text: string): LocalAddress[] | undefined {
  const parsed = ipOutput.safeParse(jsonOf(text));
  return parsed.data?.flatMap(({ ifname = '', flags, addr_info }) =>
    addr_info.flatMap(({ local, prefixlen }) => {
      const cidr = parseCidr(`${local}/${prefixlen}`);
      return cidr ? [{ interface: ifname, cidr, loopback: flags.includes('LOOPBACK') }] : [];
    }),
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function addressesFromNode(): LocalAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).flatMap(({ family, cidr, internal }) => {
      const parsed = family === 'IPv4' && cidr !== null ? parseCidr(cidr) : undefined;
      return parsed ? [{ interface: name, cidr: parsed, loopback: internal }] : [];
    }),
  );
}

/** The hardware address of an interface; undefined where it has none. */
export function macOf(name: string): Mac | undefined {
  const [first] = networkInterfaces()[name] ?? [];
  return first && parseMac(first.mac);
}
