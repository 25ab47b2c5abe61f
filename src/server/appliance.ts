import { AGENT_SOCKET } from '../api/agent.ts';
import { PATHS } from '../api/paths.ts';
import type { Service } from '../base/ports.ts';
import { firstOf } from '../base/served.ts';
import { answerOverlay } from '../domain/boot/access.ts';
import type { Places } from '../domain/config/places.ts';
import type { MachineId } from '../domain/machine/genid.ts';
import type { Host } from '../domain/workload/host.ts';
import { MonolithFolder } from '../io/files/monoliths.ts';
import { MountedFiles } from '../io/files/served.ts';
import { InotifyFolders } from '../io/files/watching.ts';
import { RuleFolder } from '../io/hocon/rulefiles.ts';
import { ApiTokenFile } from '../io/keys/api-token.ts';
import { sqliteBootTokens } from '../io/sqlite/boot-tokens.ts';
import { sqliteHosts } from '../io/sqlite/hosts.ts';
import { sqliteLeases } from '../io/sqlite/leases.ts';
import { sqliteWorkloads } from '../io/sqlite/workloads.ts';
import type { SshOptions } from '../io/ssh/connect.ts';
import { SshLinks } from '../io/ssh/link.ts';
import { sshRunner } from '../io/ssh/run.ts';
import { bindError, openUdp } from '../io/udp.ts';
import { DhcpService } from '../service/dhcp/dhcp.ts';
import { ProxyDhcpService } from '../service/dhcp/proxy.ts';
import type { ArtefactSources, ReadyOverlay } from '../service/http/artefacts.ts';
import { HttpService } from '../service/http/service.ts';
import type { LibvirtHosts } from '../service/libvirt/hosts.ts';
import { OverlayWatch } from '../service/overlay/watch.ts';
import { Placement } from '../service/placement/placement.ts';
import { Remote } from '../service/remote.ts';
import { BootScripts } from '../service/scripts.ts';
import { TftpService } from '../service/tftp/service.ts';
import { BootTokens } from '../service/tokens.ts';
import { Workloads } from '../service/workload/workloads.ts';
import { backstage } from './backstage.ts';
import { BootFiles } from './bootfiles.ts';
import { addFigures } from './figures.ts';
import { FirstBuild } from './firstbuild.ts';
import { type ApplianceParts, type Foundation, layFoundation } from './foundation.ts';
import { openLibvirt } from './libvirt.ts';
import { dhcpLimits, dhcpPolicy, scriptPolicy, summaryOf } from './policies.ts';
import { ScriptFiles } from './scriptfiles.ts';

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

/** Puts all parts together: who gets whose interface is decided in this folder and nowhere else. */
export async function openAppliance(parts: ApplianceParts): Promise<Appliance> {
  const base = await layFoundation(parts);
  const apiTokens = new ApiTokenFile(base.places.keys);
  await apiTokens.make();
  const tokens = new BootTokens({ ...base.common, store: sqliteBootTokens(base.database) });
  const scripts = openScripts(base, tokens);
  const dhcp = openDhcp(base);
  const tftp = openTftp(base, scripts);
  const { libvirt, placement, workloads } = openWorkloads(base);
  const services: Service[] = [
    base.registry,
    tokens,
    new BootFiles(base.places, base.config, base.log),
    new FirstBuild(base),
    ...openWatch(base),
    workloads,
    placement,
    // After the table of hosts has been read.
    libvirt,
    openHttp(base, { tokens, scripts, apiTokens, dhcp, placement, workloads, services: () => services }),
    tftp,
    ...(dhcp ? [dhcp] : openProxy(base)),
  ];
  addFigures(base.meter, { registry: base.registry, tftp, dhcp, placement, workloads });
  base.meter.start();
  return { services, summary: summaryOf(base.config, base.network), close: () => base.database.close() };
}

function openScripts(base: Foundation, tokens: BootTokens): BootScripts {
  const { config, network, registry, leases } = base;
  return new BootScripts({
    ...base.common,
    policy: scriptPolicy(config, network),
    unknown: config['boot.unknown'],
    isKnown: id => isKnown(base, id),
    conflict: id => registry.conflict(id),
    leaseOf: leases.of,
    issueToken: (id, address) => tokens.issue(id, address),
  });
}

/** The DHCP server, where this appliance is it. */
function openDhcp(base: Foundation): DhcpService | undefined {
  const { config, network, names, recorder, database, leases } = base;
  if (config['dhcp.mode'] !== 'server') return undefined;
  const dhcp = new DhcpService({
    ...base.common,
    openUdp: recorder.tapped('dhcp', openUdp),
    leases: sqliteLeases(database),
    policy: dhcpPolicy(config, network, names),
    ...dhcpLimits(config),
  });
  leases.ask(dhcp);
  return dhcp;
}

/** Beside somebody else's DHCP server. */
function openProxy({ config, network, names, recorder, common }: Foundation): Service[] {
  if (config['dhcp.mode'] !== 'proxy') return [];
  const policy = dhcpPolicy(config, network, names);
  const tapped = recorder.tapped('dhcp', openUdp);
  return [new ProxyDhcpService({ ...common, openUdp: tapped, policy, ...dhcpLimits(config) })];
}

function openTftp(
  { config, network, places, recorder, common }: Foundation,
  scripts: BootScripts,
): TftpService {
  return new TftpService({
    ...common,
    openUdp: recorder.tapped('tftp', openUdp),
    files: firstOf(new ScriptFiles(scripts), tftpFiles(places)),
    addresses: [network.cidr.address],
    port: config['tftp.port'],
    singlePort: config['tftp.singlePort'],
    limits: {
      transfers: config['tftp.maxTransfers'],
      transfersPerClient: config['tftp.maxPerClient'],
      mtu: MTU,
    },
  });
}

/** Rebuilds overlays when files of /host0 change. */
function openWatch({ config, places, overlays, names, chronicle, common }: Foundation): Service[] {
  if (config['overlay.watch'] === 'off') return [];
  const folders = new InotifyFolders(places.root);
  return [new OverlayWatch({ ...common, overlays, folders, chronicle, onBuilt: () => names.refresh() })];
}

/** Workloads are placed by what they take, which the workloads themselves know: each asks the other. */
function openWorkloads(base: Foundation): {
  libvirt: LibvirtHosts;
  placement: Placement;
  workloads: Workloads;
} {
  const { config, database, names, places, registry, common } = base;
  const named = <T extends { id: MachineId }>(host: T): T => ({ ...host, name: names.of(host.id) });
  // A machine that contrives to have the id of a libvirt host is none itself, nor has it a say in what runs there.
  const isNode = ({ id }: { id: MachineId }): boolean => !placement.isLibvirt(id);
  const hosts = (): readonly Host[] => [...registry.hosts().filter(isNode).map(named), ...libvirt.hosts()];
  const libvirt: LibvirtHosts = openLibvirt(base, {
    records: () => placement.libvirtHosts(),
    heard: id => workloads.heard(id),
  });
  const placement: Placement = new Placement({
    ...common,
    files: new RuleFolder(places.root),
    folders: new InotifyFolders(places.root),
    store: sqliteHosts(database),
    hosts,
    known: () => workloads.holdings(),
  });
  const workloads: Workloads = new Workloads({
    ...common,
    files: new MonolithFolder(places.monoliths),
    store: sqliteWorkloads(database),
    hosts,
    host: id => {
      const host = registry.host(id);
      return host && isNode(host) ? named(host) : libvirt.host(id);
    },
    links: new SshLinks({ ...sshTo(base), socket: AGENT_SOCKET, clock: common.clock }),
    libvirt,
    placer: placement,
    accel: config['workload.accel'],
  });
  return { libvirt, placement, workloads };
}

/** Root of every node, by the key that its overlay brings. */
function sshTo({ keys }: Foundation): SshOptions {
  return { privateKey: async () => (await keys.host0()).privateKey, user: 'root', port: 22 };
}

interface HttpNeighbours {
  readonly tokens: BootTokens;
  readonly scripts: BootScripts;
  readonly apiTokens: ApiTokenFile;
  readonly dhcp: DhcpService | undefined;
  readonly placement: Placement;
  readonly workloads: Workloads;
  readonly services: () => readonly Service[];
}

function openHttp(
  base: Foundation,
  { tokens, scripts, apiTokens, dhcp, placement, workloads, services }: HttpNeighbours,
): HttpService {
  const { config, network, places, recorder, names, meter, log, common } = base;
  const remote = new Remote({ run: sshRunner(sshTo(base)), log });
  const startedAt = common.clock.now();
  return new HttpService({
    ...common,
    ...overlaysFor(base, tokens),
    address: network.cidr.address,
    port: config['http.port'],
    controlSocket: places.controlSocket,
    bindError,
    files: httpFiles(places),
    script: (request, from) => scripts.answer(request, from),
    metrics: audience => meter.render(common.clock.now(), audience),
    apiTokens: () => apiTokens.all(),
    observed: exchange => recorder.observed(exchange, exchange.path === PATHS.report),
    back: backstage({
      ...base,
      ...{ placement, remote, tokens, services, workloads },
      status: { config, network, recorder, startedAt, folders: () => names.count, dhcp },
    }),
  });
}

/** Who may have which overlay, and what is in it. */
function overlaysFor(
  base: Foundation,
  tokens: BootTokens,
): Pick<ArtefactSources, 'mayHaveOverlay' | 'overlay' | 'overlayDelivered'> {
  const { config, overlays, registry, leases } = base;
  return {
    async mayHaveOverlay(id, from, shown) {
      return answerOverlay({
        ...{ id, from },
        known: await isKnown(base, id),
        token: tokens.judge(id, from, shown),
        leases: leases.of !== undefined,
        lease: leases.of?.(from),
        conflict: registry.conflict(id),
        unknown: config['boot.unknown'],
      });
    },
    overlayDelivered: token => tokens.delivered(token),
    async overlay(id, which): Promise<ReadyOverlay> {
      const overlay = which === 'own' ? await overlays.own(id) : await overlays.everybodys();
      return { members: overlay.members, hash: overlay.planHash, folder: overlay.folder ?? 'default' };
    },
  };
}

/** Is there an overlay made for this very machine? `mesh system configure` may have made it a moment ago. */
async function isKnown({ names }: Foundation, id: MachineId): Promise<boolean> {
  await names.refresh();
  return names.of(id) !== undefined;
}

/** TFTP serves kernel and initramfs from where HTTP does, under the same names. */
function tftpFiles(places: Places): MountedFiles {
  return new MountedFiles([
    { prefix: '', root: places.tftp },
    { prefix: 'boot/', root: `${places.http}/boot` },
  ]);
}

/** UEFI HTTP boot fetches the boot program that PXE clients get by TFTP. */
function httpFiles(places: Places): MountedFiles {
  return new MountedFiles([
    { prefix: '', root: places.http },
    { prefix: 'boot/', root: places.tftp },
  ]);
}
