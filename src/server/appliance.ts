import { createHash } from 'node:crypto';
import { formatDiagnostic } from '../base/diagnostic.ts';
import type { Log, Service } from '../base/ports.ts';
import { firstOf } from '../base/served.ts';
import { VERSION } from '../base/version.ts';
import { answerOverlay } from '../domain/boot/access.ts';
import type { DhcpPolicy } from '../domain/boot/policy.ts';
import type { ScriptPolicy } from '../domain/boot/script.ts';
import type { Places } from '../domain/config/places.ts';
import type { Config, SiteNetwork } from '../domain/config/settings.ts';
import type { Sha256 } from '../domain/machine/genid.ts';
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
import type { Backstage } from '../service/http/api.ts';
import { HttpService } from '../service/http/service.ts';
import type { OverlayService } from '../service/overlay/overlay.ts';
import { Registry } from '../service/registry/registry.ts';
import { Remote } from '../service/remote.ts';
import { BootScripts } from '../service/scripts.ts';
import { TftpService } from '../service/tftp/service.ts';
import { BootFiles } from './bootfiles.ts';
import { MachineNames } from './machines.ts';
import { openOverlays } from './overlays.ts';
import { ScriptFiles } from './scriptfiles.ts';
import { httpBaseOf, saveSite, siteFacts } from './site.ts';

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
export async function openAppliance(parts: ApplianceParts): Promise<Appliance> {
  const { places, config, network, log } = parts;
  const clock = systemClock;
  const keys = new KeyFolder(places.keys);
  const site = await siteFacts(config, network, places);
  const overlays = openOverlays(places, async () => site);
  const names = new MachineNames(new OverlayFolder(places.overlays));
  const database = Database.open(places.database);

  const registry: Registry = new Registry({
    store: sqliteNodes(database),
    clock,
    log,
    sha256,
    leaseOf: config['dhcp.mode'] === 'server' ? address => dhcp.leaseAt(address) : undefined,
    // Keys outlive a folder that was removed; a machine without a folder is on the default overlay and has none.
    hostKeyOf: async id => (names.of(id) === undefined ? undefined : (await keys.find(id))?.hostKeyPublic),
    tokenMatches: (id, token) => keys.tokenMatches(id, token),
    interval: config['agent.interval'],
  });
  const common = { openUdp, clock, log, timeline: registry };
  const dhcp: DhcpService = new DhcpService({
    ...common,
    leases: sqliteLeases(database),
    policy: dhcpPolicy(parts, names),
    sha256,
    port: config['dhcp.port'],
  });
  const scripts = new BootScripts({
    ...common,
    policy: scriptPolicy(config, network),
    unknown: config['boot.unknown'],
    isKnown: async id => {
      await names.refresh();
      return names.of(id) !== undefined;
    },
    conflict: id => registry.conflict(id),
    sha256,
  });
  const bootFiles = new MountedFiles([
    { prefix: '', root: places.tftp },
    { prefix: 'boot/', root: `${places.http}/boot` },
  ]);
  const tftp = new TftpService({
    ...common,
    files: firstOf(new ScriptFiles(scripts), bootFiles),
    addresses: [network.cidr.address],
    port: config['tftp.port'],
    limits: {
      transfers: config['tftp.maxTransfers'],
      transfersPerClient: config['tftp.maxPerClient'],
      mtu: MTU,
    },
  });
  const machineServices: Service[] = config['dhcp.mode'] === 'server' ? [tftp, dhcp] : [tftp];
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
    // UEFI HTTP boot fetches the boot program that PXE clients get by TFTP.
    files: new MountedFiles([
      { prefix: '', root: places.http },
      { prefix: 'boot/', root: places.tftp },
    ]),
    script: (request, from) => scripts.answer(request, from),
    async mayHaveOverlay(id, from) {
      await names.refresh();
      const known = names.of(id) !== undefined;
      return answerOverlay({
        id,
        from,
        lease: dhcp.leaseAt(from),
        known,
        conflict: registry.conflict(id),
        unknown: config['boot.unknown'],
      });
    },
    async overlay(id, which) {
      const { members, planHash, folder } = await (which === 'own'
        ? overlays.own(id)
        : overlays.everybodys());
      return { members, hash: planHash, folder: folder ?? 'default' };
    },
    back: backstage({ registry, remote, names, health: () => services }),
  });
  const first = firstBuild(overlays, names, log, () => saveSite(places, site));
  const services: Service[] = [registry, new BootFiles(places, config, log), first, http, ...machineServices];
  return { services, summary: summaryOf(parts), close: () => database.close() };
}

/** Overlays are up to date before the first machine is answered. A folder with problems keeps its last good overlay and stops nobody. */
function firstBuild(
  overlays: OverlayService,
  names: MachineNames,
  log: Log,
  saveSite: () => Promise<void>,
): Service {
  let trouble: string | undefined;
  return {
    name: 'overlays',
    async start() {
      await saveSite();
      const report = await overlays.build();
      for (const problem of report.problems) log.warn('overlay', formatDiagnostic(problem));
      if (report.problems.length > 0)
        trouble = `${report.problems.length} problems in /host0; see: mesh system configure --check`;
      log.info(
        'overlay',
        `${report.folders.filter(folder => folder.served).length} of ${report.folders.length} machine folders are served`,
      );
      await names.refresh();
    },
    async stop() {},
    health: () => trouble,
  };
}

function backstage(parts: {
  registry: Registry;
  remote: Remote;
  names: MachineNames;
  health: () => readonly Service[];
}): Backstage {
  const { registry, remote, names } = parts;
  return {
    report: (report, from, token) => registry.report(report, from, token),
    async nodes() {
      await names.refresh();
      return registry.nodes().map(node => ({ ...node, name: names.of(node.id) }));
    },
    async node(id) {
      await names.refresh();
      return { ...registry.node(id), name: names.of(id) };
    },
    ctl: (request, onLine, signal) =>
      remote.ctl(registry.targets(request.nodes), request.command, onLine, {
        timeoutSeconds: request.timeoutSeconds,
        signal,
      }),
    health() {
      const complaints = parts.health().map(service => [service.name, service.health() ?? null] as const);
      return {
        ok: complaints.every(([, text]) => text === null),
        version: VERSION,
        parts: Object.fromEntries(complaints),
      };
    },
  };
}

function dhcpPolicy({ config, network }: ApplianceParts, names: MachineNames): DhcpPolicy {
  return {
    server: network.cidr,
    pool: config['dhcp.pool'],
    leaseSeconds: config['dhcp.leaseTime'],
    router: config['dhcp.router'] || undefined,
    dns: config['dhcp.dns'],
    domain: config['dhcp.domain'] || undefined,
    httpBase: httpBaseOf(config, network),
    transport: config['boot.transport'],
    hostname: machine => names.of(machine.machineId),
  };
}

function scriptPolicy(config: Config, network: SiteNetwork): ScriptPolicy {
  return {
    httpBase: httpBaseOf(config, network),
    tftpBase: `tftp://${network.cidr.address}`,
    transport: config['boot.transport'] === 'tftp' ? 'tftp' : 'http',
    kernel: config['boot.kernel'],
    initramfs: config['boot.initramfs'],
    modloop: config['boot.modloop'],
    consoles: config['boot.console'],
    arguments: config['boot.arguments'],
  };
}

function summaryOf({ config, network }: ApplianceParts): string {
  const { address, prefix } = network.cidr;
  const dhcp = config['dhcp.mode'] === 'server' ? `DHCP :${config['dhcp.port']}, ` : '';
  return `${dhcp}TFTP :${config['tftp.port']} and HTTP :${config['http.port']} on ${address}/${prefix} (${network.interface})`;
}

const sha256: Sha256 = data => createHash('sha256').update(data).digest();
