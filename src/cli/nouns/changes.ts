import { type Command, InvalidArgumentError } from 'commander';
import { guestMemory } from '../../domain/workload/balloon.ts';
import { workloadRun } from '../commands/workload/run.ts';
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
      .description('give running machines the disk or disc that their file names now in place of the old one')
      .requiredOption('--volume <id>', 'the number in platform.volume.<id>', volumeNumber),
  )
    .option('-n, --node <node>', ONLY)
    .option(
      '-t, --timeout <seconds>',
      `how long the guest may take to give the old one up (default: ${GUEST_SECONDS})`,
      guestSeconds(0),
    )
    .addHelpText(
      'after',
      examples('mesh workload replace -w web --volume 1', 'mesh workload replace -w web --volume 0 -t 60'),
    )
    .action((options: Chosen & { volume: number; timeout?: number }, command: Command) =>
      run(command, context =>
        workloadRun(context, 'replace', {
          ...pickedBy([], options),
          timeout: options.timeout ?? GUEST_SECONDS,
          dryRun: false,
          volume: options.volume,
        }),
      ),
    );
}

function balloonSize(text: string): number {
  const bytes = guestMemory(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError('expected a size such as 512M or 512MiB.');
}

function volumeNumber(text: string): number {
  if (/^(0|[1-9]\d{0,5})$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected the number of a volume, such as 1.');
}
