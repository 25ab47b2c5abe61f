import { formatMemory, memorySize } from './values.ts';
import type { Workload } from './workload.ts';

/** A page of the balloon (VIRTIO 1.2, 5.5.6), bytes. */
const PAGE = 4096;
/** Bytes with which a small Linux still answers. */
const LEAST = 32 << 20;

/** `512M` or `512MiB` in bytes; undefined when it is no size. */
export function guestMemory(text: string): number | undefined {
  const size = memorySize(text.replace(/iB$/, ''));
  return 'value' in size ? size.value : undefined;
}

/** What is wrong with so much memory for the guest of a workload, as it ends a sentence; undefined when nothing is. */
export function balloonFault(bytes: number, { memory }: Pick<Workload, 'memory'>): string | undefined {
  // A guest may be that small from the beginning.
  const least = Math.min(LEAST, memory.bytes);
  const most = `at most ${formatMemory(memory.bytes)}, which is its platform.memory.size`;
  if (bytes > memory.bytes) return `expected ${most}`;
  if (bytes < least) return `expected at least ${formatMemory(least)}`;
  return bytes % PAGE === 0
    ? undefined
    : `expected a multiple of ${formatMemory(PAGE)}, the page of a balloon`;
}
