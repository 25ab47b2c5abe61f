import { execFileSync } from 'node:child_process';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { commandLine } from '../../../src/cli/commandline.ts';
import { completionScript } from '../../../src/cli/completion.ts';

const mesh = commandLine(async () => {});
const script = completionScript(mesh, 'bash');

/** What a real bash offers at the end of these words. */
function offered(...words: string[]): string[] {
  const program = `${script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mesh; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', program, 'bash', ...words], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);
}

describe('bash completes', () => {
  test.each([
    [
      ['mesh', ''],
      ['system', 'overlay', 'node', 'completion'],
    ],
    [['mesh', 'no'], ['node']],
    [
      ['mesh', 'node', ''],
      ['info', 'trace', 'pcap', 'adopt', 'ctl'],
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
