import { statSync } from 'node:fs';
import { join } from 'node:path';
import { healthSchema } from '../../api/nodes.ts';
import { PATHS } from '../../api/paths.ts';
import { formatDiagnostic } from '../../base/diagnostic.ts';
import { asPxenError, messageOf } from '../../base/error.ts';
import { ipv4ToBytes } from '../../base/ipv4.ts';
import { neededFiles } from '../../domain/boot/neededfiles.ts';
import { type Places, placeOf, placesUnder } from '../../domain/config/places.ts';
import type { Config, SiteNetwork } from '../../domain/config/settings.ts';
import { fileKind, HEAD_SIZE } from '../../domain/doctor/filekind.ts';
import { type Finding, fail, ok, warn } from '../../domain/doctor/finding.ts';
import {
  type BootFileState,
  judgeBootFiles,
  judgeClock,
  judgeDatabase,
  judgeDhcpServers,
  judgeDisk,
  judgeHost0,
  judgeInotify,
  judgeInterface,
  judgeReceiveBuffer,
  judgeRights,
  judgeRouterAdvertisements,
} from '../../domain/doctor/judge.ts';
import { localAddresses } from '../../io/addresses.ts';
import { systemClock } from '../../io/clock.ts';
import { loadConfiguration, siteNetwork } from '../../io/configuration.ts';
import { packageRoot } from '../../io/files/package.ts';
import {
  clockSynchronised,
  databaseProblem,
  exists,
  freeSpace,
  headOf,
  interfaceState,
  mayBindLowPorts,
  numberIn,
  routerAdvertisements,
} from '../../io/inspect.ts';
import { openUdp } from '../../io/udp.ts';
import { probeServers } from '../../service/dhcp/probe.ts';
import { overlaysToCheck } from '../appliance.ts';
import { type Context, control, localRoot, unwrap } from '../context.ts';
import { portFindings } from './ports.ts';

/** Milliseconds that DHCP servers have to answer. */
const PROBE = 3000;

/** Every check in the order in which a machine would meet its trouble. Rejects with USAGE where --server names another computer. */
export async function examine(context: Context): Promise<Finding[]> {
  const places = placesUnder(localRoot(context));
  const running = await pxendRuns(context);
  const config = configuration(places);
  return [
    ...running.findings,
    ...config.findings,
    judgeRights(process.getuid?.() ?? -1, await mayBindLowPorts()),
    ...(config.value ? await networkFindings(context, config.value, places, running.value === true) : []),
    ...(config.value ? judgeBootFiles(await bootFiles(config.value, places)) : []),
    ...(await computerFindings(context, places)),
    await host0Finding(context),
  ];
}

interface Step<T> {
  readonly value: T | undefined;
  readonly findings: readonly Finding[];
}

async function pxendRuns(context: Context): Promise<Step<boolean>> {
  try {
    const answer = await control(context).get(PATHS.health);
    const { parts, version } = unwrap({ ...answer, status: 200 }, healthSchema);
    const wrong = Object.entries(parts).flatMap(([name, text]) =>
      text === null ? [] : [fail('pxend', `${name}: ${text}`, 'see the log of pxend')],
    );
    return {
      value: true,
      findings: wrong.length > 0 ? wrong : [ok('pxend', `${version} runs, every part is well`)],
    };
  } catch (error) {
    const todo = 'start it: pxend --check judges the configuration first';
    return { value: false, findings: [warn('pxend', asPxenError(error).message, todo)] };
  }
}

function configuration(places: Places): Step<Config> {
  try {
    const value = loadConfiguration({
      path: places.config,
      required: false,
      environment: process.env,
      flags: {},
    });
    return { value, findings: [ok('configuration', `${places.config} is good`)] };
  } catch (error) {
    const { message, details } = asPxenError(error);
    const todo = details.join('; ') || 'see docs/configuration.md';
    return { value: undefined, findings: [fail('configuration', message, todo)] };
  }
}

async function networkFindings(
  context: Context,
  config: Config,
  places: Places,
  running: boolean,
): Promise<Finding[]> {
  let network: SiteNetwork;
  try {
    network = siteNetwork(config, places.config, localAddresses());
  } catch (error) {
    return [await missingNetwork(config.interface, error)];
  }
  const { address, prefix } = network.cidr;
  const state = await interfaceState(network.interface);
  return [
    judgeInterface(network.interface, `${address}/${prefix}`, state),
    ...(await portFindings(config, address, running)),
    ...(await dhcpFindings(context, config, network, running)),
    judgeRouterAdvertisements(await routerAdvertisements(network.interface)),
  ];
}

/** Without iproute2 the addresses of an interface that has no carrier cannot be seen: that is told before "no such address". */
async function missingNetwork(name: string, error: unknown): Promise<Finding> {
  const state = name === '' ? undefined : await interfaceState(name);
  if (state?.carrier === false) return judgeInterface(name, 'its address', state);
  const { message, details } = asPxenError(error);
  return fail(
    'interface',
    message,
    details.join('; ') || 'run this where pxend runs, in its network namespace',
  );
}

async function dhcpFindings(
  context: Context,
  config: Config,
  network: SiteNetwork,
  running: boolean,
): Promise<Finding[]> {
  try {
    const found = await probeServers({
      openUdp,
      clock: systemClock,
      address: network.cidr.address,
      // Always the same card: whoever answers sets one address aside at most, however often this runs.
      card: Uint8Array.of(0x02, 0x64, ...ipv4ToBytes(network.cidr.address)),
      xid: context.now() % 2 ** 32,
      wait: PROBE,
      port: config['dhcp.port'],
    });
    return judgeDhcpServers(found, network.cidr.address, { running, mode: config['dhcp.mode'] });
  } catch (error) {
    const todo = 'run as root, and stop the DHCP client on this interface for the moment';
    return [warn('dhcp servers', `cannot ask: ${messageOf(error)}`, todo)];
  }
}

async function bootFiles(config: Config, places: Places): Promise<BootFileState[]> {
  return Promise.all(
    neededFiles(config).map(async file => {
      const path = placeOf(file, places);
      const found = await headOf(path, HEAD_SIZE);
      return { path, expected: file.kind, size: found?.size ?? 0, kind: found && fileKind(found.head) };
    }),
  );
}

async function computerFindings(context: Context, places: Places): Promise<Finding[]> {
  const limits = '/proc/sys/fs/inotify';
  const isThere = await exists(places.database);
  return [
    judgeClock(context.now(), installedAt(), await clockSynchronised()),
    judgeDisk(places.state, await freeSpace(places.state)),
    judgeDatabase(places.database, isThere, isThere ? databaseProblem(places.database) : undefined),
    judgeInotify(
      await numberIn(`${limits}/max_user_watches`),
      await numberIn(`${limits}/max_user_instances`),
    ),
    judgeReceiveBuffer(await numberIn('/proc/sys/net/core/rmem_max')),
  ];
}

async function host0Finding(context: Context): Promise<Finding> {
  try {
    const { folders, problems } = await overlaysToCheck(context.root).check();
    return judgeHost0(folders, problems.map(formatDiagnostic));
  } catch (error) {
    return fail('/host0', messageOf(error), 'mesh system configure --check tells more');
  }
}

/** The program's own files cannot be from the future. Milliseconds since the epoch. */
function installedAt(): number {
  return statSync(join(packageRoot(), 'package.json')).mtimeMs;
}
