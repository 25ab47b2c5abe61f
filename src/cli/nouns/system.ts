import type { Command } from 'commander';
import { systemDoctor } from '../commands/doctor.ts';
import { systemStatus } from '../commands/status.ts';
import { systemConfigure } from '../commands/system.ts';
import { systemToken } from '../commands/token.ts';
import { examples, type Run } from './noun.ts';

/** `mesh system`: the appliance as a whole. */
export function addSystem(mesh: Command, run: Run): void {
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
}
