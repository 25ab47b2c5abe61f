import { concat } from '../../base/bytes.ts';
import { type Ipv4, ipv4FromBytes, ipv4ToBytes } from '../../base/ipv4.ts';
import type { Options } from './options.ts';

/** An option that holds one address (50, 54); undefined when missing or of another length. */
export function addressOf(options: Options, code: number): Ipv4 | undefined {
  const value = options.get(code);
  return value?.length === 4 ? ipv4FromBytes(value) : undefined;
}

/** One or more addresses (1, 3, 6, 28, 54). */
export function addressesOption(...addresses: readonly Ipv4[]): Uint8Array {
  const [first] = addresses;
  return addresses.length === 1 && first ? ipv4ToBytes(first) : concat(addresses.map(ipv4ToBytes));
}
