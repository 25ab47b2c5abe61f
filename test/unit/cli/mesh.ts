import { CommanderError } from 'commander';
import { asPxenError, ERROR_KINDS } from '../../../src/base/error.ts';
import { commandLine } from '../../../src/cli/commandline.ts';
import { printError } from '../../../src/cli/output/terminal.ts';
import { screen } from './screen.ts';

/** What a command came back with. */
export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** A command as the shell would run it, under a root. */
export async function meshUnder(root: string, ...argv: readonly string[]): Promise<Ran> {
  const seen = screen({ root, columns: 60 });
  let status = 0;
  const program = commandLine(async (command, action) => {
    status = await action({ ...seen.context, json: command.optsWithGlobals()['json'] === true });
  });
  const everyone = (command: typeof program): (typeof program)[] => [
    command,
    ...command.commands.flatMap(everyone),
  ];
  for (const command of everyone(program))
    command.exitOverride().configureOutput({
      writeErr: text => {
        seen.err += text;
      },
    });
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError) return { status: 2, out: seen.out, err: seen.err };
    const error = asPxenError(thrown);
    status = ERROR_KINDS[error.code].exit;
    printError(seen.context.terminal, 'mesh', error);
  }
  return { status, out: seen.out, err: seen.err };
}
