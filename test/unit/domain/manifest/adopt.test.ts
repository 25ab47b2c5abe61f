import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import { adoptionFiles, adoptionProblems } from '../../../../src/domain/manifest/adopt.ts';

const id = '91d5815f' as MachineId;
const there = {
  machines: [
    { folder: 'rack1-01', owner: '11111111' as MachineId },
    { folder: 'broken', owner: undefined },
  ],
  groups: ['slurm', 'web'],
};
const problems = (changes: { id?: MachineId; name?: string; groups?: string[] }) =>
  adoptionProblems({ id, name: 'rack1-07', groups: [], ...changes }, there).map(formatDiagnostic);

describe('a machine is adopted', () => {
  test('under a new name, into groups that exist', () => {
    expect(problems({ groups: ['web', 'slurm'] })).toEqual([]);
  });

  test('with its id, a manifest, and its groups in order', () => {
    expect(adoptionFiles({ id, name: 'rack1-07', groups: ['web', 'slurm'] })).toEqual({
      UUID: '91d5815f\n',
      manifest: '# What rack1-07 gets on top of its groups; one action a line: O, A, L, D or R.\n',
      groups: 'web\nslurm\n',
    });
    expect(Object.keys(adoptionFiles({ id, name: 'rack1-07', groups: [] }))).toEqual(['UUID', 'manifest']);
  });
});

describe('a machine is not adopted', () => {
  test.each([
    '',
    '.git',
    'a/b',
    '../x',
    'a b',
    '-x',
    'x-',
    'default',
    'ALL',
    '91d5815f',
    'x'.repeat(65),
    'ä',
    'a\n',
  ])('under the name %j', name => {
    expect(problems({ name })).toEqual([
      `mesh node adopt: --name: got ${JSON.stringify(name)}, expected letters, digits, dots and hyphens, such as rack1-07; no machine id, not default or all`,
    ]);
  });

  test('where a folder, its id or a group stands against it: all problems at once', () => {
    expect(
      problems({ id: '11111111' as MachineId, name: 'rack1-01', groups: ['slrum', 'web', 'web'] }),
    ).toEqual([
      '/host0/machines/rack1-01: --name: got "rack1-01", expected a name that no folder has',
      '/host0/machines/rack1-01/UUID: UUID: got "11111111", expected a machine that has no folder yet',
      'mesh node adopt: --groups: got "slrum", expected a folder of /host0/groups; did you mean slurm?',
      'mesh node adopt: --groups: got "web", expected each group once',
    ]);
  });
});
