import { createHash } from 'node:crypto';
import { PATHS } from '../api/paths.ts';
import type { Ipv4 } from '../base/ipv4.ts';
import type { Mac } from '../base/mac.ts';
import type { Log, Service } from '../base/ports.ts';
import { firstOf } from '../base/served.ts';
import { VERSION } from '../base/version.ts';
import { answerOverlay, type OverlayAnswer } from '../domain/boot/access.ts';
import type { Places } from '../domain/config/places.ts';
import type { Config, SiteNetwork } from '../domain/config/settings.ts';
import type { Lease } from '../domain/lease/lease.ts';
import type { MachineId, Sha256 } from '../domain/machine/genid.ts';
import { macOf } from '../io/addresses.ts';
import { microseconds, systemClock } from '../io/clock.ts';
import { OverlayFolder } from '../io/files/overlays.ts';
import { MountedFiles } from '../io/files/served.ts';
import { InotifyFolders } from '../io/files/watching.ts';
import { ApiTokenFile } from '../io/keys/api-token.ts';
import { KeyFolder } from '../io/keys/keys.ts';
import { PromMeter } from '../io/metrics.ts';
import { sqliteBootTokens } from '../io/sqlite/boot-tokens.ts';
import { Database } from '../io/sqlite/database.ts';
import { sqliteLeases } from '../io/sqlite/leases.ts';
import { sqliteNodes } from '../io/sqlite/nodes.ts';
import { sshRunner } from '../io/ssh/run.ts';
import { bindError, openUdp } from '../io/udp.ts';
import { DhcpService } from '../service/dhcp/dhcp.ts';
import { ProxyDhcpService } from '../service/dhcp/proxy.ts';
import type { ReadyOverlay } from '../service/http/artefacts.ts';
import { HttpService } from '../service/http/service.ts';
import { BuildChronicle } from '../service/overlay/chronicle.ts';
import { OverlayWatch } from '../service/overlay/watch.ts';
import { Recorder } from '../service/recorder/recorder.ts';
import { Registry } from '../service/registry/registry.ts';
import { Remote } from '../service/remote.ts';
import { BootScripts } from '../service/scripts.ts';
import { TftpService } from '../service/tftp/service.ts';
import { BootTokens } from '../service/tokens.ts';
import { backstage } from './backstage.ts';
import { BootFiles } from './bootfiles.ts';
import { addFigures } from './figures.ts';
import { FirstBuild } from './firstbuild.ts';
import { MachineNames } from './machines.ts';
import { meteredTimeline } from './metered.ts';
import { openOverlays } from './overlays.ts';
import { dhcpLimits, dhcpPolicy, scriptPolicy, summaryOf } from './policies.ts';
import { ScriptFiles } from './scriptfiles.ts';
import { saveSite, siteFacts } from './site.ts';

export interface ApplianceParts {
  readonly places: Places;
  readonly config: Config;
  readonly network: SiteNetwork;
  readonly log: Log;
}

/** A whole appliance, ready to be started. */
export interface Appliance {
  /** In the order in which they start. */
  readonly services: readonly Service[];
  /** One line for the log: what is served where. */
  readonly summary: string;
  close(): void;
}

/** Ethernet; machines that boot over anything smaller are not known. */
const MTU = 1500;

/** Puts all parts together: who gets whose interface is decided here and nowhere else. */
export async function openAppliance({ places, config, network, log }: ApplianceParts): Promise<Appliance> {
  const site = await siteFacts(config, network, places);
  await saveSite(places, site);
  const keys = new KeyFolder(places.keys);
  const overlays = openOverlays(
    places,
    async () => site,
    () => registry.overlays(),
  );
  const names = new MachineNames(new OverlayFolder(places.overlays));
  const database = Database.open(places.database);
  const isServer = config['dhcp.mode'] === 'server';
  const leaseOf = isServer ? (address: Ipv4): Lease | undefined => dhcp.leaseAt(address) : undefined;

  const registry: Registry = new Registry({
    store: sqliteNodes(database),
    clock: systemClock,
    log,
    sha256,
    leaseOf,
    // Keys outlive a folder that was removed; a machine without a folder is on the default overlay and has none.
    hostKeyOf: async id => (names.of(id) === undefined ? undefined : (await keys.find(id))?.hostKeyPublic),
    tokenMatches: (id, token) => keys.tokenMatches(id, token),
    interval: config['agent.interval'],
    appliance: () => ({ proxy: config['dhcp.mode'] === 'proxy' }),
  });
  const recorder = recorderOn(network);
  const meter = new PromMeter();
  const chronicle = new BuildChronicle({ log, meter });
  const timeline = meteredTimeline(registry, meter);
  const common = { openUdp, clock: systemClock, log, timeline, sha256, meter };
  const isKnown = async (id: MachineId): Promise<boolean> => {
    await names.refresh();
    return names.of(id) !== undefined;
  };
  const unknown = config['boot.unknown'];
  const conflict = (id: MachineId): string | undefined => registry.conflict(id);

  const policy = dhcpPolicy(config, network, names);
  const dhcp: DhcpService = new DhcpService({
    ...common,
    openUdp: recorder.tapped('dhcp', openUdp),
    leases: sqliteLeases(database),
    policy,
    ...dhcpLimits(config),
  });
  const proxy = new ProxyDhcpService({
    ...common,
    openUdp: recorder.tapped('dhcp', openUdp),
    policy,
    ...dhcpLimits(config),
  });
  const apiTokens = new ApiTokenFile(places.keys);
  const tokens = new BootTokens({ ...common, store: sqliteBootTokens(database) });
  const scripts = new BootScripts({
    ...common,
    policy: scriptPolicy(config, network),
    unknown,
    isKnown,
    conflict,
    leaseOf,
    issueToken: (id, address) => tokens.issue(id, address),
  });
  const tftp = new TftpService({
    ...common,
    openUdp: recorder.tapped('tftp', openUdp),
    files: firstOf(new ScriptFiles(scripts), bootFiles(places)),
    addresses: [network.cidr.address],
    port: config['tftp.port'],
    singlePort: config['tftp.singlePort'],
    limits: {
      transfers: config['tftp.maxTransfers'],
      transfersPerClient: config['tftp.maxPerClient'],
      mtu: MTU,
    },
  });
  const remote = new Remote({
    run: sshRunner({ privateKey: async () => (await keys.host0()).privateKey, user: 'root', port: 22 }),
    log,
  });
  const http = new HttpService({
    ...common,
    address: network.cidr.address,
    port: config['http.port'],
    controlSocket: places.controlSocket,
    bindError,
    files: publicFiles(places),
    script: (request, from) => scripts.answer(request, from),
    async mayHaveOverlay(id, from, shown): Promise<OverlayAnswer> {
      const known = await isKnown(id);
      const token = tokens.judge(id, from, shown);
      const lease = leaseOf?.(from);
      const leases = leaseOf !== undefined;
      return answerOverlay({ id, from, leases, lease, token, known, conflict: conflict(id), unknown });
    },
    overlayDelivered: token => tokens.delivered(token),
    async overlay(id, which): Promise<ReadyOverlay> {
      const { members, planHash, folder } = await (which === 'own'
        ? overlays.own(id)
        : overlays.everybodys());
      return { members, hash: planHash, folder: folder ?? 'default' };
    },
    metrics: () => meter.render(systemClock.now()),
    apiTokens: () => apiTokens.all(),
    observed: exchange => recorder.observed(exchange, exchange.path === PATHS.report),
    back: backstage({
      ...{ registry, remote, names, chronicle, tokens, recorder, services: () => services },
      status: {
        ...{ config, network, recorder, startedAt: systemClock.now(), folders: () => names.count },
        dhcp: isServer ? dhcp : undefined,
      },
    }),
  });

  const overlayWatch = new OverlayWatch({
    overlays,
    folders: new InotifyFolders(places.root),
    clock: systemClock,
    log,
    chronicle,
    onBuilt: () => names.refresh(),
  });
  await apiTokens.make();
  addFigures(meter, { registry, tftp, dhcp: isServer ? dhcp : undefined });
  meter.start();
  const services: Service[] = [
    registry,
    tokens,
    new BootFiles(places, config, log),
    new FirstBuild({ overlays, names, chronicle, log }),
    ...(config['overlay.watch'] === 'auto' ? [overlayWatch] : []),
    http,
    tftp,
    ...(isServer ? [dhcp] : []),
    ...(config['dhcp.mode'] === 'proxy' ? [proxy] : []),
  ];
  return { services, summary: summaryOf(config, network), close: () => database.close() };
}

function recorderOn({ cidr, interface: name }: SiteNetwork): Recorder {
  const mac = macOf(name) ?? ('02:00:00:00:00:02' as Mac);
  return new Recorder({ mac, interface: name, address: cidr.address, microseconds, version: VERSION });
}

/** TFTP serves kernel and initramfs from where HTTP does, under the same names. */
function bootFiles(places: Places): MountedFiles {
  return new MountedFiles([
    { prefix: '', root: places.tftp },
    { prefix: 'boot/', root: `${places.http}/boot` },
  ]);
}

/** UEFI HTTP boot fetches the boot program that PXE clients get by TFTP. */
function publicFiles(places: Places): MountedFiles {
  return new MountedFiles([
    { prefix: '', root: places.http },
    { prefix: 'boot/', root: places.tftp },
  ]);
}

const sha256: Sha256 = data => createHash('sha256').update(data).digest();
