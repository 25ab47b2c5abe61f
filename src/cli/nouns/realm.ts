import { type Command, InvalidArgumentError } from 'commander';
import { realmList } from '../commands/realm/list.ts';
import { realmPools } from '../commands/realm/pools.ts';
import { examples, type Run } from './noun.ts';

/** Where libvirt has its own pools. */
const POOLS_FOLDER = '/var/lib/libvirt';

/** `mesh realm`: groups of hosts and how virtual machines are looked after there, from /host0/realms. */
export function addRealm(mesh: Command, run: Run): void {
  const realm = mesh
    .command('realm')
    .description('groups of hosts, and how virtual machines are looked after there');
  realm
    .command('list')
    .description('every realm with its parameters; exit status 1 when the files have problems')
    .option('--names', 'print the ids alone')
    .addHelpText('after', examples('mesh realm list', 'mesh realm list --json | jq ".realms[].pools"'))
    .action((options: { names?: boolean }, command: Command) =>
      run(command, context => realmList(context, { names: options.names === true })),
    );
  realm
    .command('pools')
    .description('print the commands that set up the storage pools of a realm on a host of libvirt')
    .argument('[realm]', 'its id; without one, the pools of all realms that libvirt runs')
    .option('--path <folder>', 'folder on the host below which each pool has one', folder, POOLS_FOLDER)
    .addHelpText(
      'after',
      examples(
        'mesh realm pools cluster',
        'mesh realm pools cluster --path /data/libvirt | ssh root@kvm1 sh -e',
      ),
    )
    .action((id: string | undefined, options: { path: string }, command: Command) =>
      run(command, context => realmPools(context, id, options.path)),
    );
}

function folder(text: string): string {
  if (text.startsWith('/')) return text.replace(/\/+$/, '');
  throw new InvalidArgumentError('expected an absolute path.');
}
