import type { Hugepages } from '../../domain/node/facts.ts';
import type { Tree } from '../tree.ts';

/** A line of /proc/meminfo such as `MemAvailable:   1012345 kB`, in KiB; 0 when it is not there. */
export function meminfoKib(meminfo: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0);
}

export function hugepages(tree: Tree): Hugepages[] {
  const root = '/sys/kernel/mm/hugepages';
  return tree.list(root).flatMap(name => {
    const size = /^hugepages-(\d+)kB$/.exec(name)?.[1];
    if (size === undefined) return [];
    return [
      {
        sizeKib: Number(size),
        total: Number(tree.text(`${root}/${name}/nr_hugepages`) ?? 0),
        free: Number(tree.text(`${root}/${name}/free_hugepages`) ?? 0),
      },
    ];
  });
}
