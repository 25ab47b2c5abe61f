import { ANY, type Ipv4 } from '../../base/ipv4.ts';
import { OPTION } from '../../wire/dhcp4/code.ts';
import { architectures } from '../../wire/dhcp4/option-number.ts';
import { textOption } from '../../wire/dhcp4/option-text.ts';
import type { Options } from '../../wire/dhcp4/options.ts';
import type { BootRequest } from './classify.ts';
import type { BootPolicy } from './policy.ts';

/** What a reply tells a machine to boot. */
export interface BootFile {
  /** A name on the TFTP server or a URL; empty for a client that does not boot. */
  readonly file: string;
  readonly siaddr: Ipv4;
  readonly options: Options;
}

const NOTHING: BootFile = { file: '', siaddr: ANY, options: new Map() };

/** PXE 2.1 table 2-3: sub-option 6, discovery control 8 = start the boot file named here, ask no boot server. */
const SKIP_DISCOVERY = Uint8Array.of(6, 1, 8, 255);
/** iPXE's no-pxedhcp: this is the one DHCP server, so do not wait 3 s for a proxy (boot-lab pitfall 2). */
const NO_PROXY_DHCP = Uint8Array.of(0xb0, 1, 1);

/** The boot file by client and architecture: firmware gets iPXE, iPXE gets its script (boot-lab section 4). */
export function bootFile(request: BootRequest, policy: BootPolicy): BootFile {
  const { arch, client } = request;
  if (client === 'ipxe') return named(scriptName(request, policy), policy, [[OPTION.ipxe, NO_PROXY_DHCP]]);
  if (client === 'other' || !arch) return NOTHING;
  if (client === 'uefi-http')
    // UEFI 2.10 24.7.3.1: an offer without this class is not an HTTP boot offer.
    return named(`${policy.httpBase}/boot/${arch.nbp}`, policy, [
      [OPTION.vendorClass, textOption('HTTPClient')],
    ]);
  return named(arch.nbp, policy, pxeClient(policy));
}

function scriptName(request: BootRequest, { transport, httpBase }: BootPolicy): string {
  const http = transport === 'http' || (transport === 'auto' && request.speaksHttp);
  return http ? `${httpBase}/boot.ipxe` : 'boot.ipxe';
}

/**
 * The same beside a server that gives the addresses. Every offer of a proxy is marked as one by option 60 (PXE 2.1
 * table 2-1), and names what it can by URL: what the other server says of the next server may win (boot-lab pitfall 10).
 */
export function proxyBootFile(request: BootRequest, policy: BootPolicy): BootFile {
  if (request.client !== 'ipxe') return bootFile(request, policy);
  const script = scriptName(request, policy);
  const url = script.includes('://') ? script : `tftp://${policy.server.address}/${script}`;
  return named(url, policy, pxeClient(policy));
}

/** EDK2 takes option 60 as a promise of option 43 and drops an offer with the one alone (PXE-E16, boot-lab pitfall 3). */
function pxeClient({ server }: BootPolicy): [number, Uint8Array][] {
  return [
    [OPTION.vendorClass, textOption('PXEClient')],
    [OPTION.vendorSpecific, SKIP_DISCOVERY],
    [OPTION.tftpServer, textOption(server.address)],
  ];
}

/** The name goes into `file` and option 67: old ROMs read the one, UEFI HTTP boot the other. */
function named(file: string, policy: BootPolicy, options: [number, Uint8Array][]): BootFile {
  return {
    file,
    siaddr: policy.server.address,
    options: new Map([[OPTION.bootFile, textOption(file)], ...options]),
  };
}

/** `x64 UEFI, boot file snponly.efi`, for people. */
export function describeBoot(request: BootRequest, boot: BootFile): string {
  if (request.client === 'other') return 'no boot file for a plain client';
  const arch =
    request.arch?.name ?? `unknown architecture ${architectures(request.packet.options).join('+')}`;
  const who = request.client === 'ipxe' ? `iPXE on ${arch}` : arch;
  return boot.file === '' ? `${who}, which pxen has no boot file for` : `${who}, boot file ${boot.file}`;
}
