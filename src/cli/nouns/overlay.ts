import { Argument, type Command } from 'commander';
import { overlayDiff } from '../commands/diff.ts';
import { overlayBuild, overlayShow } from '../commands/overlay.ts';
import { examples, type Run } from './noun.ts';

/** `mesh overlay`: what a machine gets laid over its root. */
export function addOverlay(mesh: Command, run: Run): void {
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
}

function machineArgument(): Argument {
  return new Argument('<machine>', 'folder name under /host0/machines, machine id, or default');
}
