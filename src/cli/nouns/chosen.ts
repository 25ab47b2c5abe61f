import type { Command } from 'commander';

/** What the options of `chosen` come to. */
export interface Chosen {
  readonly workload?: readonly string[];
  readonly node?: string;
}

/** What `-n` means to a command that chooses no place. */
export const ONLY = 'only those on this node or host: name, machine id or MAC address';

/** The words that say which workloads are meant; `-n` where a node can be said too. */
export function chosen(command: Command, node?: string): Command {
  named(command).argument('[workload...]', 'names or uuids');
  return node === undefined ? command : command.option('-n, --node <node>', node);
}

/** `-w` alone, for commands whose arguments are something else. */
export function named(command: Command): Command {
  return command.option(
    '-w, --workload <name>',
    'name or uuid, a pattern with * and ?, several separated by commas, or ALL',
    (text: string, before: readonly string[] = []) => [...before, text],
  );
}

/** The words that were given, wherever they stand. */
export function pickedBy(
  names: readonly string[],
  { node, workload = [] }: Chosen,
): { workloads: readonly string[]; node: string | undefined } {
  return { workloads: [...names, ...workload], node };
}
