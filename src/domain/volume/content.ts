/** Bytes of the beginning that are enough to tell what a file holds; the mark of an ISO is at 32 KiB. */
export const HEAD_BYTES = 33 * 1024;

interface Signature {
  readonly at: number;
  /** One byte a character. */
  readonly bytes: string;
  /** As in `it looks like ...`. */
  readonly kind: string;
}

/** Kinds that messages give advice for. */
export const QCOW2 = 'a qcow2 image';
export const ISO_9660 = 'an ISO 9660 image';
export const RAW_DISK = 'a raw disk image';
export const COMPRESSED = 'a file compressed with ';
export const WEB_PAGE = 'a web page';

/** The first that fits counts: a hybrid ISO has a partition table too, and a boot sector comes in many images. */
const SIGNATURES: readonly Signature[] = [
  { at: 0, bytes: 'QFI\xfb', kind: QCOW2 },
  { at: 0, bytes: 'QED\0', kind: 'a QED image' },
  { at: 0, bytes: 'KDMV', kind: 'a VMDK image' },
  { at: 0, bytes: '# Disk DescriptorFile', kind: 'the description of a VMDK image' },
  { at: 0, bytes: 'vhdxfile', kind: 'a VHDX image' },
  { at: 0, bytes: 'conectix', kind: 'a VHD image' },
  { at: 64, bytes: '\x7f\x10\xda\xbe', kind: 'a VDI image' },
  { at: 0, bytes: 'LUKS\xba\xbe', kind: 'a LUKS volume' },
  { at: 0, bytes: '\x1f\x8b', kind: `${COMPRESSED}gzip` },
  { at: 0, bytes: '\xfd7zXZ\0', kind: `${COMPRESSED}xz` },
  { at: 0, bytes: '\x28\xb5\x2f\xfd', kind: `${COMPRESSED}zstd` },
  { at: 0, bytes: 'BZh', kind: `${COMPRESSED}bzip2` },
  { at: 0, bytes: 'PK\x03\x04', kind: `${COMPRESSED}zip` },
  { at: 257, bytes: 'ustar', kind: 'a tar archive' },
  { at: 0x8001, bytes: 'CD001', kind: ISO_9660 },
  { at: 0x8001, bytes: 'BEA01', kind: 'a UDF image' },
  { at: 512, bytes: 'EFI PART', kind: RAW_DISK },
  { at: 510, bytes: '\x55\xaa', kind: RAW_DISK },
];

/** What a file looks like by its beginning, as the end of a sentence; undefined when it is like nothing known. */
export function kindOf(head: Uint8Array): string | undefined {
  const known = SIGNATURES.find(({ at, bytes }) => latin1(head, at, bytes.length) === bytes);
  if (known) return known.kind;
  return /^\s*<(!doctype\s+html|html|\?xml)/i.test(latin1(head, 0, 256)) ? WEB_PAGE : undefined;
}

function latin1(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}
