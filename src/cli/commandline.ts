import { Argument, Command, Option } from 'commander';
import { VERSION } from '../base/version.ts';
import { completionScript, SHELLS, type Shell } from './completion.ts';
import { addEngine } from './nouns/engine.ts';
import { addHost } from './nouns/host.ts';
import { addIso } from './nouns/iso.ts';
import { addNode } from './nouns/node.ts';
import { examples, type Run } from './nouns/noun.ts';
import { addOverlay } from './nouns/overlay.ts';
import { addPlacement } from './nouns/placement.ts';
import { addRealm } from './nouns/realm.ts';
import { addSystem } from './nouns/system.ts';
import { addWorkload } from './nouns/workload.ts';

/** The command line as a tree; `run` gets what was chosen. Each command's module is one verb. */
export function commandLine(run: Run): Command {
  const mesh = new Command('mesh')
    .description(
      'Control a pxen netboot appliance: the machines it boots, their overlays, commands and virtual machines on nodes.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .addOption(rootOption())
    .addOption(new Option('--server <url>', 'ask the pxend of another machine').env('PXEN_SERVER'))
    .addOption(new Option('--token-file <file>', 'its API token, for --server').env('PXEN_TOKEN_FILE'))
    .option('--json', 'print JSON instead of text')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(mesh --help lists the commands)');

  addSystem(mesh, run);
  addOverlay(mesh, run);
  addNode(mesh, run);
  addWorkload(mesh, run);
  addIso(mesh, run);
  addEngine(mesh, run);
  addHost(mesh, run);
  addRealm(mesh, run);
  addPlacement(mesh, run);

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
