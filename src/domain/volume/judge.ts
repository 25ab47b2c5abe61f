import { quote } from '../../base/diagnostic.ts';
import type { Volume } from '../workload/workload.ts';
import { COMPRESSED, ISO_9660, kindOf, QCOW2, RAW_DISK, WEB_PAGE } from './content.ts';
import { parseQcow2, type Qcow2 } from './qcow2.ts';

/**
 * Why a file can be no volume of this type, as the end of a sentence that begins with its name; undefined when it can.
 * `head` is its beginning, HEAD_BYTES of it. A raw disk may hold anything, but what is surely meant for another format.
 */
export function judgeContent(
  type: Volume['type'],
  head: Uint8Array,
  format?: Volume['format'],
): string | undefined {
  if (head.length === 0) return 'is empty';
  const kind = kindOf(head);
  if (type === 'qcow2' && format === 'raw')
    return kind === QCOW2
      ? 'is a qcow2 image and no raw disk; convert it: qemu-img convert -O raw OLD NEW, or name it as source'
      : undefined;
  if (type === 'iso') return kind === QCOW2 ? 'is a qcow2 image and no ISO; its type is qcow2' : undefined;
  if (kind !== QCOW2) return `is no qcow2 image${likeness(kind)}`;
  const image = parseQcow2(head);
  return typeof image === 'string' ? `is no good qcow2 image: ${image}` : judgeImage(image);
}

/**
 * What becomes of a file that was fetched for a volume of this type: it is taken as it is, a qcow2 image is made a raw
 * disk, or nothing, and why not.
 */
export function judgeSource(
  { format, type }: Pick<Volume, 'format' | 'type'>,
  head: Uint8Array,
): 'take' | 'convert' | { readonly refused: string } {
  const converts = type === 'qcow2' && format === 'raw' && kindOf(head) === QCOW2;
  const refused = judgeContent(type, head, converts ? 'qcow2' : format);
  if (refused !== undefined) return { refused };
  return converts ? 'convert' : 'take';
}

/** A file that another one named could be any file of the node: with it a guest could read what is not for it. */
function judgeImage({ backingFile, dataFile, encryption }: Qcow2): string | undefined {
  if (backingFile !== undefined)
    return `needs another file, its backing file ${quote(backingFile)}; make it whole: qemu-img convert -O qcow2 OLD NEW`;
  if (dataFile !== undefined)
    return `needs another file, its data file ${quote(dataFile)}; make it whole: qemu-img convert -O qcow2 OLD NEW`;
  if (encryption !== 'none') return `is encrypted (${encryption}), and there is no key for it here`;
  return undefined;
}

function likeness(kind: string | undefined): string {
  if (kind === undefined) return ', and like nothing that is known here (a raw disk image?)';
  return `, it looks like ${kind}${adviceFor(kind)}`;
}

function adviceFor(kind: string): string {
  if (kind === ISO_9660) return '; its type is iso';
  if (kind === WEB_PAGE) return '; does the URL lead to a page about it?';
  if (kind.startsWith(COMPRESSED)) return '; unpack it first';
  return kind === RAW_DISK || kind.endsWith('image') ? '; convert it: qemu-img convert -O qcow2 OLD NEW' : '';
}
