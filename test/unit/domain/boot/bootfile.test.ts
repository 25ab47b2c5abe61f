import { describe, expect, test } from 'vitest';
import { bootFile, describeBoot } from '../../../../src/domain/boot/bootfile.ts';
import { textOption } from '../../../../src/wire/dhcp4/option-text.ts';
import { bootOptions, bootRequest, dhcpPacket, dhcpPolicy, goldenPacket } from '../../../fakes/dhcp.ts';

const SERVER = '10.77.0.1';
const SCRIPT = 'http://10.77.0.1/boot.ipxe';
const NO_PROXY: [number, Uint8Array] = [175, Uint8Array.of(0xb0, 1, 1)];
const file = (name: string): [number, Uint8Array] => [67, textOption(name)];
const pxe: [number, Uint8Array][] = [
  [60, textOption('PXEClient')],
  [43, Uint8Array.of(6, 1, 8, 255)],
  [66, textOption(SERVER)],
];
const http: [number, Uint8Array] = [60, textOption('HTTPClient')];
const ipxeWithoutHttp = dhcpPacket('DISCOVER', { options: [...bootOptions(0), [77, textOption('iPXE')]] });
const rom = (arch: number, vendorClass?: string) =>
  dhcpPacket('DISCOVER', { options: bootOptions(arch, vendorClass) });

describe('the boot file', () => {
  test.each([
    [
      'iPXE gets its script, whatever started it',
      'auto',
      goldenPacket('ipxe-rom-bios-discover'),
      SCRIPT,
      [NO_PROXY],
      'iPXE on x86 BIOS, boot file http://10.77.0.1/boot.ipxe',
    ],
    [
      'iPXE on UEFI gets the script too, never the binary again',
      'http',
      goldenPacket('ipxe-on-uefi-discover'),
      SCRIPT,
      [NO_PROXY],
      'iPXE on x64 UEFI, boot file http://10.77.0.1/boot.ipxe',
    ],
    [
      'iPXE gets it by TFTP if the admin wants so',
      'tftp',
      goldenPacket('ipxe-on-uefi-discover'),
      'boot.ipxe',
      [NO_PROXY],
      'iPXE on x64 UEFI, boot file boot.ipxe',
    ],
    [
      'iPXE built without HTTP gets it by TFTP',
      'auto',
      ipxeWithoutHttp,
      'boot.ipxe',
      [NO_PROXY],
      'iPXE on x86 BIOS, boot file boot.ipxe',
    ],
    ['a BIOS gets undionly.kpxe', 'auto', rom(0), 'undionly.kpxe', pxe, 'x86 BIOS, boot file undionly.kpxe'],
    [
      'a UEFI gets snponly.efi',
      'auto',
      goldenPacket('ovmf-pxe-discover'),
      'snponly.efi',
      pxe,
      'x64 UEFI, boot file snponly.efi',
    ],
    [
      'UEFI HTTP boot gets a URL',
      'auto',
      goldenPacket('ovmf-http-discover'),
      'http://10.77.0.1/boot/snponly.efi',
      [http],
      'x64 UEFI HTTP, boot file http://10.77.0.1/boot/snponly.efi',
    ],
  ] as const)('%s', (_, transport, packet, name, options, words) => {
    const request = bootRequest(packet);
    const boot = bootFile(request, dhcpPolicy({ transport }));
    expect(boot).toEqual({ file: name, siaddr: SERVER, options: new Map([file(name), ...options]) });
    expect(describeBoot(request, boot)).toBe(words);
  });

  test.each([
    ['a plain client', goldenPacket('udhcpc-discover'), 'no boot file for a plain client'],
    ['an unknown architecture', rom(99), 'unknown architecture 99, which pxen has no boot file for'],
  ])('%s gets none', (_, packet, words) => {
    const request = bootRequest(packet);
    const boot = bootFile(request, dhcpPolicy());
    expect(boot).toEqual({ file: '', siaddr: '0.0.0.0', options: new Map() });
    expect(describeBoot(request, boot)).toBe(words);
  });
});
