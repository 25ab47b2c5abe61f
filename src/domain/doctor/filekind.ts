/** What a boot file is by its first bytes. */
export type FileKind =
  | 'EFI x64'
  | 'EFI ia32'
  | 'EFI arm64'
  | 'EFI of another architecture'
  | 'x86 kernel'
  | 'arm64 kernel'
  | 'initramfs'
  | 'squashfs'
  | 'unknown';

/** Bytes of the beginning that are enough to tell. */
export const HEAD_SIZE = 1024;

/** Machine field of the COFF header, PE format 3.3.1. */
const EFI_MACHINES: ReadonlyMap<number, FileKind> = new Map([
  [0x8664, 'EFI x64'],
  [0x014c, 'EFI ia32'],
  [0xaa64, 'EFI arm64'],
]);

/** gzip, xz, zstd, lz4, cpio (newc), bzip2: what the kernel unpacks. */
const INITRAMFS = ['1f8b', 'fd377a585a00', '28b52ffd', '02214c18', '303730373031', '425a68'];

/** A kernel is looked for before EFI: with its EFI stub it is both. */
export function fileKind(head: Uint8Array): FileKind {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const text = (at: number, length: number): string => String.fromCharCode(...head.subarray(at, at + length));
  if (text(0x202, 4) === 'HdrS') return 'x86 kernel';
  if (text(0x38, 4) === 'ARM\u0064') return 'arm64 kernel';
  if (text(0, 4) === 'hsqs') return 'squashfs';
  if (INITRAMFS.some(magic => hex(head, magic.length / 2) === magic)) return 'initramfs';
  return text(0, 2) === 'MZ' ? efiKind(view, text) : 'unknown';
}

function efiKind(view: DataView, text: (at: number, length: number) => string): FileKind {
  const at = view.byteLength >= 0x40 ? view.getUint32(0x3c, true) : view.byteLength;
  if (at + 6 > view.byteLength || text(at, 4) !== 'PE\0\0') return 'unknown';
  return EFI_MACHINES.get(view.getUint16(at + 4, true)) ?? 'EFI of another architecture';
}

function hex(bytes: Uint8Array, count: number): string {
  return Array.from(bytes.subarray(0, count), byte => byte.toString(16).padStart(2, '0')).join('');
}
