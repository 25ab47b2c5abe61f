import { type Command, CommanderError } from 'commander';
import { asPxenError, ERROR_KINDS, type PxenError } from '../base/error.ts';
import { commandLine } from './commandline.ts';
import { printError, systemTerminal } from './output/terminal.ts';

/** Parses, runs, and returns the exit status. Never throws. */
async function main(argv: readonly string[]): Promise<number> {
  const terminal = systemTerminal();
  let status = 0;
  const mesh = commandLine(async (command, action) => {
    const options = command.optsWithGlobals<{ root: string; json?: boolean }>();
    status = await action({ terminal, root: options.root, json: options.json === true, now: Date.now });
  });
  for (const command of everyCommand(mesh))
    command.exitOverride().configureOutput({ outputError: text => terminal.warn(text.trimEnd()) });
  try {
    await mesh.parseAsync(argv, { from: 'user' });
    return status;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : ERROR_KINDS.USAGE.exit;
    const error = asPxenError(thrown);
    report(error, terminal, argv.includes('--json'));
    return ERROR_KINDS[error.code].exit;
  }
}

function report(error: PxenError, terminal: ReturnType<typeof systemTerminal>, json: boolean): void {
  if (json) terminal.json({ error: { code: error.code, message: error.message, details: error.details } });
  else printError(terminal, 'mesh', error);
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

process.stdout.on('error', () => process.exit(0));
process.exitCode = await main(process.argv.slice(2));
