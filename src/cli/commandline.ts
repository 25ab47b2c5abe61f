import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { VERSION } from '../base/version.ts';
import { nodeAdopt } from './commands/adopt.ts';
import { overlayDiff } from './commands/diff.ts';
import { systemDoctor } from './commands/doctor.ts';
import { nodeCtl, nodeInfo } from './commands/node.ts';
import { overlayBuild, overlayShow } from './commands/overlay.ts';
import { nodePcap } from './commands/pcap.ts';
import { systemStatus } from './commands/status.ts';
import { systemConfigure } from './commands/system.ts';
import { systemToken } from './commands/token.ts';
import { nodeTrace } from './commands/trace.ts';
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
    .addOption(new Option('--server <url>', 'ask the pxend of another machine').env('PXEN_SERVER'))
    .addOption(new Option('--token-file <file>', 'its API token, for --server').env('PXEN_TOKEN_FILE'))
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

  system
    .command('token')
    .description('print the API token, with which mesh works from other machines')
    .option('--rotate', 'make a new one; the old one is good no more')
    .addHelpText(
      'after',
      examples(
        'mesh system token > token && chmod 600 token',
        'mesh --server http://host0 --token-file token node info',
      ),
    )
    .action((options: { rotate?: boolean }, command: Command) =>
      run(command, context => systemToken(context, { rotate: options.rotate === true })),
    );
  system
    .command('status')
    .description('what this appliance is doing: addresses, leases, nodes, overlays, problems')
    .addHelpText('after', examples('mesh system status', 'mesh system status --json | jq .leases'))
    .action((_options: object, command: Command) => run(command, context => systemStatus(context)));
  system
    .command('doctor')
    .description('check this computer and its network for what keeps machines from booting')
    .addHelpText('after', examples('mesh system doctor', 'mesh --root /tmp/lab system doctor'))
    .action((_options: object, command: Command) => run(command, context => systemDoctor(context)));

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

  overlay
    .command('diff')
    .description(
      'show what would change on a node at its next boot; exit status 0: nothing, 1: something, 2: trouble',
    )
    .argument('<node>', 'machine id or name')
    .addHelpText('after', examples('mesh overlay diff rack1-07', 'mesh overlay diff 91d5815f --json'))
    .action((name: string, _options: object, command: Command) =>
      run(command, context => overlayDiff(context, name)),
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
    .command('trace')
    .description('show a boot step by step, with times, sizes and packets sent again, and why it stopped')
    .argument('<node>', 'machine id, name or MAC address')
    .option('-f, --follow', 'print the steps as they come, until the agent reports')
    .option('-b, --boot <n>', 'which boot: 1 is the last, 2 the one before', wholeNumber, 1)
    .addHelpText(
      'after',
      examples(
        'mesh node trace 91d5815f',
        'mesh node trace rack1-07 --boot 2',
        'mesh node trace 52:54:00:77:00:01 --follow',
      ),
    )
    .action((name: string, options: { follow?: boolean; boot: number }, command: Command) =>
      run(command, context =>
        nodeTrace(context, name, { follow: options.follow === true, boot: options.boot }),
      ),
    );
  node
    .command('pcap')
    .description("write the machine's last boot, as pxend saw it, to a file for Wireshark or tcpdump")
    .argument('<node>', 'machine id, name or MAC address')
    .requiredOption('-o, --output <file>', 'pcapng file to write, - for standard output')
    .addHelpText(
      'after',
      examples(
        'mesh node pcap rack1-07 -o rack1-07.pcapng',
        'mesh node pcap 91d5815f -o - | tcpdump -n -r -',
      ),
    )
    .action((name: string, options: { output: string }, command: Command) =>
      run(command, context => nodePcap(context, name, options.output)),
    );
  node
    .command('adopt')
    .description('give a machine that runs the default overlay a folder of its own under /host0/machines')
    .argument('<id>', 'machine id')
    .requiredOption('--name <name>', 'name of the folder and of the machine')
    .option('--groups <groups>', 'groups it is in, separated by commas', '')
    .option('--force', 'also a machine that has never been seen')
    .addHelpText(
      'after',
      examples(
        'mesh node adopt 91d5815f --name rack1-07',
        'mesh node adopt 91d5815f --name rack1-07 --groups slurm,web',
      ),
    )
    .action((id: string, options: { name: string; groups: string; force?: boolean }, command: Command) =>
      run(command, context => nodeAdopt(context, id, { ...options, force: options.force === true })),
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

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a whole number from 1.');
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0 && value <= 86_400) return value;
  throw new InvalidArgumentError('expected seconds, more than 0 and at most 86400.');
}
