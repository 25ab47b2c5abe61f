import { readFileSync } from 'node:fs';
import { diagnosticsError } from '../base/diagnostic.ts';
import { messageOf, PxenError, systemCode } from '../base/error.ts';
import { checkNetwork, chooseNetwork, type LocalAddress } from '../domain/config/network.ts';
import { type ConfigSources, parseConfig } from '../domain/config/parse.ts';
import type { Config, SiteNetwork } from '../domain/config/settings.ts';

export interface ConfigurationRequest extends Omit<ConfigSources, 'file'> {
  /** The YAML file; when it is not `required` it may be missing, then all settings have their defaults. */
  readonly path: string;
  readonly required: boolean;
}

/** The appliance's configuration from its three sources. Throws CONFIG_INVALID with every problem, or FILE_MISSING. */
export function loadConfiguration(request: ConfigurationRequest): Config {
  const text = readOptional(request.path, request.required);
  const file = text === undefined ? undefined : { path: request.path, text };
  const result = parseConfig({ file, environment: request.environment, flags: request.flags });
  if ('problems' in result)
    throw diagnosticsError('CONFIG_INVALID', 'the configuration was refused', result.problems);
  return result.config;
}

/** The network to serve, checked against the configuration. Throws ADDRESS_MISSING or CONFIG_INVALID. */
export function siteNetwork(config: Config, file: string, addresses: readonly LocalAddress[]): SiteNetwork {
  const choice = chooseNetwork(config.interface, addresses);
  if ('problem' in choice) throw new PxenError('ADDRESS_MISSING', choice.problem);
  const problems = checkNetwork(config, choice.network, file);
  if (problems.length > 0)
    throw diagnosticsError('CONFIG_INVALID', 'the configuration does not fit the network', problems);
  return choice.network;
}

function readOptional(path: string, required: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && !required) return undefined;
    throw new PxenError('FILE_MISSING', `${path}: the configuration cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
