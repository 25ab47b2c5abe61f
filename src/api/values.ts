import * as z from 'zod';
import type { Ipv4 } from '../base/ipv4.ts';
import { parseIpv4 } from '../base/ipv4.ts';
import { type Mac, parseMac } from '../base/mac.ts';
import { type MachineId, parseMachineId } from '../domain/machine/genid.ts';
import { type PciAddress, parsePciAddress } from '../domain/placement/pci.ts';

/** The longest free text a node may send: a CPU model, a driver's name, a reason. */
export const text = z.string().max(256);
export const count = z.number().int().nonnegative();

export const machineIdSchema = z.custom<MachineId>(
  value => typeof value === 'string' && parseMachineId(value) !== undefined,
  'expected a machine id: 8 lower-case hex digits',
);

/** Lower case with colons, as pxen writes them. */
export const macSchema = z.custom<Mac>(
  value => typeof value === 'string' && parseMac(value) === value,
  'expected a MAC address such as 52:54:00:12:34:56',
);

/** In full, as it is the name of a folder in sysfs. */
export const pciAddressSchema = z.custom<PciAddress>(
  value => typeof value === 'string' && parsePciAddress(value) === value,
  'expected a PCI address such as 0000:01:02.0',
);

/** SHA-256 of an overlay, as its mark has it. */
export const contentSchema = z.string().regex(/^[0-9a-f]{64}$/);

export const ipv4Schema = z.custom<Ipv4>(
  value => typeof value === 'string' && parseIpv4(value) !== undefined,
  'expected an IPv4 address',
);
