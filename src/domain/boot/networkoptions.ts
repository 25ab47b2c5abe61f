import { broadcastOf, netmask } from '../../base/ipv4.ts';
import { OPTION } from '../../wire/dhcp4/code.ts';
import { addressesOption } from '../../wire/dhcp4/option-address.ts';
import { uint32Option } from '../../wire/dhcp4/option-number.ts';
import { textOption } from '../../wire/dhcp4/option-text.ts';
import type { OptionEntry } from '../../wire/dhcp4/options.ts';
import type { Here } from './decision.ts';
import type { Subnet } from './policy.ts';

/** Networks do not change: what all their machines are told is made once. */
const made = new WeakMap<Subnet, { readonly lease: OptionEntry[]; readonly network: OptionEntry[] }>();

/** What every machine that gets an address is told about it and its network. The names are last: with little room they are left out first. */
export function leaseOptions(here: Here, boot: Iterable<OptionEntry>): OptionEntry[] {
  return [...optionsOf(here.subnet).lease, ...boot, ...networkOptions(here)];
}

/** The same without an address. */
export function networkOptions({ policy, subnet, card }: Here): OptionEntry[] {
  const options = [...optionsOf(subnet).network];
  const hostname = policy.reservations.of(card)?.hostname ?? policy.hostname(card);
  if (hostname) options.push([OPTION.hostName, textOption(hostname)]);
  if (subnet.domain) options.push([OPTION.domainName, textOption(subnet.domain)]);
  return options;
}

function optionsOf(subnet: Subnet): { readonly lease: OptionEntry[]; readonly network: OptionEntry[] } {
  const known = made.get(subnet);
  if (known) return known;
  const options = { lease: times(subnet), network: addresses(subnet) };
  made.set(subnet, options);
  return options;
}

/** Lease, renewal and rebinding time at the points of RFC 2131 4.4.5: all, a half, seven eighths. */
function times({ leaseSeconds }: Subnet): OptionEntry[] {
  return [
    [OPTION.leaseTime, uint32Option(leaseSeconds)],
    [OPTION.renewalTime, uint32Option(Math.floor(leaseSeconds / 2))],
    [OPTION.rebindingTime, uint32Option(Math.floor((leaseSeconds * 7) / 8))],
  ];
}

function addresses({ pool, router, dns }: Subnet): OptionEntry[] {
  const options: OptionEntry[] = [
    [OPTION.subnetMask, addressesOption(netmask(pool.network.prefix))],
    [OPTION.broadcastAddress, addressesOption(broadcastOf(pool.network))],
  ];
  if (router) options.push([OPTION.router, addressesOption(router)]);
  if (dns.length > 0) options.push([OPTION.dns, addressesOption(...dns)]);
  return options;
}
