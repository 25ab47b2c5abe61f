import { quote } from '../../../base/diagnostic.ts';
import type { DraftProblem } from '../draft.ts';
import { MAX_FOREIGN } from '../foreign-json.ts';
import { shellWords } from '../shell-words.ts';
import { DEVICES, type DeviceKind, type MachineWord } from './given.ts';

/** Options with one value for the machine as a whole. */
export const WORDS: Readonly<Record<string, MachineWord>> = {
  '-name': 'name',
  '-kernel': 'kernel',
  '-initrd': 'initrd',
  '-append': 'append',
  '-mem-path': 'hugepages',
};
/** Options whose first field may do without its name (SV-8, SV-10). */
export const PARTED: Readonly<Record<string, Readonly<Record<string, MachineWord>>>> = {
  '-machine': { type: 'type', 'dump-guest-core': 'dump', 'mem-share': 'share' },
  '-smp': { cpus: 'vcpus' },
  '-m': { size: 'memory' },
};
export const DEVICE_OPTIONS: ReadonlyMap<string, DeviceKind> = new Map(
  Object.entries(DEVICES).map(([kind, { cli }]) => [cli, kind as DeviceKind]),
);
/** What pxen does in its own way, and what it has to say to that. */
export const OWN: Readonly<Record<string, string>> = {
  '-D': 'pxen keeps what the engine says in output.log of the state folder',
  '-pidfile': 'pxen knows the process that it started',
  '-daemonize': 'pxen starts the engine itself',
  '-disable-seccomp': 'pxen leaves seccomp on',
};
export const KNOWN = [
  ...Object.keys(WORDS),
  ...Object.keys(PARTED),
  ...DEVICE_OPTIONS.keys(),
  ...Object.keys(OWN),
  ...['-api-channel', '-serial', '-omit_vm_memory', '-S', '-freeze', '-config'],
];

/** An option with the words behind it. */
export interface Option {
  readonly name: string;
  readonly values: readonly string[];
}

/** The options of a command line with their words. Undefined, with the problem told, when it cannot be taken apart. */
export function optionsOf(text: string, problems: DraftProblem[]): Option[] | undefined {
  if (text.length > MAX_FOREIGN) {
    problems.push({ key: 'file', got: 'a longer file', expected: `at most ${MAX_FOREIGN} characters` });
    return undefined;
  }
  const read = shellWords(text);
  if ('problem' in read) {
    problems.push({ key: 'file', got: quote(text), expected: `a command line; ${read.problem}` });
    return undefined;
  }
  // A prompt, and the program itself.
  const [first, second] = read.words;
  const skipped = first === '$' ? 1 : 0;
  const program = skipped === 1 ? second : first;
  const words = read.words.slice(program?.startsWith('-') ? skipped : skipped + 1);
  return grouped(words, problems);
}

/** Kernel arguments may begin with a hyphen: only known options end those of `-append`. */
function grouped(words: readonly string[], problems: DraftProblem[]): Option[] {
  const options: { name: string; values: string[] }[] = [];
  for (const word of words) {
    const last = options.at(-1);
    const isOption = KNOWN.includes(word) || (word.startsWith('-') && last?.name !== '-append');
    if (isOption) options.push({ name: word, values: [] });
    else if (last) last.values.push(word);
    else problems.push({ key: 'command', got: quote(word), expected: 'an option' });
  }
  return options;
}
