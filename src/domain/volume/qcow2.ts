/** What the header of a qcow2 image says (docs/interop/qcow2.txt of QEMU). */
export interface Qcow2 {
  readonly version: 2 | 3;
  /** What the guest sees, bytes. */
  readonly virtualSize: number;
  readonly clusterBytes: number;
  readonly encryption: 'none' | 'AES' | 'LUKS' | 'unknown';
  /** Name of another file that it lies on. */
  readonly backingFile?: string | undefined;
  /** Name of another file that holds its data; empty when the header does not tell. */
  readonly dataFile?: string | undefined;
}

/** `QFI` and 0xfb, big-endian. */
const MAGIC = 0x51_46_49_fb;
const VERSION_2_HEADER = 72;
const VERSION_3_HEADER = 104;
/** 512 bytes to 2 MiB, as QEMU has it. */
const CLUSTER_BITS = { least: 9, most: 21 };
/** `incompatible_features` bit 2. */
const EXTERNAL_DATA = 4n;
/** Header extension: the name of the external data file. */
const DATA_FILE_NAME = 0x44_41_54_41;
/** QEMU's own limit. */
const LONGEST_NAME = 1023;

/** A header, or one sentence on why it is none. `head` is the beginning of the file, a kilobyte or more. */
export function parseQcow2(head: Uint8Array): Qcow2 | string {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < VERSION_2_HEADER || view.getUint32(0) !== MAGIC) return 'it has no qcow2 header';
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) return `its qcow2 version is ${version}, expected 2 or 3`;
  if (version === 3 && head.length < VERSION_3_HEADER) return 'its header is cut off';
  const clusterBits = view.getUint32(20);
  if (clusterBits < CLUSTER_BITS.least || clusterBits > CLUSTER_BITS.most)
    return `its header is damaged: clusters of 2^${clusterBits} bytes`;
  const size = view.getBigUint64(24);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) return `its header is damaged: a size of ${size} bytes`;
  return {
    version,
    virtualSize: Number(size),
    clusterBytes: 2 ** clusterBits,
    encryption: (['none', 'AES', 'LUKS'] as const)[view.getUint32(32)] ?? 'unknown',
    backingFile: backingFile(view),
    dataFile: version === 3 ? dataFile(view) : undefined,
  };
}

/** An offset of 0 says that there is none. */
function backingFile(view: DataView): string | undefined {
  const offset = view.getBigUint64(8);
  if (offset === 0n) return undefined;
  return textAt(view, Number(offset), Math.min(LONGEST_NAME, view.getUint32(16)));
}

function dataFile(view: DataView): string | undefined {
  const name = extension(view, DATA_FILE_NAME);
  const external = (view.getBigUint64(72) & EXTERNAL_DATA) !== 0n;
  return external ? (name ?? '') : name;
}

/** Extensions are a type and a length of 4 bytes each and data padded to 8; type 0 ends them. */
function extension(view: DataView, wanted: number): string | undefined {
  let at = view.getUint32(100);
  while (at + 8 <= view.byteLength) {
    const type = view.getUint32(at);
    const length = view.getUint32(at + 4);
    if (type === wanted) return textAt(view, at + 8, Math.min(LONGEST_NAME, length));
    if (type === 0) return undefined;
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return undefined;
}

/** As much of it as there is. */
function textAt(view: DataView, at: number, length: number): string {
  const start = Math.min(at, view.byteLength);
  const end = Math.min(at + length, view.byteLength);
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + start, end - start));
}
