import { broadcastOf, netmask } from '../../base/ipv4.ts';
import { OPTION } from '../../wire/dhcp4/code.ts';
import { addressesOption } from '../../wire/dhcp4/option-address.ts';
import { uint32Option } from '../../wire/dhcp4/option-number.ts';
import { textOption } from '../../wire/dhcp4/option-text.ts';
import type { Here } from './decision.ts';
import type { Subnet } from './policy.ts';

type OptionList = [number, Uint8Array][];

/** Lease, renewal and rebinding time at the points of RFC 2131 4.4.5: all, a half, seven eighths. */
export function leaseOptions({ leaseSeconds }: Subnet): OptionList {
  return [
    [OPTION.leaseTime, uint32Option(leaseSeconds)],
    [OPTION.renewalTime, uint32Option(Math.floor(leaseSeconds / 2))],
    [OPTION.rebindingTime, uint32Option(Math.floor((leaseSeconds * 7) / 8))],
  ];
}

/** What every machine is told about its network. The names are last: with little room they are left out first. */
export function networkOptions({ policy, subnet, card }: Here): OptionList {
  const { pool, router, dns, domain } = subnet;
  const hostname = policy.reservations.of(card)?.hostname ?? policy.hostname(card);
  return [
    [OPTION.subnetMask, addressesOption(netmask(pool.network.prefix))],
    [OPTION.broadcastAddress, addressesOption(broadcastOf(pool.network))],
    ...(router ? [[OPTION.router, addressesOption(router)] as [number, Uint8Array]] : []),
    ...(dns.length > 0 ? [[OPTION.dns, addressesOption(...dns)] as [number, Uint8Array]] : []),
    ...(hostname ? [[OPTION.hostName, textOption(hostname)] as [number, Uint8Array]] : []),
    ...(domain ? [[OPTION.domainName, textOption(domain)] as [number, Uint8Array]] : []),
  ];
}
