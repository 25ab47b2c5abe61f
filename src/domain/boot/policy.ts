import type { Cidr, Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { AddressRange } from '../lease/pool.ts';
import type { MachineId } from '../machine/genid.ts';

/** How this server answers DHCP on its network. */
export interface DhcpPolicy {
  /** This server's address on the network of the machines; also the TFTP server told to them. */
  readonly server: Cidr;
  readonly pool: readonly AddressRange[];
  /** Option 51, seconds. */
  readonly leaseSeconds: number;
  /** Option 3. */
  readonly router: Ipv4 | undefined;
  /** Option 6. */
  readonly dns: readonly Ipv4[];
  /** Option 15. */
  readonly domain: string | undefined;
  /** Without a trailing slash: `http://10.77.0.1` or `http://10.77.0.1:8080`. */
  readonly httpBase: string;
  /** What iPXE fetches its script by; auto: HTTP from an iPXE that can. */
  readonly transport: 'auto' | 'tftp' | 'http';
  /** Option 12: the name of a machine in its folder, if it has one. */
  readonly hostname: (machine: KnownMachine) => string | undefined;
}

export interface KnownMachine {
  readonly mac: Mac;
  readonly machineId: MachineId | undefined;
}
