import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import { parseManifest } from '../../../../src/domain/manifest/parse.ts';

const root = (permissions: number) => ({ user: 'root', group: 'root', permissions });
const at = (line: number) => ({ file: 'manifest', line });

function problemsOf(text: string): string[] {
  return parseManifest(text, 'manifest').problems.map(formatDiagnostic);
}

describe('a manifest without problems', () => {
  test('gives its actions in order, each with its line', () => {
    const text = [
      '# what this machine is for',
      '',
      'O MODE=root:root:0644 SRC=/host0/files/motd TGT=/etc/motd',
      'A MODE=root:wheel:600 SRC=/host0/files/hosts TGT=/etc/hosts   # one more',
      'L SRC=/usr/share/zoneinfo/EST TGT=/etc/localtime',
      'D TGT=/mnt/data MODE=1000:100:1777\r',
      '\tR\tTGT=/etc/issue',
    ].join('\n');
    expect(parseManifest(text, 'manifest')).toEqual({
      actions: [
        { action: 'O', mode: root(0o644), source: '/host0/files/motd', target: '/etc/motd', origin: at(3) },
        {
          action: 'A',
          mode: { user: 'root', group: 'wheel', permissions: 0o600 },
          source: '/host0/files/hosts',
          target: '/etc/hosts',
          origin: at(4),
        },
        { action: 'L', source: '/usr/share/zoneinfo/EST', target: '/etc/localtime', origin: at(5) },
        {
          action: 'D',
          mode: { user: '1000', group: '100', permissions: 0o1777 },
          target: '/mnt/data',
          origin: at(6),
        },
        { action: 'R', target: '/etc/issue', origin: at(7) },
      ],
      problems: [],
    });
  });

  test.each([
    ['R TGT="/srv/my file"', '/srv/my file'],
    ['R "TGT=/srv/my file"', '/srv/my file'],
    ['R TGT=/srv/"my file"/x', '/srv/my file/x'],
    [String.raw`R TGT="/srv/say \"hi\" \\ #1"`, String.raw`/srv/say "hi" \ #1`],
    [String.raw`R TGT=/srv/back\slash`, String.raw`/srv/back\slash`],
    ['R TGT=/srv/a#b', '/srv/a#b'],
    ['R TGT=/srv/a=b', '/srv/a=b'],
    ['R TGT=/srv/übergroß/☃', '/srv/übergroß/☃'],
  ])('%s names the path %s', (line, target) => {
    expect(parseManifest(line, 'manifest')).toEqual({
      actions: [{ action: 'R', target, origin: at(1) }],
      problems: [],
    });
  });
});

describe('a problem is reported with its line, what stands there and what was expected', () => {
  const MODE = 'user:group:permissions such as root:root:0644 (permissions: 3 or 4 octal digits)';
  test.each([
    ['X TGT=/a', 'action: got "X", expected one of O, A, L, D, R'],
    ['o TGT=/a', 'action: got "o", expected one of O, A, L, D, R; did you mean O?'],
    ['remve TGT=/a', 'action: got "remve", expected one of O, A, L, D, R; did you mean R?'],
    ['R', 'TGT: is missing, expected TGT=value in R lines'],
    ['R TGT', 'TGT: got no value, expected TGT=value'],
    ['R TGT=', 'TGT: got "", expected an absolute path (one that begins with /)'],
    ['R TGT=/a TGT=/b', 'TGT: got a second value "/b", expected TGT once'],
    ['R TGT=/a MODE=root:root:644', 'field: got "MODE", expected TGT in R lines'],
    ['R TGT=/a toConstructor=1', 'field: got "toConstructor", expected TGT in R lines'],
    ['L SRC=/a TGT=/b tgt=/c', 'field: got "tgt", expected SRC, TGT in L lines; did you mean TGT?'],
    ['R TGT=etc/motd', 'TGT: got "etc/motd", expected an absolute path (one that begins with /)'],
    ['R TGT=/', 'TGT: got "/", expected a path below /'],
    ['R TGT=/a/../b', 'TGT: got "/a/../b", expected a path without ".." in it'],
    ['R TGT=/./b', 'TGT: got "/./b", expected a path without "." in it'],
    ['R TGT=/a//b', 'TGT: got "/a//b", expected a path without // and without / at its end'],
    ['R TGT=/a/', 'TGT: got "/a/", expected a path without // and without / at its end'],
    ['R TGT=/a\0b', String.raw`TGT: got "/a\u0000b", expected a path without control characters`],
    ['R TGT="/a\tb"', String.raw`TGT: got "/a\tb", expected a path without control characters`],
    [`R TGT=/${'é'.repeat(128)}`, `TGT: got "/${'é'.repeat(76)}...", expected names of at most 255 bytes`],
    [
      `R TGT=${'/abcdefg'.repeat(512)}`,
      `TGT: got "${'/abcdefg'.repeat(10).slice(0, 77)}...", expected a path of at most 4095 bytes`,
    ],
    ['R TGT="/a', 'line: got a quote that does not end, expected a closing " on this line'],
    [
      String.raw`R TGT="/a\n"`,
      String.raw`line: got "\\n", expected only \" and \\ after a backslash inside quotes`,
    ],
    ['D TGT=/a MODE=root:0644', `MODE: got "root:0644", expected ${MODE}`],
    ['D TGT=/a MODE=root:root:0888', `MODE: got "root:root:0888", expected ${MODE}`],
    ['D TGT=/a MODE=root:root:64', `MODE: got "root:root:64", expected ${MODE}`],
    ['D TGT=/a MODE=root:root:06444', `MODE: got "root:root:06444", expected ${MODE}`],
    ['D TGT=/a MODE=ro/ot:root:0644', `MODE: got "ro/ot:root:0644", expected ${MODE}`],
    ['D TGT=/a MODE=4294967295:0:0644', `MODE: got "4294967295:0:0644", expected ${MODE}`],
    ['D TGT=/a MODE=:root:0644', `MODE: got ":root:0644", expected ${MODE}`],
  ])('%s', (line, problem) => {
    expect(problemsOf(`# first line\n${line}`)).toEqual([`manifest:2: ${problem}`]);
  });

  test('all problems of a file are reported at once, and the good lines are still read', () => {
    const text = 'O MODE=x SRC=y\nR TGT=/ok\nQ\nL TGT=/a/../b SRC=b';
    expect(problemsOf(text)).toEqual([
      'manifest:1: TGT: is missing, expected TGT=value in O lines',
      `manifest:1: MODE: got "x", expected ${MODE}`,
      'manifest:1: SRC: got "y", expected an absolute path (one that begins with /)',
      'manifest:3: action: got "Q", expected one of O, A, L, D, R',
      'manifest:4: SRC: got "b", expected an absolute path (one that begins with /)',
      'manifest:4: TGT: got "/a/../b", expected a path without ".." in it',
    ]);
    expect(parseManifest(text, 'manifest').actions).toEqual([{ action: 'R', target: '/ok', origin: at(2) }]);
  });
});
