import type { Command } from 'commander';
import { isoAdd } from '../commands/iso/add.ts';
import { isoList } from '../commands/iso/list.ts';
import { isoRemove } from '../commands/iso/remove.ts';
import { isoVerify } from '../commands/iso/verify.ts';
import { examples, type Run } from './noun.ts';

/** `mesh iso`: what nodes fetch from http://host0/isos/. */
export function addIso(mesh: Command, run: Run): void {
  const iso = mesh.command('iso').description('ISO and disk images that host0 has for the nodes');
  iso
    .command('add')
    .description('fetch an image, or copy a file; what an earlier try has left is gone on with')
    .argument('<source>', 'URL, or file on host0')
    .option('--name <name>', 'name that it gets, instead of the last part of its source')
    .option('--sha256 <hex>', 'checksum that it must have')
    .option('--force', 'replace an image of the same name')
    .addHelpText(
      'after',
      examples(
        'mesh iso add https://cdimage.debian.org/debian-cd/current/amd64/iso-cd/debian-13.1.0-amd64-netinst.iso',
        'mesh iso add /root/alpine.iso --name alpine-3.22.iso',
        'mesh iso add http://mirror/disk.qcow2 --sha256 $(cut -d" " -f1 disk.qcow2.sha256)',
      ),
    )
    .action((source: string, options: AddOptions, command: Command) =>
      run(command, context => isoAdd(context, source, { ...options, force: options.force === true })),
    );
  iso
    .command('list')
    .description('list the images, with checksum and source')
    .addHelpText('after', examples('mesh iso list', 'mesh iso list --json | jq -r ".isos[].url"'))
    .action((_options: object, command: Command) => run(command, context => isoList(context)));
  iso
    .command('verify')
    .description(
      'read images again and compare their checksums; exit status 1: one differs. Notes those of files put there by hand',
    )
    .argument('[name...]', 'images, all of them by default')
    .addHelpText('after', examples('mesh iso verify', 'mesh iso verify alpine-3.22.iso'))
    .action((names: string[], _options: object, command: Command) =>
      run(command, context => isoVerify(context, names)),
    );
  iso
    .command('remove')
    .description('delete images, and what an unfinished add has left')
    .argument('<name...>', 'images')
    .addHelpText('after', examples('mesh iso remove alpine-3.21.iso'))
    .action((names: string[], _options: object, command: Command) =>
      run(command, context => isoRemove(context, names)),
    );
}

interface AddOptions {
  readonly name?: string;
  readonly sha256?: string;
  readonly force?: boolean;
}
