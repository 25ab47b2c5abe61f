import type { Hugepages } from '../../domain/node/facts.ts';
import type { Tree } from '../tree.ts';

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
