import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Verb } from '../../api/agent.ts';
import { EXPORT_DEFAULTS } from '../../domain/vm/format.ts';
import { EXPORT_NAMES, type ExportName, IMPORT_NAMES, type ImportName } from '../../domain/vm/formats.ts';
import { ACCEL_POLICIES, type AccelPolicy } from '../../domain/workload/facts.ts';
import { controlByte, workloadConsole } from '../commands/workload/console.ts';
import { workloadExport } from '../commands/workload/export.ts';
import { DEFAULT_BRIDGE, workloadImport } from '../commands/workload/import.ts';
import { workloadList } from '../commands/workload/list.ts';
import { workloadLogs } from '../commands/workload/logs.ts';
import { workloadRender } from '../commands/workload/render.ts';
import { workloadRun } from '../commands/workload/run.ts';
import { workloadStatus } from '../commands/workload/status.ts';
import { workloadValidate } from '../commands/workload/validate.ts';
import { addChanges } from './changes.ts';
import { type Chosen, chosen, ONLY, pickedBy } from './chosen.ts';
import { addGuest } from './guest.ts';
import { examples, GUEST_SECONDS, guestSeconds, type Run, seconds } from './noun.ts';

/** `mesh workload`: virtual machines on nodes, described by files in /var/pxen/monoliths. */
export function addWorkload(mesh: Command, run: Run): void {
  const workload = mesh.command('workload').description('virtual machines on the nodes');
  addFiles(workload, run);
  addExchange(workload, run);
  addLooks(workload, run);
  addVerbs(workload, run);
  addChanges(workload, run);
  addLogs(workload, run);
  addConsole(workload, run);
  addGuest(workload, run);
}

interface FileOptions {
  readonly facts?: string;
  readonly accel?: AccelPolicy;
}

function addFiles(workload: Command, run: Run): void {
  withFacts(
    workload.command('validate').description('judge workload files, without a pxend; all problems at once'),
  )
    .argument('<file...>', 'workload files, - for standard input')
    .addHelpText(
      'after',
      examples(
        'mesh workload validate /var/pxen/monoliths/*.conf',
        'mesh workload validate web.conf --facts node-facts.json',
        'mesh workload validate web.conf --json | jq -r ".problems[].message"',
      ),
    )
    .action((files: string[], options: FileOptions, command: Command) =>
      run(command, context => workloadValidate(context, files, options)),
    );
  withFacts(
    workload.command('render').description('print the command line that a file becomes, without a pxend'),
  )
    .argument('<file>', 'workload file, - for standard input')
    .addHelpText(
      'after',
      examples(
        'mesh workload render web.conf',
        'mesh workload render web.conf --facts node-facts.json --accel tcg',
        'mesh workload render web.conf --json | jq -r ".argv[]"',
      ),
    )
    .action((file: string, options: FileOptions, command: Command) =>
      run(command, context => workloadRender(context, file, options)),
    );
}

/** To and from the configurations of other programs. */
function addExchange(workload: Command, run: Run): void {
  withFacts(
    workload.command('export').description('print a workload as another program wants it, without a pxend'),
  )
    .argument('<file>', 'workload file, - for standard input')
    .addOption(new Option('--format <format>', 'which one').choices(EXPORT_NAMES).makeOptionMandatory())
    .option(
      '--base <folder>',
      `minimega: where it has its files at run time (default: ${EXPORT_DEFAULTS.base})`,
    )
    .option('--namespace <name>', `minimega: in which namespace (default: ${EXPORT_DEFAULTS.namespace})`)
    .addHelpText(
      'after',
      examples(
        'mesh workload export web.conf --format stratovirt-json > web.json',
        'mesh workload export web.conf --format qemu --facts node-facts.json',
        'mesh workload export web.conf --format libvirt | virsh define /dev/stdin',
        'mesh workload export web.conf --format stratovirt-cli --json | jq -r ".notes[].text"',
      ),
    )
    .action(
      (
        file: string,
        options: FileOptions & { format: ExportName; base?: string; namespace?: string },
        command: Command,
      ) => run(command, context => workloadExport(context, file, options)),
    );
  workload
    .command('import')
    .description('print the workload file of a configuration of another program, without a pxend')
    .argument('<file>', 'its configuration, - for standard input')
    .addOption(new Option('--format <format>', 'what it is').choices(IMPORT_NAMES).makeOptionMandatory())
    .option(
      '--name <name>',
      'name of the workload, where the configuration has none or another one is wanted',
    )
    .option('--uuid <word>', 'uuid of the workload, else one is made of the name where there is none')
    .option('--bridge <name>', 'bridge of NICs whose network is not told', DEFAULT_BRIDGE)
    .addHelpText(
      'after',
      examples(
        'mesh workload import vm.json --format stratovirt-json --name web > web.conf',
        'mesh workload import - --format stratovirt-cli --bridge br1 < start.sh',
      ),
    )
    .action(
      (
        file: string,
        options: { format: ImportName; name?: string; uuid?: string; bridge: string },
        command: Command,
      ) => run(command, context => workloadImport(context, file, options)),
    );
}

/** What stands in for a node. */
function withFacts(command: Command): Command {
  return command
    .option('--facts <file>', 'JSON file of what a node would report, - for standard input')
    .addOption(
      new Option('--accel <policy>', 'whether to do without KVM on that node')
        .choices(ACCEL_POLICIES)
        .default('kvm'),
    );
}

function addLooks(workload: Command, run: Run): void {
  chosen(workload.command('list').description('every workload with its node and state, a line each'), ONLY)
    .option('--names', 'print the names alone')
    .addHelpText(
      'after',
      examples(
        'mesh workload list',
        'mesh workload list -n rack1-07',
        'mesh workload list --json | jq -r ".workloads[] | select(.state == \\"lost\\").name"',
      ),
    )
    .action((names: string[], options: Chosen & { names?: boolean }, command: Command) =>
      run(command, context =>
        workloadList(context, { ...pickedBy(names, options), names: options.names === true }),
      ),
    );
  chosen(
    workload
      .command('status')
      .description(
        'everything about workloads: state, console, volumes, network, what they use, how they ended',
      ),
    ONLY,
  )
    .addHelpText('after', examples('mesh workload status', 'mesh workload status -w web --json'))
    .action((names: string[], options: Chosen, command: Command) =>
      run(command, context => workloadStatus(context, pickedBy(names, options))),
    );
}

interface VerbOptions extends Chosen {
  readonly timeout?: number;
  readonly now?: boolean;
  readonly dryRun?: boolean;
}

function addVerbs(workload: Command, run: Run): void {
  const verb = (name: Verb, description: string, node: string): Command =>
    chosen(workload.command(name).description(description), node).action(
      (names: string[], options: VerbOptions, command: Command) =>
        run(command, context =>
          workloadRun(context, name, {
            ...pickedBy(names, options),
            timeout: options.now === true ? 0 : (options.timeout ?? GUEST_SECONDS),
            dryRun: options.dryRun === true,
          }),
        ),
    );

  verb(
    'download',
    'fetch the volumes of workloads to their node, so that a start finds them there',
    PLACE,
  ).addHelpText(
    'after',
    examples('mesh workload download -w web', 'mesh workload download -w ALL -n rack1-07'),
  );
  verb(
    'start',
    'start workloads; what is missing is downloaded first, and they come back when their node reboots',
    PLACE,
  )
    .option('--dry-run', 'print where it would go and why, and the exact command line; nothing is changed')
    .addHelpText(
      'after',
      examples(
        'mesh workload start -w web',
        'mesh workload start -w "web-*" -n rack1-07',
        'mesh workload start -w web --dry-run',
        'mesh workload start -w web --dry-run --json | jq .placement.costs',
      ),
    );
  withTime(
    verb('stop', 'shut guests down, by force when they do not; ephemeral volumes are deleted', ONLY),
    0,
  )
    .option('--now', 'do not ask the guest: the same as -t 0')
    .addHelpText(
      'after',
      examples('mesh workload stop -w web', 'mesh workload stop -w ALL -n rack1-07 -t 60'),
    );
  withTime(
    verb('soft-stop', 'ask guests to shut down and never use force; fails when they do not', ONLY),
    1,
  ).addHelpText('after', examples('mesh workload soft-stop -w web -t 120'));
  verb('pause', 'halt the processors of guests; their memory stays', ONLY).addHelpText(
    'after',
    examples('mesh workload pause -w web'),
  );
  verb('resume', 'let paused guests go on', ONLY).addHelpText(
    'after',
    examples('mesh workload resume -w web', 'mesh workload resume -w ALL'),
  );
  withTime(
    verb('restart', 'stop workloads and start them again there, with their files as they are now', ONLY),
    0,
  )
    .option('--now', 'do not ask the guest: the same as -t 0')
    .addHelpText('after', examples('mesh workload restart -w web', 'mesh workload restart -w web --now'));
}

function addLogs(workload: Command, run: Run): void {
  chosen(
    workload
      .command('logs')
      .description('what the engine of a workload said, or its guest on the serial console'),
  )
    .option('--serial', 'what the guest wrote to its serial console')
    .option('-l, --lines <n>', 'how many, from the end', lineCount, 100)
    .option('-f, --follow', 'print what comes, until Ctrl-C')
    .option('--raw', 'escape sequences too: they are left out on a terminal')
    .addHelpText(
      'after',
      examples(
        'mesh workload logs -w web',
        'mesh workload logs -w web --serial -f',
        'mesh workload logs -w web -l 0 -f',
      ),
    )
    .action(
      (
        names: string[],
        options: Chosen & { serial?: boolean; lines: number; follow?: boolean; raw?: boolean },
        command: Command,
      ) =>
        run(command, context =>
          workloadLogs(context, {
            ...pickedBy(names, options),
            serial: options.serial === true,
            lines: options.lines,
            follow: options.follow === true,
            raw: options.raw === true,
          }),
        ),
    );
}

function addConsole(workload: Command, run: Run): void {
  chosen(
    workload
      .command('console')
      .description(
        'be at the serial console of a workload; where the input is no terminal, its end is not the end',
      ),
  )
    .addOption(
      new Option('-e, --escape <key>', 'key that leaves, such as ^] or ^A, or none')
        .argParser(escapeKey)
        .default(controlByte('^]'), '^]'),
    )
    .option('--for <seconds>', 'leave after so long', seconds)
    .addHelpText(
      'after',
      examples(
        'mesh workload console -w web',
        'mesh workload console -w web -e ^A',
        'mesh workload console -w web --for 30 < /dev/null | grep -m1 login:',
      ),
    )
    .action((names: string[], options: Chosen & { escape?: number | null; for?: number }, command: Command) =>
      run(command, context =>
        workloadConsole(context, {
          ...pickedBy(names, options),
          escape: options.escape ?? undefined,
          seconds: options.for,
        }),
      ),
    );
}

const PLACE = 'the node or host to use: name, machine id or MAC address; without it pxend chooses one';

function withTime(command: Command, least: number): Command {
  return command.option(
    '-t, --timeout <seconds>',
    `how long the guest may take (default: ${GUEST_SECONDS})`,
    guestSeconds(least),
  );
}

function lineCount(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number, 0 to 999999.');
}

/** Null: no key leaves. */
function escapeKey(text: string): number | null {
  const byte = text === 'none' ? null : controlByte(text);
  if (byte !== undefined) return byte;
  throw new InvalidArgumentError('expected a key such as ^] or ^A, or none.');
}
