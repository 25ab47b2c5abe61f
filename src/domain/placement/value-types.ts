import { type Ipv4, parseIpv4 } from '../../base/ipv4.ts';
import { parseReal } from '../hocon/units.ts';
import { scalar, type ValueType, whole } from '../hocon/values.ts';
import {
  HOST_STATES,
  type HostState,
  LAST_BASE_PORT,
  parseHostState,
  parseLibvirtUri,
  URI_FORM,
} from './host.ts';
import { isWord, WORD_FORM } from './names.ts';
import { PCI_FORM, type PciAddress, parsePciAddress } from './pci.ts';

/** Types of values that only placement has, beside those of hocon/values.ts. */
export const WORD: ValueType<string> = scalar(WORD_FORM, text => (isWord(text) ? text : undefined));

export const PCI_ADDRESS: ValueType<PciAddress> = scalar(PCI_FORM, parsePciAddress);

export const HOST_STATE: ValueType<HostState> = scalar(`one of ${HOST_STATES.join(', ')}`, parseHostState);

/** Kept as written. */
export const LIBVIRT_URI: ValueType<string> = scalar(URI_FORM, text =>
  parseLibvirtUri(text) ? text : undefined,
);

export const IPV4: ValueType<Ipv4> = scalar('an IPv4 address', parseIpv4);

/** The last octet of an address is added to it. */
export const BASE_PORT: ValueType<number> = scalar(`a port from 1 to ${LAST_BASE_PORT}`, text => {
  const port = whole(1, parseReal(text));
  return port !== undefined && port <= LAST_BASE_PORT ? port : undefined;
});

/** Other VMs beside one (FW-26): -1 says any number. */
export const COSCHEDULE: ValueType<number> = scalar('a whole number from -1', text =>
  whole(-1, parseReal(text)),
);
