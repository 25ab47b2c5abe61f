import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { VERSION } from '../base/version.ts';
import { nodeCtl, nodeInfo } from './commands/node.ts';
import { overlayBuild, overlayShow } from './commands/overlay.ts';
import { systemConfigure } from './commands/system.ts';
import { completionScript, SHELLS, type Shell } from './completion.ts';
import type { Context } from './context.ts';

/** What a command comes back with: its exit status. */
export type Action = (context: Context) => Promise<number>;

/** The command line as a tree; `run` gets what was chosen. Each command's module is one verb. */
export function commandLine(run: (command: Command, action: Action) => Promise<void>): Command {
  const mesh = new Command('mesh')
    .description(
      'Control a pxen netboot appliance: the machines it boots, their overlays, commands on nodes.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .addOption(rootOption())
    .option('--json', 'print JSON instead of text')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(mesh --help lists the commands)');

  const system = mesh.command('system').description('the appliance as a whole');
  system
    .command('configure')
    .description('compile /host0/machines and /host0/groups into overlays; nodes get them at their next boot')
    .option('--check', 'only judge the files: nothing is written')
    .addHelpText('after', examples('mesh system configure', 'mesh system configure --check && git push'))
    .action((options: { check?: boolean }, command: Command) =>
      run(command, context => systemConfigure(context, { check: options.check === true })),
    );

  const overlay = mesh.command('overlay').description('what a machine gets laid over its root');
  overlay
    .command('build')
    .description("write a machine's overlay to a file, as the machine would get it")
    .addArgument(machineArgument())
    .requiredOption('-o, --output <file>', 'file to write, - for standard output')
    .addHelpText(
      'after',
      examples(
        'mesh overlay build rack1-07 -o rack1-07.apkovl.tar.gz',
        'mesh overlay build default -o - | tar tzv',
      ),
    )
    .action((name: string, options: { output: string }, command: Command) =>
      run(command, context => overlayBuild(context, name, options.output)),
    );
  overlay
    .command('show')
    .description('list every entry of an overlay with the manifest line that it comes from')
    .addArgument(machineArgument())
    .addHelpText('after', examples('mesh overlay show rack1-07', 'mesh overlay show default --json'))
    .action((name: string, _options: object, command: Command) =>
      run(command, context => overlayShow(context, name)),
    );

  const node = mesh.command('node').description('the machines that have been seen');
  node
    .command('info')
    .description('list the nodes, or show one in full')
    .argument('[node]', 'machine id or name')
    .addHelpText(
      'after',
      examples('mesh node info', 'mesh node info 91d5815f', 'mesh node info --json | jq .nodes[].state'),
    )
    .action((name: string | undefined, _options: object, command: Command) =>
      run(command, context => nodeInfo(context, name)),
    );
  node
    .command('ctl')
    .description('run a shell command on nodes over SSH, as root')
    .argument('<command...>', 'the command; quote it, or put -- before it')
    .requiredOption('-n, --node <node>', 'machine id or name, several separated by commas, or ALL')
    .option('-t, --timeout <seconds>', 'time limit for each node', seconds, 60)
    .addHelpText(
      'after',
      examples('mesh node ctl -n 91d5815f "uname -a"', 'mesh node ctl -n ALL -t 5 -- uptime'),
    )
    .action((words: string[], options: { node: string; timeout: number }, command: Command) =>
      run(command, context => nodeCtl(context, words.join(' '), options)),
    );

  mesh
    .command('completion')
    .description('print the tab completion of a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText('after', examples('mesh completion bash > /etc/bash_completion.d/mesh'))
    .action((shell: Shell, _options: object, command: Command) =>
      run(command, async context => {
        context.terminal.print(completionScript(mesh, shell));
        return 0;
      }),
    );
  return mesh;
}

function rootOption(): Option {
  return new Option('--root <dir>', 'folder that the appliance hangs under').default('/').env('PXEN_ROOT');
}

function machineArgument(): Argument {
  return new Argument('<machine>', 'folder name under /host0/machines, machine id, or default');
}

function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map(line => `  ${line}`).join('\n')}`;
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0 && value <= 86_400) return value;
  throw new InvalidArgumentError('expected seconds, more than 0 and at most 86400.');
}
