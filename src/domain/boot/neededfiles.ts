import type { Config } from '../config/settings.ts';
import type { FileKind } from '../doctor/filekind.ts';

/** A file without which some machine cannot boot. */
export interface NeededFile {
  /** `tftp`: the TFTP root. `boot`: boot/ of the HTTP root. */
  readonly folder: 'tftp' | 'boot';
  readonly name: string;
  readonly kind: FileKind;
}

/** What DHCP and the boot scripts name. A BIOS boot program is plain code without a mark. */
export function neededFiles(config: Config): NeededFile[] {
  return [
    { folder: 'boot', name: config['boot.kernel'], kind: 'x86 kernel' },
    { folder: 'boot', name: config['boot.initramfs'], kind: 'initramfs' },
    { folder: 'boot', name: config['boot.modloop'], kind: 'squashfs' },
    { folder: 'tftp', name: 'undionly.kpxe', kind: 'unknown' },
    { folder: 'tftp', name: 'snponly.efi', kind: 'EFI x64' },
  ];
}
