import { type Command, InvalidArgumentError, Option } from 'commander';
import type { HostChange } from '../../api/placement.ts';
import { parseIpv4 } from '../../base/ipv4.ts';
import {
  HOST_STATES,
  type HostState,
  LAST_BASE_PORT,
  parseHostState,
  parseLibvirtUri,
  URI_FORM,
} from '../../domain/placement/host.ts';
import { isWord, WORD_FORM } from '../../domain/placement/names.ts';
import { type HostWords, hostAdd, hostRemove, hostSet } from '../commands/host/change.ts';
import { hostDrain } from '../commands/host/drain.ts';
import { hostInfo, hostList } from '../commands/host/list.ts';
import { hostProfiles } from '../commands/host/profiles.ts';
import { examples, type Run } from './noun.ts';

/** `mesh host`: the machines that virtual machines are placed on. */
export function addHost(mesh: Command, run: Run): void {
  const host = mesh
    .command('host')
    .description('machines that run virtual machines: every node, and those that libvirt controls');
  addLooks(host, run);
  addChanges(host, run);
  addDrain(host, run);
}

function addLooks(host: Command, run: Run): void {
  host
    .command('list')
    .description('every host with its state, what is on it, and what it costs now')
    .option('--names', 'print the names alone')
    .addHelpText(
      'after',
      examples('mesh host list', 'mesh host list --json | jq -r ".hosts[] | select(.usage.vms == 0).name"'),
    )
    .action((options: { names?: boolean }, command: Command) =>
      run(command, context => hostList(context, { names: options.names === true })),
    );
  host
    .command('info')
    .description('one host in full, with the workloads that hold a place there')
    .argument('<host>', 'name or id')
    .addHelpText('after', examples('mesh host info rack1-07'))
    .action((name: string, _options: object, command: Command) =>
      run(command, context => hostInfo(context, name)),
    );
  host
    .command('profiles')
    .description('the hardware profiles that hardware.conf describes')
    .option('--names', 'print the ids alone')
    .addHelpText('after', examples('mesh host profiles', 'mesh host profiles --json'))
    .action((options: { names?: boolean }, command: Command) =>
      run(command, context => hostProfiles(context, { names: options.names === true })),
    );
}

/** As commander gives them, which has no null. */
interface Words {
  readonly uri?: string;
  readonly profile?: string;
  readonly state?: HostState;
  readonly realm?: string;
  readonly group?: string;
  readonly translation?: Translation | typeof NONE;
}

type Translation = NonNullable<HostChange['translation']>;

/** The word that takes something away. */
const NONE = '-';

function orNull<T>(said: T | typeof NONE): T | null {
  return said === NONE ? null : said;
}

function wordsOf({ group, profile, realm, state, translation, uri }: Words): HostWords {
  return {
    ...(uri !== undefined && { uri }),
    ...(state !== undefined && { state }),
    ...(profile !== undefined && { profile: orNull(profile) }),
    ...(realm !== undefined && { realm: orNull(realm) }),
    ...(group !== undefined && { group: orNull(group) }),
    ...(translation !== undefined && { translation: orNull(translation) }),
  };
}

function addChanges(host: Command, run: Run): void {
  withWords(
    host.command('add').description('add a host that libvirt controls; nodes are hosts by themselves'),
  )
    .argument('<name>', 'what it shall be called', word)
    .requiredOption('--uri <uri>', `how libvirt is reached: ${URI_FORM}`, uri)
    .requiredOption('--profile <id>', 'its hardware profile, see mesh host profiles', word)
    .addHelpText(
      'after',
      examples(
        'mesh host add kvm1 --uri qemu+ssh://root@kvm1/system --profile standard --realm cluster',
        'mesh host add local --uri qemu:///system --profile small --state no-scheduling',
      ),
    )
    .action((name: string, options: Words, command: Command) =>
      run(command, context => hostAdd(context, name, wordsOf(options))),
    );
  withWords(host.command('set').description('say more of a host, or something else; - takes it away'))
    .argument('<host>', 'name or id')
    .option('--uri <uri>', `how libvirt is reached: ${URI_FORM}`, uri)
    .option('--profile <id>', 'its hardware profile', wordOrNone)
    .addHelpText(
      'after',
      examples(
        'mesh host set rack1-07 --realm cluster --group rack1',
        'mesh host set rack1-07 --group -',
        'mesh host set kvm1 --translation 10.1.0.5:9000',
      ),
    )
    .action((name: string, options: Words, command: Command) => {
      if (Object.keys(options).length === 0) command.error('error: nothing is said of it: see --help');
      return run(command, context => hostSet(context, name, wordsOf(options)));
    });
  host
    .command('set-state')
    .description('enabled, no-scheduling (what runs goes on, nothing new comes), or disabled')
    .argument('<host>', 'name or id')
    .argument('<state...>', `${HOST_STATES.join(', ')}, or as in "No Scheduling"`)
    .addHelpText(
      'after',
      examples('mesh host set-state rack1-07 disabled', 'mesh host set-state rack1-07 No Scheduling'),
    )
    .action((name: string, words: string[], _options: object, command: Command) => {
      const state = parseHostState(words.join(' '));
      if (!state) return command.error(`error: state: expected ${HOST_STATES.join(', ')}.`);
      return run(command, context => hostSet(context, name, { state }));
    });
  host
    .command('set-profile')
    .description('the hardware profile of a host; - for a node: the one made from what it reports')
    .argument('<host>', 'name or id')
    .argument('<profile>', 'id of a hardware profile, see mesh host profiles', wordOrNone)
    .addHelpText(
      'after',
      examples('mesh host set-profile rack1-07 gpu-node', 'mesh host set-profile rack1-07 -'),
    )
    .action((name: string, profile: string, _options: object, command: Command) =>
      run(command, context => hostSet(context, name, { profile: orNull(profile) })),
    );
  host
    .command('remove')
    .description('take a libvirt host away; of a node, forget all that was said of it here')
    .argument('<host>', 'name or id')
    .addHelpText('after', examples('mesh host remove kvm1'))
    .action((name: string, _options: object, command: Command) =>
      run(command, context => hostRemove(context, name)),
    );
}

function addDrain(host: Command, run: Run): void {
  host
    .command('drain')
    .description('let nothing new onto a host, and say what is left there; nothing is moved by force')
    .argument('<host>', 'name or id')
    .option('--wait', 'come back when nothing is left')
    .addHelpText(
      'after',
      examples(
        'mesh host drain rack1-07',
        'mesh host drain rack1-07 --wait && mesh node ctl -n rack1-07 reboot',
      ),
    )
    .action((name: string, options: { wait?: boolean }, command: Command) =>
      run(command, context => hostDrain(context, name, { wait: options.wait === true, every: LOOK_EVERY })),
    );
}

/** As often as nodes report by default, milliseconds. */
const LOOK_EVERY = 2000;

function withWords(command: Command): Command {
  return command
    .addOption(new Option('--state <state>', 'what it takes').choices(HOST_STATES).argParser(state))
    .option('--realm <id>', 'the realm that it belongs to', wordOrNone)
    .option('--group <name>', 'failure group: hosts of one group fail together', wordOrNone)
    .option(
      '--translation <address:port>',
      'where its VMs are reached: base port plus the last octet of their address',
      translation,
    );
}

function word(text: string): string {
  if (isWord(text)) return text;
  throw new InvalidArgumentError(`expected ${WORD_FORM}.`);
}

function wordOrNone(text: string): string {
  return text === NONE ? NONE : word(text);
}

function uri(text: string): string {
  if (parseLibvirtUri(text)) return text;
  throw new InvalidArgumentError(`expected ${URI_FORM}.`);
}

function state(text: string): HostState {
  const parsed = parseHostState(text);
  if (parsed) return parsed;
  throw new InvalidArgumentError(`expected ${HOST_STATES.join(', ')}.`);
}

function translation(text: string): Translation | typeof NONE {
  if (text === NONE) return NONE;
  const [, ip = '', port = ''] = /^([^:]*):(\d{1,5})$/.exec(text) ?? [];
  const address = parseIpv4(ip);
  if (address !== undefined && Number(port) <= LAST_BASE_PORT) return { address, basePort: Number(port) };
  throw new InvalidArgumentError(
    `expected an IPv4 address and a port up to ${LAST_BASE_PORT}, such as 10.1.0.5:9000.`,
  );
}
