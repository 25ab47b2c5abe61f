import { type Mac, parseMac } from '../base/mac.ts';
import { type MachineId, machineId, type Sha256 } from '../domain/machine/genid.ts';
import { MOST } from '../domain/node/facts.ts';
import { isCard } from './facts/network.ts';
import type { Tree } from './tree.ts';

/** Who this machine is, found out by itself. */
export interface Identity {
  readonly id: MachineId;
  /** SMBIOS system UUID, lower case. */
  readonly uuid: string | undefined;
  readonly bootMac: Mac;
  /** Every physical card. */
  readonly macs: readonly Mac[];
}

/** Undefined as long as there is no network card: the driver may still be on its way. */
export function findIdentity(tree: Tree, sha256: Sha256): Identity | undefined {
  const macs = physicalMacs(tree);
  const bootMac = bootMacOf(tree.text('/proc/cmdline') ?? '') ?? macs[0];
  if (!bootMac) return undefined;
  const uuid = tree.text('/sys/class/dmi/id/product_uuid')?.toLowerCase() || undefined;
  return {
    id: machineId({ uuid, mac: bootMac }, sha256),
    uuid,
    bootMac,
    macs: [...new Set([bootMac, ...macs])].slice(0, MOST.nics),
  };
}

/** `BOOTIF=01-52-54-00-12-34-56`: Ethernet and the card that the firmware booted from, the form that genid reads too. */
export function bootMacOf(cmdline: string): Mac | undefined {
  const value = /(?:^|\s)BOOTIF=01-((?:[0-9a-fA-F]{2}-){5}[0-9a-fA-F]{2})(?:\s|$)/.exec(cmdline)?.[1];
  return value === undefined ? undefined : parseMac(value);
}

function physicalMacs(tree: Tree): Mac[] {
  const net = '/sys/class/net';
  return tree.list(net).flatMap(name => {
    if (!isCard(tree, name)) return [];
    return parseMac(tree.text(`${net}/${name}/address`) ?? '') ?? [];
  });
}
