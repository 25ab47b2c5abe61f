import { describe, expect, test } from 'vitest';
import { driveProblems } from '../../../../src/domain/placement/drives.ts';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';

const drives = { lazyAllocation: true, cache: 'default' } as const;
const GIB = 1024 ** 3;

function problems(size: string | undefined, bounds: { minSize?: number; maxSize?: number }): string[] {
  const volume = (key: string): string => `platform.volume.7.${key}`;
  const lines = [
    ...['name=a', 'uuid=u', 'platform.memory.size=1G', 'platform.cpu.threads=1'],
    ...[`${volume('type')}=qcow2`, `${volume('path')}=/v/x`],
    ...(size === undefined ? [] : [`${volume('size')}=${size}`]),
  ];
  const { lines: at, texts, workload } = parseWorkload(lines.join('\n'), 'a.conf');
  if (!workload) throw new Error('the file is bad');
  const realm = { id: 'lab', drives: { ...drives, ...bounds } };
  return driveProblems({ file: 'a.conf', workload, lines: at, texts }, realm).map(({ message }) => message);
}

describe('new drives in a realm', () => {
  test.each([
    ['1G', {}],
    ['1G', { minSize: GIB, maxSize: GIB }],
    [undefined, { minSize: GIB }],
  ])('%s fits into %o', (size, bounds) => expect(problems(size, bounds)).toEqual([]));

  test.each([
    ['1023M', { minSize: GIB }, 'at least 1073741824 bytes'],
    ['2G', { maxSize: GIB }, 'at most 1073741824 bytes'],
  ])('%s does not fit into %o', (size, bounds, expected) =>
    expect(problems(size, bounds)).toEqual([
      `a.conf:7: platform.volume.7.size: got "${size}", expected ${expected}, as the realm lab has it for new drives`,
    ]),
  );
});
