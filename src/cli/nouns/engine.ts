import type { Command } from 'commander';
import { engineList } from '../commands/engine.ts';
import { examples, type Run } from './noun.ts';

/** `mesh engine`: the programs that run workloads. */
export function addEngine(mesh: Command, run: Run): void {
  const engine = mesh.command('engine').description('the programs that run workloads');
  engine
    .command('list')
    .description('what each engine can do and what its limits are; needs no pxend')
    .addHelpText(
      'after',
      examples(
        'mesh engine list',
        'mesh engine list --json | jq -r ".capabilities[] | select(.engines.stratovirt != true).what"',
      ),
    )
    .action((_options: object, command: Command) => run(command, context => engineList(context)));
}
