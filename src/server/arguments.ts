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
  /** What a start with the same meaning needs on its command line. */
  readonly options: readonly string[];
  readonly settings: Partial<Record<SettingPath, string>>;
}

/** What was asked for; a number is an exit status, everything having been said already. */
export function parseArguments(argv: readonly string[]): DaemonArguments | number {
  const command = daemonCommand();
  try {
    command
      .exitOverride()
      .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'pxend: ')) })
      .parse(argv, { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : ERROR_KINDS.USAGE.exit;
    throw thrown;
  }
  const options = command.opts<{ root: string; config?: string; check?: boolean; systemdUnit?: boolean }>();
  const root = resolve(options.root);
  const config = options.config === undefined ? undefined : resolve(options.config);
  const settings = settingsOf(command);
  return {
    root,
    config: config ?? placesUnder(root).config,
    configGiven: options.config !== undefined,
    check: options.check === true,
    systemdUnit: options.systemdUnit === true,
    options: [
      ...['--root', root],
      ...(config === undefined ? [] : ['--config', config]),
      ...SETTING_PATHS.flatMap(path => (settings[path] === undefined ? [] : [flagOf(path), settings[path]])),
    ],
    settings,
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
  const { about, expected } = SETTINGS[path];
  const text = `${about} Expects ${expected}${fallback === '' ? '' : ` (default: ${fallback})`}`;
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
