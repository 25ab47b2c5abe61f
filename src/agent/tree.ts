import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The files under a root, `/` on a node and a folder of fixtures in tests. What cannot be read is simply not there. */
export interface Tree {
  /** Trimmed. */
  text(path: string): string | undefined;
  /** The first bytes of a file: so many, or fewer where it has fewer. */
  head(path: string, bytes: number): Uint8Array | undefined;
  /** Names in a folder, sorted. */
  list(path: string): string[];
  exists(path: string): boolean;
  /** The last name of a symlink's target, as in `driver -> ../../bus/pci/drivers/e1000`. */
  link(path: string): string | undefined;
}

export function treeUnder(root: string): Tree {
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch {
      // Sysfs answers EINVAL or EIO for what a device cannot tell: carrier of a card that is down, for example.
      return undefined;
    }
  };
  return {
    text: path => attempt(() => readFileSync(join(root, path), 'utf8').trim()),
    head: (path, bytes) => attempt(() => headOf(join(root, path), bytes)),
    list: path => attempt(() => readdirSync(join(root, path)).sort()) ?? [],
    exists: path => attempt(() => statSync(join(root, path))) !== undefined,
    link: path => attempt(() => basename(readlinkSync(join(root, path)))),
  };
}

function headOf(path: string, bytes: number): Uint8Array {
  // Whoever reads from a pipe waits for ever.
  if (!statSync(path).isFile()) throw new Error('no file');
  const file = openSync(path, 'r');
  try {
    const head = new Uint8Array(bytes);
    return head.subarray(0, readSync(file, head, 0, bytes, 0));
  } finally {
    closeSync(file);
  }
}
