import { networkInterfaces } from 'node:os';
import { parseCidr } from '../base/ipv4.ts';
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
