import type { Ipv4 } from '../../base/ipv4.ts';
import { OPTION } from '../../wire/dhcp4/code.ts';
import type { Options } from '../../wire/dhcp4/options.ts';
import { replyTo } from '../../wire/dhcp4/reply.ts';
import { type BootFile, describeBoot, proxyBootFile } from './bootfile.ts';
import type { BootRequest } from './classify.ts';
import { type Decision, ignore } from './decision.ts';
import type { BootPolicy } from './policy.ts';

/** PXE 2.1 2.2.3: what a client still wants to know of a boot server, it asks by unicast on this port. */
export const PROXY_PORT = 4011;

/** Where a proxy heard something: among the broadcasts to DHCP servers, or on its own port. */
export type ProxyEar = 'dhcp' | 'proxy';

/**
 * The answer beside a foreign DHCP server (PXE 2.1 2.1): what to boot, and never an address. Machines that do not boot
 * and everything that is said to the other server get none.
 */
export function decideProxy(request: BootRequest, ear: ProxyEar, policy: BootPolicy): Decision {
  const { messageType, client } = request;
  if (messageType === 'REQUEST' && ear === 'dhcp') return overheard(request);
  if (client === 'other') return ignore('boots nothing; its address comes from another server');
  if (messageType === 'DISCOVER' && ear === 'dhcp') return tell('offer', request, policy);
  // iPXE and EDK2 send a REQUEST; PXE 2.1 also lets a client send an INFORM.
  if (ear === 'proxy' && (messageType === 'REQUEST' || messageType === 'INFORM'))
    return tell('ack', request, policy);
  return ignore(`${messageType} is for the server that gives the addresses`);
}

/** A REQUEST is broadcast, so it tells everybody which address the machine takes from whom. */
function overheard(request: BootRequest): Decision {
  const address = request.requested ?? request.ciaddr;
  if (!address || !request.serverId || !request.machineId)
    return ignore('REQUEST is for the server that gives the addresses');
  return { ...ignore(`takes ${address} from ${request.serverId}`), address, stage: 'ack' };
}

const POINTED = `pointed to port ${PROXY_PORT}`;
const SAID = { offer: 'offered as a proxy', ack: `told on port ${PROXY_PORT}` };

function tell(kind: 'offer' | 'ack', request: BootRequest, policy: BootPolicy): Decision {
  const boot = proxyBootFile(request, policy);
  const what = describeBoot(request, boot);
  if (boot.file === '') return { ...ignore(what), stage: 'problem' };
  // HTTP boot knows no port 4011: its URL must be in the offer.
  const later = kind === 'offer' && policy.proxyOffer === 'port4011' && request.client !== 'uefi-http';
  const address: Ipv4 | undefined = request.ciaddr;
  return {
    kind,
    text: `${later ? POINTED : SAID[kind]}: ${what}`,
    address,
    stage: kind,
    reply: replyTo(request.packet, {
      type: kind === 'offer' ? 'OFFER' : 'ACK',
      server: policy.server.address,
      siaddr: boot.siaddr,
      file: later ? '' : boot.file,
      options: later ? pointer(boot) : boot.options,
    }),
  };
}

/**
 * Option 60 alone says that here is a boot server (PXE 2.1 table 2-1). With option 43 EDK2 would take the offer for a
 * whole one without a file, and drop it.
 */
function pointer({ options }: BootFile): Options {
  return new Map([...options].filter(([code]) => code === OPTION.vendorClass));
}
