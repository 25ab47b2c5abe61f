import { lstat, rm } from 'node:fs/promises';
import type { Machine } from '../../domain/vm/machine.ts';

/**
 * Removes the sockets of virtio-consoles outside of the state folder, which a QEMU that was killed leaves behind. At the
 * start nothing was at their paths; what is no socket came later and is somebody else's.
 */
export async function removeConsoleSockets({ virtioConsoles = [] }: Machine): Promise<void> {
  for (const { path, socket } of virtioConsoles) {
    if (!path.startsWith('/')) continue;
    const found = await lstat(socket).catch(() => undefined);
    if (found?.isSocket()) await rm(socket, { force: true });
  }
}
