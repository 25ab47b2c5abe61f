import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import { parseGroups, parseOwner, parsePackages } from '../../../../src/domain/manifest/lists.ts';

const names = (list: { listed: readonly { name: string }[] }) => list.listed.map(({ name }) => name);

describe('groups', () => {
  test('keep their order; comments and blank lines are left out', () => {
    const list = parseGroups('# roles\nslurm\n\n  web # front\r\n', 'groups', ['slurm', 'web']);
    expect(list).toEqual({
      listed: [
        { name: 'slurm', origin: { file: 'groups', line: 2 } },
        { name: 'web', origin: { file: 'groups', line: 4 } },
      ],
      problems: [],
    });
  });

  test('an unknown or repeated group is a problem at its line', () => {
    const { problems } = parseGroups('slrum\nweb\nxyz\nweb\n', 'groups', ['slurm', 'web']);
    expect(problems.map(formatDiagnostic)).toEqual([
      'groups:1: group: got "slrum", expected a folder of /host0/groups; did you mean slurm?',
      'groups:3: group: got "xyz", expected a folder of /host0/groups',
      'groups:4: group: got "web", expected each group once (it is on line 2)',
    ]);
    expect(parseGroups('slur', 'groups', ['slurm']).problems.map(formatDiagnostic)).toEqual([
      'groups:1: group: got "slur", expected a folder of /host0/groups; did you mean slurm?',
    ]);
  });
});

describe('packages', () => {
  test('are what apk takes in /etc/apk/world', () => {
    const text =
      'openssh\nnodejs>=22\ngcc=13.2.1_git20231014-r0\nso:libc.musl-x86_64.so.1\n!dropbear\nfoo@edge\ng++\nlibx~1.2\n';
    const list = parsePackages(text, 'packages');
    expect(list.problems).toEqual([]);
    expect(names(list)).toEqual(text.trim().split('\n'));
  });

  test.each(['open ssh', '-x', 'foo;reboot', 'foo>', '../foo', '$(id)'])('%s is a problem', name => {
    expect(parsePackages(`# list\n${name}\n`, 'packages').problems.map(formatDiagnostic)).toEqual([
      `packages:2: package: got "${name}", expected one apk package a line, such as openssh or nodejs>=22`,
    ]);
  });
});

describe('the UUID file', () => {
  test.each([
    ['1a2b3c4d\n', '1a2b3c4d'],
    ['1A2B3C4D', '1a2b3c4d'],
    ['  default  \n\n', 'default'],
    ['# rack 3\n00000001 # front\n', '00000001'],
  ])('%j belongs to %s', (text, owner) => {
    expect(parseOwner(text, 'UUID')).toEqual({ owner, problems: [] });
  });

  test.each([
    ['', '""'],
    ['1a2b3c4', '"1a2b3c4"'],
    ['1a2b3c4d5', '"1a2b3c4d5"'],
    ['11111111\n22222222', '"11111111 22222222"'],
    ['11223344-5566-7788-99aa-bbccddeeff00', '"11223344-5566-7788-99aa-bbccddeeff00"'],
  ])('%j is refused', (text, got) => {
    expect(parseOwner(text, 'UUID').problems.map(formatDiagnostic)).toEqual([
      `UUID: UUID: got ${got}, expected the 8 hex digits of a machine id (genid machine 8), or default`,
    ]);
  });
});
