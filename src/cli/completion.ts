import type { Argument, Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh'] as const;
export type Shell = (typeof SHELLS)[number];

/** What names stand for: the command that prints those there are, and the options that take one. Arguments are called as their kind. */
const KINDS: Readonly<Record<string, { readonly list: string; readonly option: string }>> = {
  workload: { list: 'workload list --names', option: '--workload' },
  // Every node is one, and -n takes any of them.
  host: { list: 'host list --names', option: '--node' },
  realm: { list: 'realm list --names', option: '--realm' },
  profile: { list: 'host profiles --names', option: '--profile' },
};

/** A completion script made from the command tree itself, so that it cannot fall behind. */
export function completionScript(program: Command, shell: Shell): string {
  const commands = wordsByCommand(program, [], []);
  const known = commands.map(({ path }) => `"${path}"`).filter(path => path !== '""');
  const cases = commands.map(
    ({ names, next, options, path, takes }) =>
      `    "${path}") next="${next.join(' ')}" options="${options.join(' ')}" takes=" ${takes.join(' ')} " names="${names.join(' ')}" ;;`,
  );
  const lists = Object.entries(KINDS).map(([kind, { list }]) => `    ${kind}) list=(${list}) ;;`);
  const body = [
    '_mesh() {',
    '  local path="" word last="" next="" options="" takes="" names="" kind="" current="${COMP_WORDS[COMP_CWORD]}"',
    '  local -a pxend=() list=()',
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
    // Behind the words of the command, each word that is no option nor the value of one is an argument.
    '  local rest="$path " before=""',
    '  for word in "${COMP_WORDS[@]:1:$((COMP_CWORD-1))}"; do',
    '    case "$word$takes" in',
    '      -*) before=$word ;;',
    '      *" ${before:-none}="*) before="" ;;',
    '      *)',
    '        before=""',
    '        if [ "$word" = "${rest%% *}" ]; then rest=${rest#* }',
    '        else case "$names" in *" "*) names=${names#* } ;; *...) ;; *) names="" ;; esac',
    '        fi ;;',
    '    esac',
    '  done',
    '  case "$takes" in',
    '    *" ${before:-none}="*) kind=${takes#*" $before="} ;;',
    '    *) kind=$names ;;',
    '  esac',
    '  kind=${kind%% *}',
    '  case "$current" in -*) kind="" ;; esac',
    '  case "${kind%...}" in',
    ...lists,
    `    *"|"*) COMPREPLY=($(compgen -W "\${kind//\\|/ }" -- "$current")); return ;;`,
    '    *) return ;;',
    '  esac',
    // compgen -W would run what stands in a name.
    '  while IFS= read -r word; do',
    '    case "$word" in "$current"*) COMPREPLY+=("$(printf %q "$word")") ;; esac',
    '  done < <(mesh "${pxend[@]}" "${list[@]}" 2>/dev/null)',
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
  /** The kind of each of its arguments, `-` where it has none; the last one with `...` where it may be repeated. */
  readonly names: readonly string[];
  /** `--option=kind` of each option that takes a value, or its `choice|choice`; may be empty behind the `=`. */
  readonly takes: readonly string[];
  /** Its own options and those of the commands above it. */
  readonly options: readonly string[];
}

function wordsByCommand(command: Command, path: readonly string[], inherited: readonly Option[]): Words[] {
  const own = [...inherited, ...command.options];
  const children = command.commands.map(child => child.name());
  const choices = command.registeredArguments.flatMap(argument => argument.argChoices ?? []);
  const here = {
    path: path.join(' '),
    next: [...children, ...choices],
    names: command.registeredArguments.map(argumentKind),
    takes: own.flatMap(taken),
    options: [...own.map(option => option.long ?? option.short ?? ''), '--help'],
  };
  return [here, ...command.commands.flatMap(child => wordsByCommand(child, [...path, child.name()], own))];
}

function argumentKind(argument: Argument): string {
  const kind = Object.hasOwn(KINDS, argument.name()) ? argument.name() : '-';
  return argument.variadic ? `${kind}...` : kind;
}

function taken(option: Option): readonly string[] {
  if (!option.required && !option.optional) return [];
  const kind = Object.entries(KINDS).find(([, { option: long }]) => long === option.long)?.[0];
  const value = kind ?? option.argChoices?.join('|') ?? '';
  return [option.long, option.short].flatMap(word => (word ? [`${word}=${value}`] : []));
}
