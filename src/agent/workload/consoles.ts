import { lstat, rm } from 'node:fs/promises';
import type { Clock } from '../../base/ports.ts';
import type { Launch } from '../../domain/vm/launch.ts';
import type { Machine } from '../../domain/vm/machine.ts';
import type { StateFolder } from './folder.ts';
import type { LogFile } from './logfile.ts';
import { SerialPort } from './serial-port.ts';

/** The serial port that the agent has to serve for this machine; undefined where the engine does. */
export function serialPortOf(
  { console }: Pick<Machine, 'console'>,
  { serial }: Pick<Launch, 'serial'>,
  { clock, folder, said }: { readonly clock: Clock; readonly folder: StateFolder; readonly said: LogFile },
): SerialPort | undefined {
  if (serial === 'served' || console.type === 'vnc') return undefined;
  const at = 'port' in console ? { host: '0.0.0.0', port: console.port } : { path: folder.at('serial') };
  return new SerialPort({ clock, said, at, pipe: folder.at('serialIn') });
}

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
