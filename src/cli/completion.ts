import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh'] as const;
export type Shell = (typeof SHELLS)[number];

/** A completion script made from the command tree itself, so that it cannot fall behind. */
export function completionScript(program: Command, shell: Shell): string {
  const cases = wordsByCommand(program, []).map(
    ({ path, words }) => `    "${path.join(' ')}") words="${words.join(' ')}" ;;`,
  );
  const body = [
    '_mesh() {',
    '  local path="" word words=""',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "$word" in -*) ;; *) path="${path:+$path }$word" ;; esac',
    '  done',
    '  case "$path" in',
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -o default -F _mesh mesh',
  ];
  return (shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit', ...body] : body).join('\n');
}

function wordsByCommand(
  command: Command,
  path: readonly string[],
): { path: readonly string[]; words: string[] }[] {
  const children = command.commands.map(child => child.name());
  const options = [...command.options.map(option => option.long ?? option.short ?? ''), '--help'];
  const here = { path, words: [...children, ...options] };
  return [here, ...command.commands.flatMap(child => wordsByCommand(child, [...path, child.name()]))];
}
