import { type Command, InvalidArgumentError } from 'commander';
import { workloadGuestExec } from '../commands/workload/guest-exec.ts';
import { workloadGuestRead, workloadGuestWrite } from '../commands/workload/guest-files.ts';
import { workloadGuestInfo, workloadGuestPing } from '../commands/workload/guest-info.ts';
import { type Chosen, chosen, pickedBy } from './chosen.ts';
import { examples, type Run } from './noun.ts';

/** `mesh workload guest`: what the QEMU guest agent in a virtual machine tells and does; for `runtime.qga=1`. */
export function addGuest(workload: Command, run: Run): void {
  const guest = workload
    .command('guest')
    .description('the agent in the guest of a workload with runtime.qga=1: its addresses, commands, files')
    .addHelpText(
      'after',
      examples(
        'mesh workload guest ping -w web',
        'mesh workload guest exec -w web -- /bin/uname -r',
        'mesh workload guest read -w web /etc/hostname',
      ),
    );
  addLooks(guest, run);
  addExec(guest, run);
  addFiles(guest, run);
}

function addLooks(guest: Command, run: Run): void {
  chosen(guest.command('ping').description('whether the guest agent answers, and how fast'))
    .addHelpText('after', examples('mesh workload guest ping -w web'))
    .action((names: string[], options: Chosen, command: Command) =>
      run(command, context => workloadGuestPing(context, pickedBy(names, options).workloads)),
    );
  chosen(guest.command('info').description('name, system and addresses of the guest, as it tells them'))
    .addHelpText(
      'after',
      examples(
        'mesh workload guest info -w web',
        'mesh workload guest info -w web --json | jq -r ".interfaces[].addresses[]"',
      ),
    )
    .action((names: string[], options: Chosen, command: Command) =>
      run(command, context => workloadGuestInfo(context, pickedBy(names, options).workloads)),
    );
}

interface ExecOptions {
  readonly workload: string;
  readonly input?: string;
  readonly env?: readonly string[];
  readonly timeout: number;
  readonly raw?: boolean;
}

function addExec(guest: Command, run: Run): void {
  one(
    guest
      .command('exec')
      .description('run a program in the guest, without a shell; its exit status is that of mesh')
      .argument('<command...>', 'program and arguments; put -- before them'),
  )
    .option('-i, --input <file>', 'what it reads, - for standard input')
    .option('-e, --env <name=value>', 'its environment, else that of the agent; again for more', environment)
    .option('-t, --timeout <seconds>', 'how long it may take', execSeconds, 60)
    .option('--raw', 'escape sequences too: they are left out on a terminal')
    .addHelpText(
      'after',
      examples(
        'mesh workload guest exec -w web -- /usr/bin/systemctl is-active nginx',
        'mesh workload guest exec -w web -- /bin/sh -c "df -h | tail -n +2"',
        'mesh workload guest exec -w db -i dump.sql -e PGUSER=app -t 600 -- /usr/bin/psql app',
      ),
    )
    .action((words: string[], options: ExecOptions, command: Command) =>
      run(command, context =>
        workloadGuestExec(context, options.workload, {
          command: words,
          input: options.input,
          env: options.env ?? [],
          seconds: options.timeout,
          raw: options.raw === true,
        }),
      ),
    );
}

function addFiles(guest: Command, run: Run): void {
  one(
    guest
      .command('read')
      .description('fetch a file from the guest')
      .argument('<remote>', 'its path in the guest')
      .argument('[local]', 'file to write, - for standard output', '-'),
  )
    .option('--raw', 'escape sequences too: they are left out on a terminal')
    .addHelpText(
      'after',
      examples(
        'mesh workload guest read -w web /etc/hostname',
        'mesh workload guest read -w web /var/log/nginx/error.log error.log',
      ),
    )
    .action((remote: string, local: string, options: { workload: string; raw?: boolean }, command: Command) =>
      run(command, context =>
        workloadGuestRead(context, options.workload, { remote, local, raw: options.raw === true }),
      ),
    );
  one(
    guest
      .command('write')
      .description('put a file into the guest')
      .argument('<local>', 'file to read, - for standard input')
      .argument('<remote>', 'path in the guest, whose folder is there'),
  )
    .option('--append', 'put it behind what stands there')
    .addHelpText(
      'after',
      examples(
        'mesh workload guest write -w web nginx.conf /etc/nginx/nginx.conf',
        'date | mesh workload guest write -w web --append - /var/log/deploys',
      ),
    )
    .action(
      (local: string, remote: string, options: { workload: string; append?: boolean }, command: Command) =>
        run(command, context =>
          workloadGuestWrite(context, options.workload, { local, remote, append: options.append === true }),
        ),
    );
}

/** Words behind these commands are of the guest. */
function one(command: Command): Command {
  return command.requiredOption('-w, --workload <name>', 'name or uuid');
}

function environment(text: string, before: readonly string[] = []): readonly string[] {
  if (/^[^=]+=/.test(text)) return [...before, text];
  throw new InvalidArgumentError('expected NAME=VALUE.');
}

const MOST_SECONDS = 3600;

function execSeconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= MOST_SECONDS) return value;
  throw new InvalidArgumentError(`expected seconds, more than 0 and at most ${MOST_SECONDS}.`);
}
