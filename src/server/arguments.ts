import { resolve } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { ERROR_KINDS } from '../base/error.ts';
import { VERSION } from '../base/version.ts';
import { placesUnder } from '../domain/config/places.ts';
import { fallbackText } from '../domain/config/reference.ts';
import { flagOf, SETTING_PATHS, SETTINGS, type SettingPath } from '../domain/config/settings.ts';

export interface DaemonArguments {
  readonly root: string;
  readonly config: string;
  /** The user named the file, so it must exist. */
  readonly configGiven: boolean;
  readonly check: boolean;
  readonly systemdUnit: boolean;
  readonly settings: Partial<Record<SettingPath, string>>;
}

/** What was asked for; a number is an exit status, everything having been said already. */
export function parseArguments(argv: readonly string[]): DaemonArguments | number {
  const command = daemonCommand();
  try {
    command.exitOverride().parse(argv, { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : ERROR_KINDS.USAGE.exit;
    throw thrown;
  }
  const options = command.opts<{ root: string; config?: string; check?: boolean; systemdUnit?: boolean }>();
  const root = resolve(options.root);
  return {
    root,
    config: options.config === undefined ? placesUnder(root).config : resolve(options.config),
    configGiven: options.config !== undefined,
    check: options.check === true,
    systemdUnit: options.systemdUnit === true,
    settings: settingsOf(command),
  };
}

function daemonCommand(): Command {
  const command = new Command('pxend')
    .description(
      'The pxen appliance: DHCP, TFTP, HTTP and overlays for machines that boot from the network, in one process.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .addOption(
      new Option('--root <dir>', 'folder that the whole appliance hangs under').default('/').env('PXEN_ROOT'),
    )
    .option('--config <file>', 'configuration (default: etc/pxen/pxen.yaml under the root)')
    .option('--check', 'judge the configuration and end')
    .option('--systemd-unit', 'print a systemd unit for this installation and end')
    .allowExcessArguments(false)
    .showHelpAfterError('(pxend --help lists the options)')
    .addHelpText('after', EXAMPLES);
  command.optionsGroup(
    'Settings (each also a key of the file and a PXEN_ variable, see docs/configuration.md):',
  );
  for (const path of SETTING_PATHS) command.addOption(settingOption(path));
  return command;
}

function settingOption(path: SettingPath): Option {
  const fallback = fallbackText(path);
  const text = `${SETTINGS[path].about}${fallback === '' ? '' : ` (default: ${fallback})`}`;
  return new Option(`${flagOf(path)} <value>`, text);
}

function settingsOf(command: Command): Partial<Record<SettingPath, string>> {
  const given = SETTING_PATHS.flatMap(path => {
    const attribute = settingOption(path).attributeName();
    return command.getOptionValueSource(attribute) === 'cli'
      ? [[path, String(command.getOptionValue(attribute))]]
      : [];
  });
  return Object.fromEntries(given) as Partial<Record<SettingPath, string>>;
}

const EXAMPLES = `
Examples:
  pxend --check
  pxend --interface eth1 --dhcp-pool 10.77.0.100-10.77.0.199
  pxend --root /tmp/lab --log-level debug
  pxend --systemd-unit > /etc/systemd/system/pxend.service`;
