import { type Command, InvalidArgumentError, Option } from 'commander';
import { PxenError } from '../../base/error.ts';
import { guestMemory } from '../../domain/workload/balloon.ts';
import { type RunOptions, workloadRun } from '../commands/workload/run.ts';
import { type Chosen, named, ONLY, pickedBy } from './chosen.ts';
import { examples, GUEST_SECONDS, guestSeconds, type Run } from './noun.ts';

/** `mesh workload balloon` and `replace`: what is managed of a machine that runs on. */
export function addChanges(workload: Command, run: Run): void {
  named(
    workload
      .command('balloon')
      .description('how much memory guests with platform.balloon have now; with a size, change it')
      .argument('[size]', 'what the guest shall do with, such as 512M or 512MiB', balloonSize),
  )
    .option('-n, --node <node>', ONLY)
    .addHelpText(
      'after',
      examples(
        'mesh workload balloon -w web',
        'mesh workload balloon -w web 512MiB',
        'mesh workload balloon -w "web-*" --json | jq .done.status.guestMemory',
      ),
    )
    .action((memory: number | undefined, options: Chosen, command: Command) =>
      run(command, context =>
        workloadRun(context, 'balloon', { ...pickedBy([], options), timeout: 0, dryRun: false, memory }),
      ),
    );
  named(
    workload
      .command('replace')
      .description('give running machines the volume, or the bridge of a NIC, that their file names now'),
  )
    .addOption(
      new Option('--volume <id>', 'the number in platform.volume.<id>')
        .argParser(partNumber)
        .conflicts('nic'),
    )
    .option('--nic <id>', 'the number in network.<id>', partNumber)
    .option('-n, --node <node>', ONLY)
    .option(
      '-t, --timeout <seconds>',
      `how long the guest may take to give an old volume up (default: ${GUEST_SECONDS})`,
      guestSeconds(0),
    )
    .addHelpText(
      'after',
      examples(
        'mesh workload replace -w web --volume 1',
        'mesh workload replace -w web --volume 0 -t 60',
        'mesh workload replace -w web --nic 0',
      ),
    )
    .action((options: Chosen & Replaced, command: Command) =>
      run(command, context => workloadRun(context, 'replace', replacing(options))),
    );
}

interface Replaced {
  readonly volume?: number;
  readonly nic?: number;
  readonly timeout?: number;
}

function replacing({ nic, timeout = GUEST_SECONDS, volume, ...options }: Chosen & Replaced): RunOptions {
  if (nic === undefined && volume === undefined)
    throw new PxenError('USAGE', 'what to replace is missing: --volume or --nic, with its number');
  return { ...pickedBy([], options), timeout, dryRun: false, nic, volume };
}

function balloonSize(text: string): number {
  const bytes = guestMemory(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError('expected a size such as 512M or 512MiB.');
}

function partNumber(text: string): number {
  if (/^(0|[1-9]\d{0,5})$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a number such as 1.');
}
