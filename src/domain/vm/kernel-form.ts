/**
 * What a kernel file is, by its first bytes. `raw`: it has no mark, as the vmlinux.bin of `objcopy -O binary` and the
 * kernels of aarch64 before EFI have none.
 */
export const KERNEL_FORMS = ['bzImage', 'PE', 'ELF', 'compressed', 'raw'] as const;
export type KernelForm = (typeof KERNEL_FORMS)[number];

/** So many bytes tell it. */
export const KERNEL_HEAD = 0x206;

/** `HdrS` of the setup header, Documentation/arch/x86/boot.rst of Linux. */
const SETUP_AT = 0x202;
const SETUP = [0x48, 0x64, 0x72, 0x53];
const ELF = [0x7f, 0x45, 0x4c, 0x46];
const PE = [0x4d, 0x5a];
/** gzip, xz, zstd, LZ4 (legacy frame): as distributions pack the kernels of aarch64. */
const PACKED = [
  [0x1f, 0x8b],
  [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  [0x28, 0xb5, 0x2f, 0xfd],
  [0x02, 0x21, 0x4c, 0x18],
];

export function kernelFormOf(head: Uint8Array): KernelForm {
  const has = (mark: readonly number[], at = 0): boolean => mark.every((byte, i) => head[at + i] === byte);
  // With an EFI stub, a bzImage is a PE, too.
  if (has(SETUP, SETUP_AT)) return 'bzImage';
  if (has(PE)) return 'PE';
  if (has(ELF)) return 'ELF';
  return PACKED.some(mark => has(mark)) ? 'compressed' : 'raw';
}
