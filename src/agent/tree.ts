import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The files under a root, `/` on a node and a folder of fixtures in tests. What cannot be read is simply not there. */
export interface Tree {
  /** Trimmed. */
  text(path: string): string | undefined;
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
    list: path => attempt(() => readdirSync(join(root, path)).sort()) ?? [],
    exists: path => attempt(() => statSync(join(root, path))) !== undefined,
    link: path => attempt(() => basename(readlinkSync(join(root, path)))),
  };
}
