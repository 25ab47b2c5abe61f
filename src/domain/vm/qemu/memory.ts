import { formatMemory } from '../../workload/values.ts';
import type { Machine } from '../machine.ts';
import { escaped } from './option.ts';

/** Ids of a file have no dots, so nothing in it can be called so. */
const BACKEND = 'pxen.ram';
/** QEMU rounds memory up to this (ALIGN of ram_size_check), and wants a backend of the very same size. */
const STEP = 8192;

/** What the options of `-machine` say of it. */
export function memoryOfBoard({ hugepages, workload: { memory } }: Machine): string {
  const backend = hasBackend({ hugepages, memory }) ? `,memory-backend=${BACKEND}` : '';
  return memory.dump === false ? `,dump-guest-core=off${backend}` : backend;
}

/**
 * MH-6. Without prealloc a guest whose huge pages somebody else took in the meantime would die by SIGBUS in the middle of
 * its work; so QEMU does not start. memfd: shared memory that needs no file system.
 */
export function memory({ hugepages, workload: { memory } }: Machine): string[] {
  const size = ['-m', formatMemory(memory.bytes)];
  if (!hasBackend({ hugepages, memory })) return size;
  const share = memory.share ? 'on' : 'off';
  const bytes = Math.ceil(memory.bytes / STEP) * STEP;
  const kind =
    hugepages === undefined
      ? `memory-backend-memfd,id=${BACKEND},size=${bytes},share=${share}`
      : `memory-backend-file,id=${BACKEND},size=${bytes},mem-path=${escaped(hugepages)},share=${share},prealloc=on`;
  return [...size, '-object', kind];
}

function hasBackend({
  hugepages,
  memory,
}: Pick<Machine, 'hugepages'> & Pick<Machine['workload'], 'memory'>): boolean {
  return hugepages !== undefined || memory.share === true;
}
