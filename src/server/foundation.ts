import type { Ipv4 } from '../base/ipv4.ts';
import type { Mac } from '../base/mac.ts';
import type { Clock, Log, OpenUdp } from '../base/ports.ts';
import { VERSION } from '../base/version.ts';
import type { Places } from '../domain/config/places.ts';
import type { Config, SiteNetwork } from '../domain/config/settings.ts';
import type { Lease } from '../domain/lease/lease.ts';
import type { MachineId, Sha256 } from '../domain/machine/genid.ts';
import type { Timeline } from '../domain/node/timeline.ts';
import { macOf } from '../io/addresses.ts';
import { microseconds, systemClock } from '../io/clock.ts';
import { OverlayFolder } from '../io/files/overlays.ts';
import { KeyFolder } from '../io/keys/keys.ts';
import { PromMeter } from '../io/metrics.ts';
import { sha256 } from '../io/sha256.ts';
import { Database } from '../io/sqlite/database.ts';
import { sqliteNodes } from '../io/sqlite/nodes.ts';
import { openUdp } from '../io/udp.ts';
import { BuildChronicle } from '../service/overlay/chronicle.ts';
import type { OverlayService } from '../service/overlay/overlay.ts';
import { Recorder } from '../service/recorder/recorder.ts';
import { Registry } from '../service/registry/registry.ts';
import { MachineNames } from './machines.ts';
import { meteredTimeline } from './metered.ts';
import { openOverlays } from './overlays.ts';
import { saveSite, siteFacts } from './site.ts';

export interface ApplianceParts {
  readonly places: Places;
  readonly config: Config;
  readonly network: SiteNetwork;
  readonly log: Log;
}

/** What every protocol of the appliance stands on: stores and keys, the overlays, and whoever keeps what is seen. */
export interface Foundation extends ApplianceParts {
  readonly keys: KeyFolder;
  readonly database: Database;
  readonly overlays: OverlayService;
  readonly names: MachineNames;
  readonly chronicle: BuildChronicle;
  readonly registry: Registry;
  readonly recorder: Recorder;
  readonly meter: PromMeter;
  readonly leases: CurrentLeases;
  /** What most services want. */
  readonly common: {
    readonly openUdp: OpenUdp;
    readonly clock: Clock;
    readonly log: Log;
    readonly timeline: Timeline;
    readonly sha256: Sha256;
    readonly meter: PromMeter;
  };
}

export async function layFoundation(parts: ApplianceParts): Promise<Foundation> {
  const { places, config, network, log } = parts;
  const site = await siteFacts(config, network, places);
  await saveSite(places, site);
  const keys = new KeyFolder(places.keys);
  const names = new MachineNames(new OverlayFolder(places.overlays));
  const leases = new CurrentLeases(config['dhcp.mode'] === 'server');
  const database = Database.open(places.database);
  const registry = openRegistry(parts, { database, keys, names, leases });
  const overlays = openOverlays(
    places,
    async () => site,
    () => registry.overlays(),
  );
  const meter = new PromMeter();
  const timeline = meteredTimeline(registry, meter);
  return {
    ...parts,
    ...{ keys, names, leases, database, registry, overlays, meter },
    chronicle: new BuildChronicle({ log, meter }),
    recorder: recorderOn(network),
    common: { openUdp, clock: systemClock, log, timeline, sha256, meter },
  };
}

/** Who has which address. The registry asks the DHCP service, which in turn tells the registry what it sees: this stands between. */
export class CurrentLeases {
  /** Undefined where another server gives out the addresses: then nobody here knows who has which. */
  readonly of: ((address: Ipv4) => Lease | undefined) | undefined;
  #table: { leaseAt(address: Ipv4): Lease | undefined } | undefined;

  constructor(weAreTheServer: boolean) {
    this.of = weAreTheServer ? address => this.#table?.leaseAt(address) : undefined;
  }

  /** From now on this one is asked. */
  ask(table: { leaseAt(address: Ipv4): Lease | undefined }): void {
    this.#table = table;
  }
}

function openRegistry(
  { config, log }: ApplianceParts,
  { database, keys, names, leases }: Pick<Foundation, 'database' | 'keys' | 'names' | 'leases'>,
): Registry {
  return new Registry({
    store: sqliteNodes(database),
    clock: systemClock,
    log,
    sha256,
    leaseOf: leases.of,
    // Keys outlive a folder that was removed; a machine without a folder is on the default overlay and has none.
    async hostKeyOf(id: MachineId) {
      return names.of(id) === undefined ? undefined : (await keys.find(id))?.hostKeyPublic;
    },
    tokenMatches: (id, token) => keys.tokenMatches(id, token),
    interval: config['agent.interval'],
    appliance: () => ({ proxy: config['dhcp.mode'] === 'proxy' }),
  });
}

/** Some interfaces, such as tunnels, have no MAC address; a capture needs one all the same. */
function recorderOn({ cidr, interface: name }: SiteNetwork): Recorder {
  const mac = macOf(name) ?? ('02:00:00:00:00:02' as Mac);
  return new Recorder({ mac, interface: name, address: cidr.address, microseconds, version: VERSION });
}
