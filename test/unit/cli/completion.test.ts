import { execFileSync } from 'node:child_process';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { commandLine } from '../../../src/cli/commandline.ts';
import { completionScript } from '../../../src/cli/completion.ts';

const mesh = commandLine(async () => {});
const script = completionScript(mesh, 'bash');

/** What a real bash offers at the end of these words; the first may be what it runs before. */
function offered(...given: string[]): string[] {
  const [before = '', words] = given[0] === 'mesh' ? ['', given] : [given[0], given.slice(1)];
  const program = `${script}\n${before}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mesh; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', program, 'bash', ...words], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);
}

describe('bash completes', () => {
  test.each([
    [
      ['mesh', ''],
      [
        ...['system', 'overlay', 'node', 'workload', 'iso', 'engine', 'host', 'realm', 'cost', 'plan'],
        ...['place', 'completion'],
      ],
    ],
    [['mesh', 'no'], ['node']],
    [
      ['mesh', 'node', ''],
      ['info', 'trace', 'pcap', 'adopt', 'forget', 'ctl'],
    ],
    [
      ['mesh', 'node', 'ctl', '--t'],
      ['--token-file', '--timeout'],
    ],
    [['mesh', 'node', 'ctl', '-n', '91d5815f', '--ti'], ['--timeout']],
    [['mesh', '--root', '/tmp/lab', 'node', 'i'], ['info']],
    [['mesh', 'node', 'info', '--js'], ['--json']],
    [
      ['mesh', 'completion', ''],
      ['bash', 'zsh'],
    ],
    [['mesh', 'overlay', 'build', 'rack1-07', '-o', ''], []],
    [['mesh', 'nonsense', 'nod'], ['node']],
  ])('%j with %j', (words, words2) => expect(offered(...words)).toEqual(words2));
});

describe('workloads complete', () => {
  /** The program stands for a mesh that knows some, and says how it was asked. */
  const MESH = `mesh() { printf '%s\\n' web-1 web-2 'a b$(touch /tmp/pwned)' "$*"; }`;
  const names = (...words: string[]): string[] => offered(MESH, ...words);

  test.each<[string[], string[]]>([
    [
      ['mesh', 'workload', 'start', '-w', 'we'],
      ['web-1', 'web-2'],
    ],
    [['mesh', 'workload', 'console', '--workload', 'web-2'], ['web-2']],
    [
      ['mesh', 'workload', 'stop', 'w'],
      ['web-1', 'web-2', 'workload\\ list\\ --names'],
    ],
    [
      ['mesh', 'workload', 'stop', '-w', 'web-1', 'web-2', 'we'],
      ['web-1', 'web-2'],
    ],
    // What stands in a name is never run, and inserted so that it is not run later.
    [['mesh', 'workload', 'logs', 'a'], ['a\\ b\\$\\(touch\\ /tmp/pwned\\)']],
    [
      ['mesh', '--root', '/tmp/lab', 'workload', 'logs', '--r'],
      ['--root', '--raw'],
    ],
    [
      ['mesh', '--root', '/x', '--server', 'http://h', 'workload', 'start', '--token-file', 't', 'w'],
      ['web-1', 'web-2'],
    ],
    [['mesh', 'workload', 'stop', '-t', 'w'], []],
    [['mesh', 'workload', 'balloon', 'w'], []],
    [['mesh', 'workload', 'replace', '--vo'], ['--volume']],
    [
      ['mesh', 'workload', 'replace', '--volume', '1', '-w', 'we'],
      ['web-1', 'web-2'],
    ],
    [['mesh', 'workload', 'validate', 'w'], []],
    [
      ['mesh', 'workload', 'sta'],
      ['start', 'status'],
    ],
  ])('%j with %j', (words, words2) => expect(names(...words).sort()).toEqual(words2.sort()));

  test('from the appliance that the line names', () => {
    const words = [
      'mesh',
      '--root',
      '/x',
      '--server',
      'http://h',
      'workload',
      'start',
      '--token-file',
      't',
      '-w',
      '-',
    ];
    expect(names(...words.slice(0, -1), '')).toContain(
      '--root\\ /x\\ --server\\ http://h\\ --token-file\\ t\\ workload\\ list\\ --names',
    );
  });
});

describe('names complete where they may stand', () => {
  /** A mesh with one name of each kind: `a-workload`, `a-host` and so on. */
  const MESH = `mesh() { case "$*" in
    *'workload list --names') echo a-workload ;;
    *'host list --names') echo a-host ;;
    *'realm list --names') echo a-realm ;;
    *'host profiles --names') echo a-profile ;;
  esac; }`;

  test.each<[string, string[]]>([
    ['host info', ['a-host']],
    ['host set-state', ['a-host']],
    ['host set-state a-host', []],
    ['host set-profile a-host', ['a-profile']],
    ['host set-profile a-host a-profile', []],
    ['host set a-host --realm', ['a-realm']],
    ['host set --group g', ['a-host']],
    ['host add', []],
    ['host add kvm1 --uri qemu:///system --profile', ['a-profile']],
    ['host set a-host --state', ['enabled', 'no-scheduling', 'disabled']],
    ['workload render --accel', ['kvm', 'auto', 'tcg']],
    ['host drain --wait', ['a-host']],
    ['workload guest ping', ['a-workload']],
    ['workload guest exec -w', ['a-workload']],
    ['workload guest exec -w a-workload', []],
    ['workload guest write', []],
    ['realm pools', ['a-realm']],
    ['realm pools --path', []],
    ['realm pools --path realm', ['a-realm']],
    ['plan -w', ['a-workload']],
    ['plan', []],
    ['cost explain', ['a-workload']],
    ['host info a-host', []],
    ['cost explain -w a-workload -n', ['a-host']],
    ['workload start -n', ['a-host']],
    ['--root /x workload start --node', ['a-host']],
    ['workload stop --now', ['a-workload']],
    ['workload stop -t', []],
    ['workload stop -t 5', ['a-workload']],
    ['workload stop a-workload', ['a-workload']],
  ])('mesh %s', (words, expected) =>
    expect(offered(MESH, 'mesh', ...words.split(' '), '')).toEqual(expected),
  );
});

function everyCommand(command: Command, path: readonly string[]): [readonly string[], Command][] {
  return [
    [path, command],
    ...command.commands.flatMap(child => everyCommand(child, [...path, child.name()])),
  ];
}

test.each(
  everyCommand(mesh, []).map(([path, command]) => [['mesh', ...path].join(' '), path, command] as const),
)('every command and option of "%s" is offered', (_, path, command) => {
  const options = command.options.map(option => option.long ?? '');
  expect(offered('mesh', ...path, '-')).toEqual(
    expect.arrayContaining([...options, '--root', '--json', '--help']),
  );
  expect(offered('mesh', ...path, '')).toEqual(
    expect.arrayContaining(command.commands.map(child => child.name())),
  );
});

test('zsh uses the same script, after loading what understands it', () => {
  expect(completionScript(mesh, 'zsh')).toBe(`autoload -U +X bashcompinit && bashcompinit\n${script}`);
});
