import type { Command } from 'commander';
import { nodeAdopt } from '../commands/adopt.ts';
import { nodeForget } from '../commands/forget.ts';
import { nodeCtl, nodeInfo } from '../commands/node.ts';
import { nodePcap } from '../commands/pcap.ts';
import { nodeTrace } from '../commands/trace.ts';
import { examples, type Run, seconds, wholeNumber } from './noun.ts';

/** `mesh node`: the machines that have been seen. */
export function addNode(mesh: Command, run: Run): void {
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
    .command('forget')
    .description('drop all that is known of a machine that is gone for good; its folder under /host0 stays')
    .argument('<node>', 'machine id, name or MAC address')
    .addHelpText('after', examples('mesh node forget 91d5815f'))
    .action((name: string, _options: object, command: Command) =>
      run(command, context => nodeForget(context, name)),
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
}
