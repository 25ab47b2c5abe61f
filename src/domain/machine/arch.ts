/** One way a machine's firmware boots from the network. */
export interface Architecture {
  /** DHCP option 93, RFC 4578 2.1 and the IANA registry "Processor Architecture Types". */
  readonly code: number;
  readonly name: string;
  readonly firmware: 'bios' | 'uefi' | 'uefi-http';
  /** The network bootstrap program it is given: iPXE in the form that this firmware starts. */
  readonly nbp: string;
}

export const BIOS: Architecture = { code: 0, name: 'x86 BIOS', firmware: 'bios', nbp: 'undionly.kpxe' };

export const ARCHITECTURES: readonly Architecture[] = [
  BIOS,
  { code: 6, name: 'ia32 UEFI', firmware: 'uefi', nbp: 'snponly-ia32.efi' },
  { code: 7, name: 'x64 UEFI', firmware: 'uefi', nbp: 'snponly.efi' },
  // RFC 4578 calls 7 "EFI BC" and 9 "EFI x86-64"; IANA has them the other way round, and firmware sends either.
  { code: 9, name: 'x64 UEFI', firmware: 'uefi', nbp: 'snponly.efi' },
  { code: 11, name: 'arm64 UEFI', firmware: 'uefi', nbp: 'snponly-arm64.efi' },
  { code: 15, name: 'ia32 UEFI HTTP', firmware: 'uefi-http', nbp: 'snponly-ia32.efi' },
  { code: 16, name: 'x64 UEFI HTTP', firmware: 'uefi-http', nbp: 'snponly.efi' },
  { code: 18, name: 'arm32 UEFI HTTP', firmware: 'uefi-http', nbp: 'snponly-arm32.efi' },
  { code: 19, name: 'arm64 UEFI HTTP', firmware: 'uefi-http', nbp: 'snponly-arm64.efi' },
  { code: 20, name: 'x86 BIOS HTTP', firmware: 'bios', nbp: 'undionly.kpxe' },
];

const BY_CODE: ReadonlyMap<number, Architecture> = new Map(ARCHITECTURES.map(arch => [arch.code, arch]));

/** Undefined for a code that pxen has no boot program for. */
export function architecture(code: number): Architecture | undefined {
  return BY_CODE.get(code);
}
