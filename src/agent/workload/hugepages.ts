import type { HugePages } from '../../domain/workload/facts.ts';
import type { Tree } from '../tree.ts';

const POOLS = '/sys/kernel/mm/hugepages';
const KIB: Readonly<Record<string, number>> = { K: 1, M: 1024, G: 1024 ** 2 };

/** Where a hugetlbfs is mounted, see proc_pid_mounts(5) and hugetlbpage.rst of Linux. */
export function hugePages(tree: Tree): HugePages[] {
  const lines = tree.text('/proc/self/mounts')?.split('\n') ?? [];
  return lines.flatMap(line => {
    const [, path = '', type, options = ''] = line.split(' ');
    // Without the option, which old kernels do not show, nobody knows the size of a page.
    const [, digits = '', unit = ''] = /(?:^|,)pagesize=(\d+)([KMG])(?:,|$)/.exec(options) ?? [];
    if (type !== 'hugetlbfs' || digits === '') return [];
    const pageKiB = Number(digits) * (KIB[unit] ?? 1);
    const free = Number(tree.text(`${POOLS}/hugepages-${pageKiB}kB/free_hugepages`) ?? 0);
    return [{ path: unescaped(path), pageKiB, free }];
  });
}

/** Blanks and the like stand there as `\040`. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
