import { expect, test } from 'vitest';
import type { Tree } from '../../../../src/agent/tree.ts';
import { hugePages } from '../../../../src/agent/workload/hugepages.ts';

function treeOf(files: Readonly<Record<string, string>>): Tree {
  return {
    text: path => files[path],
    list: () => [],
    exists: path => path in files,
    link: () => undefined,
    head: () => undefined,
  };
}

test('every mount of a hugetlbfs has its page size and its free pages', () => {
  const mounts = [
    'tmpfs /tmp tmpfs rw,pagesize=2M 0 0',
    'hugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0',
    'none /mnt/a\\040b hugetlbfs rw,pagesize=1024M,size=2G 0 0',
    'none /mnt/small hugetlbfs rw,pagesize=64K 0 0',
    'none /mnt/old hugetlbfs rw,relatime 0 0',
  ].join('\n');
  const tree = treeOf({
    '/proc/self/mounts': mounts,
    '/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages': '17',
    '/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages': '2',
  });
  expect(hugePages(tree)).toEqual([
    { path: '/dev/hugepages', pageKiB: 2048, free: 17 },
    { path: '/mnt/a b', pageKiB: 1_048_576, free: 2 },
    { path: '/mnt/small', pageKiB: 64, free: 0 },
  ]);
});

test('a node that tells of no mounts has none', () => {
  expect(hugePages(treeOf({}))).toEqual([]);
});
