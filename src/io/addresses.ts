import { networkInterfaces } from 'node:os';
import { parseCidr } from '../base/ipv4.ts';
import { type Mac, parseMac } from '../base/mac.ts';
import type { LocalAddress } from '../domain/config/network.ts';

/** Every IPv4 address of this computer, with its interface. */
export function localAddresses(): LocalAddress[] {
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
