import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh'] as const;
export type Shell = (typeof SHELLS)[number];

/** A completion script made from the command tree itself, so that it cannot fall behind. */
export function completionScript(program: Command, shell: Shell): string {
  const commands = wordsByCommand(program, [], []);
  const known = commands.map(({ path }) => `"${path}"`).filter(path => path !== '""');
  const cases = commands.map(
    ({ named, next, options, path }) =>
      `    "${path}") next="${next.join(' ')}" options="${options.join(' ')}" named="${named}" ;;`,
  );
  const body = [
    '_mesh() {',
    '  local path="" word last="" next="" options="" named="" current="${COMP_WORDS[COMP_CWORD]}"',
    '  local -a pxend=()',
    // zsh takes a length without the $(( )) for a modifier.
    '  for word in "${COMP_WORDS[@]:1:$((COMP_CWORD-1))}"; do',
    '    case "$last" in --root | --server | --token-file) pxend+=("$last" "$word") ;; esac',
    '    last=$word',
    '    case "${path:+$path }$word" in',
    `      ${known.join(' | ')}) path="\${path:+$path }$word" ;;`,
    '    esac',
    '  done',
    '  case "$path" in',
    ...cases,
    '  esac',
    // With neither, COMPREPLY stays empty and -o default completes file names.
    '  case "$current" in -*) next=$options ;; esac',
    '  COMPREPLY=($(compgen -W "$next" -- "$current"))',
    '  case "$named $last $current" in',
    // What -w takes, and the words behind a command; but not the value of another option, nor an option.
    '    "workload "*" -"*) ;;',
    '    "workload -w "* | "workload --workload "* | "workload "[!-]*)',
    // compgen -W would run what stands in a name.
    '      while IFS= read -r word; do',
    '        case "$word" in "$current"*) COMPREPLY+=("$(printf %q "$word")") ;; esac',
    '      done < <(mesh "${pxend[@]}" workload list --names 2>/dev/null) ;;',
    '  esac',
    '}',
    'complete -o default -F _mesh mesh',
  ];
  return (shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit', ...body] : body).join('\n');
}

interface Words {
  /** The command's names, separated by spaces; empty for the program itself. */
  readonly path: string;
  /** Commands below it, or the values that its argument may have. */
  readonly next: readonly string[];
  /** What its -w names: `workload`, or empty. */
  readonly named: string;
  /** Its own options and those of the commands above it. */
  readonly options: readonly string[];
}

function wordsByCommand(command: Command, path: readonly string[], inherited: readonly string[]): Words[] {
  const own = [...inherited, ...command.options.map(option => option.long ?? option.short ?? '')];
  const children = command.commands.map(child => child.name());
  const choices = command.registeredArguments.flatMap(argument => argument.argChoices ?? []);
  const here = {
    path: path.join(' '),
    next: [...children, ...choices],
    named: command.options.some(option => option.long === '--workload') ? 'workload' : '',
    options: [...own, '--help'],
  };
  return [here, ...command.commands.flatMap(child => wordsByCommand(child, [...path, child.name()], own))];
}
