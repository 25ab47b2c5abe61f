import { existsSync } from 'node:fs';
import { asPxenError, ERROR_KINDS, type PxenError } from '../base/error.ts';
import type { Log } from '../base/ports.ts';
import { placesUnder } from '../domain/config/places.ts';
import { localAddresses } from '../io/addresses.ts';
import { loadConfiguration, siteNetwork } from '../io/configuration.ts';
import { openLog } from '../io/log.ts';
import { type Appliance, openAppliance } from './appliance.ts';
import { type DaemonArguments, parseArguments } from './arguments.ts';
import { settleDhcpMode } from './dhcpmode.ts';
import { startAll, stopAll } from './lifecycle.ts';
import { systemdUnit } from './systemd.ts';

/** From command line to a serving appliance; resolves with the exit status once it has been told to stop. */
async function main(): Promise<number> {
  const told = parseArguments(process.argv.slice(2));
  if (typeof told === 'number') return told;
  if (told.systemdUnit) return print(systemdUnit(told.options));
  const loaded = load(told);
  const network = siteNetwork(loaded, told.config, localAddresses());
  if (told.check) return print(checked(told.config));
  const log = openLog({ level: loaded['log.level'], format: loaded['log.format'] });
  const config = await settleDhcpMode(loaded, network, log);
  const appliance = await openAppliance({ places: placesUnder(told.root), config, network, log });
  return serve(appliance, log);
}

function checked(file: string): string {
  return existsSync(file)
    ? `${file}: the configuration is good`
    : `${file}: no such file; defaults, environment and flags are good`;
}

function load(told: DaemonArguments): ReturnType<typeof loadConfiguration> {
  return loadConfiguration({
    path: told.config,
    required: told.configGiven,
    environment: process.env,
    flags: told.settings,
  });
}

async function serve(appliance: Appliance, log: Log): Promise<number> {
  process.on('unhandledRejection', reason =>
    log.error('pxend', `a fault in pxen itself: ${asPxenError(reason).stack}`),
  );
  const stopped = signalled();
  try {
    await startAll(appliance.services, log);
    log.info('pxend', `ready: ${appliance.summary}`);
    log.info('pxend', `${await stopped} received, stopping`);
    await stopAll(appliance.services, log);
  } finally {
    appliance.close();
  }
  return 0;
}

/** Resolves at the first SIGTERM or SIGINT; the second one ends the process at once. */
function signalled(): Promise<string> {
  return new Promise(done => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        done(signal);
      });
    }
  });
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function complain(error: PxenError): number {
  process.stderr.write(`pxend: ${error.message}\n`);
  for (const detail of error.details) process.stderr.write(`  ${detail}\n`);
  if (error.code === 'INTERNAL') process.stderr.write(`  ${error.stack ?? ''}\n`);
  return ERROR_KINDS[error.code].exit;
}

process.umask(0o077);
process.title = 'pxend';
process.exit(await main().catch(thrown => complain(asPxenError(thrown))));
