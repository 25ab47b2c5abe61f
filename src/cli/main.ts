import { type Command, CommanderError } from 'commander';
import { asPxenError, ERROR_KINDS, PxenError } from '../base/error.ts';
import { commandLine } from './commandline.ts';
import { printError, systemTerminal } from './output/terminal.ts';

interface GlobalOptions {
  readonly root: string;
  readonly json?: boolean;
  readonly server?: string;
  readonly tokenFile?: string;
}

/** Parses, runs, and returns the exit status. Never throws. */
async function main(argv: readonly string[]): Promise<number> {
  const terminal = systemTerminal();
  let status = 0;
  const mesh = commandLine(async (command, action) => {
    const { root, json, server: url, tokenFile } = command.optsWithGlobals<GlobalOptions>();
    const server = url === undefined ? undefined : { url, tokenFile };
    status = await action({ terminal, root, json: json === true, now: Date.now, server });
  });
  for (const command of everyCommand(mesh))
    command
      .exitOverride()
      .configureOutput({ outputError: text => terminal.warn(text.trimEnd().replace(/^error: /, 'mesh: ')) });
  try {
    await mesh.parseAsync(argv, { from: 'user' });
    return status;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    const error = thrown instanceof CommanderError ? usageError(thrown) : asPxenError(thrown);
    const json = beforeDashes(argv).includes('--json');
    // Commander has already said what is wrong with the words of a command, with a hint.
    if (json || !(thrown instanceof CommanderError)) report(error, terminal, json);
    return ERROR_KINDS[error.code].exit;
  }
}

function usageError(error: CommanderError): PxenError {
  const message = error.code === 'commander.help' ? 'a command is missing' : error.message;
  return new PxenError('USAGE', message.replace(/^error: /, '').replaceAll('\n', ' '), { cause: error });
}

/** What stands behind -- belongs to a command on a node. */
function beforeDashes(argv: readonly string[]): readonly string[] {
  return argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
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
