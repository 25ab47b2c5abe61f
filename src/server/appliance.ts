import { createHash } from 'node:crypto';
import type { Log, Service } from '../base/ports.ts';
import { firstOf } from '../base/served.ts';
import { answerOverlay, type OverlayAnswer } from '../domain/boot/access.ts';
import type { Places } from '../domain/config/places.ts';
import type { Config, SiteNetwork } from '../domain/config/settings.ts';
import type { MachineId, Sha256 } from '../domain/machine/genid.ts';
import { systemClock } from '../io/clock.ts';
import { OverlayFolder } from '../io/files/overlays.ts';
import { MountedFiles } from '../io/files/served.ts';
import { KeyFolder } from '../io/keys/keys.ts';
import { Database } from '../io/sqlite/database.ts';
import { sqliteLeases } from '../io/sqlite/leases.ts';
import { sqliteNodes } from '../io/sqlite/nodes.ts';
import { sshRunner } from '../io/ssh/run.ts';
import { bindError, openUdp } from '../io/udp.ts';
import { DhcpService } from '../service/dhcp/dhcp.ts';
import type { ReadyOverlay } from '../service/http/artefacts.ts';
import { HttpService } from '../service/http/service.ts';
import { Registry } from '../service/registry/registry.ts';
import { Remote } from '../service/remote.ts';
import { BootScripts } from '../service/scripts.ts';
import { TftpService } from '../service/tftp/service.ts';
import { backstage } from './backstage.ts';
import { BootFiles } from './bootfiles.ts';
import { FirstBuild } from './firstbuild.ts';
import { MachineNames } from './machines.ts';
import { openOverlays } from './overlays.ts';
import { dhcpPolicy, scriptPolicy, summaryOf } from './policies.ts';
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
  const overlays = openOverlays(places, async () => site);
  const names = new MachineNames(new OverlayFolder(places.overlays));
  const database = Database.open(places.database);
  const isServer = config['dhcp.mode'] === 'server';

  const registry: Registry = new Registry({
    store: sqliteNodes(database),
    clock: systemClock,
    log,
    sha256,
    leaseOf: isServer ? address => dhcp.leaseAt(address) : undefined,
    // Keys outlive a folder that was removed; a machine without a folder is on the default overlay and has none.
    hostKeyOf: async id => (names.of(id) === undefined ? undefined : (await keys.find(id))?.hostKeyPublic),
    tokenMatches: (id, token) => keys.tokenMatches(id, token),
    interval: config['agent.interval'],
  });
  const common = { openUdp, clock: systemClock, log, timeline: registry, sha256 };
  const isKnown = async (id: MachineId): Promise<boolean> => {
    await names.refresh();
    return names.of(id) !== undefined;
  };
  const unknown = config['boot.unknown'];
  const conflict = (id: MachineId): string | undefined => registry.conflict(id);

  const dhcp: DhcpService = new DhcpService({
    ...common,
    leases: sqliteLeases(database),
    policy: dhcpPolicy(config, network, names),
    port: config['dhcp.port'],
  });
  const scripts = new BootScripts({
    ...common,
    policy: scriptPolicy(config, network),
    unknown,
    isKnown,
    conflict,
  });
  const tftp = new TftpService({
    ...common,
    files: firstOf(new ScriptFiles(scripts), bootFiles(places)),
    addresses: [network.cidr.address],
    port: config['tftp.port'],
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
    async mayHaveOverlay(id, from): Promise<OverlayAnswer> {
      const known = await isKnown(id);
      return answerOverlay({ id, from, lease: dhcp.leaseAt(from), known, conflict: conflict(id), unknown });
    },
    async overlay(id, which): Promise<ReadyOverlay> {
      const { members, planHash, folder } = await (which === 'own'
        ? overlays.own(id)
        : overlays.everybodys());
      return { members, hash: planHash, folder: folder ?? 'default' };
    },
    back: backstage({ registry, remote, names, services: () => services }),
  });

  const services: Service[] = [
    registry,
    new BootFiles(places, config, log),
    new FirstBuild(overlays, names, log),
    http,
    tftp,
    ...(isServer ? [dhcp] : []),
  ];
  return { services, summary: summaryOf(config, network), close: () => database.close() };
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
