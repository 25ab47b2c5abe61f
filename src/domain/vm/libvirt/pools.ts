import type { Machine, MachineVolume } from '../machine.ts';

/** A storage pool of libvirt that is a folder. */
export interface Pool {
  readonly name: string;
  /** Absolute, on the host of libvirt. */
  readonly path: string;
}

/** The commands that set a pool up, as the tiCrypt document has them (TC-50). */
export function poolCommands({ name, path }: Pool): string[][] {
  return [
    ['virsh', 'pool-define-as', name, 'dir', '-', '-', '-', '-', path],
    ['virsh', 'pool-build', name],
    ['virsh', 'pool-start', name],
    ['virsh', 'pool-autostart', name],
  ];
}

/** The commands that make a disk in its pool, or where it is without one. `lazy`: it takes room when it is written to. */
export function diskCommand(volume: MachineVolume, lazy: boolean): string[] | undefined {
  const { file, format = 'qcow2', pool, size } = volume;
  if (size === undefined) return undefined;
  const bytes = `${size}`;
  if (pool === undefined) {
    const preallocation = lazy ? [] : ['-o', 'preallocation=falloc'];
    return ['qemu-img', 'create', '-f', format, ...preallocation, file, bytes];
  }
  const allocation = lazy ? '0' : bytes;
  const options = ['--format', format, '--allocation', allocation];
  return ['virsh', 'vol-create-as', pool, nameIn(volume), bytes, ...options];
}

/** Everything that must be there before the domain of a machine starts. */
export function storageCommands({ volumes }: Machine): string[][] {
  const pools = new Map<string, string>();
  for (const { file, pool } of volumes)
    if (pool !== undefined && !pools.has(pool)) pools.set(pool, file.slice(0, file.lastIndexOf('/')) || '/');
  return [
    ...[...pools].flatMap(([name, path]) => poolCommands({ name, path })),
    ...volumes.flatMap(volume => {
      const command = diskCommand(volume, true);
      return command ? [command] : [];
    }),
  ];
}

function nameIn({ file }: MachineVolume): string {
  return file.slice(file.lastIndexOf('/') + 1);
}
