import type { NodeSummary } from '../api/nodes.ts';
import type { Status } from '../api/status.ts';
import type { WorkloadView } from '../api/workloads.ts';
import { VERSION } from '../base/version.ts';
import { PROXY_PORT } from '../domain/boot/decideproxy.ts';
import type { Config, SiteNetwork } from '../domain/config/settings.ts';
import type { DhcpService } from '../service/dhcp/dhcp.ts';
import type { Recorder } from '../service/recorder/recorder.ts';

export interface StatusSources {
  readonly config: Config;
  readonly network: SiteNetwork;
  readonly startedAt: number;
  /** Undefined where another server gives the addresses. */
  readonly dhcp: DhcpService | undefined;
  readonly recorder: Recorder;
  /** Machine folders that are served. */
  readonly folders: () => number;
}

/** The part of the status that the nodes and the services tell. */
export interface StatusNow {
  readonly parts: Status['parts'];
  readonly nodes: readonly NodeSummary[];
  readonly workloads: readonly WorkloadView[] | undefined;
  readonly hosts: Status['hosts'];
  readonly places: Status['places'];
  readonly problems: Status['problems'];
}

/** What `mesh system status` shows. */
export function statusOf(sources: StatusSources, now: StatusNow): Status {
  const { config, network, recorder, startedAt } = sources;
  const { address, prefix } = network.cidr;
  return {
    version: VERSION,
    startedAt,
    parts: now.parts,
    network: { interface: network.interface, address, prefix },
    ports: portsOf(config),
    dhcp: { mode: config['dhcp.mode'], leases: leasesOf(sources.dhcp) },
    nodes: countStates(now.nodes),
    workloads: now.workloads && countStates(now.workloads),
    hosts: now.hosts,
    places: now.places,
    overlays: { folders: sources.folders() },
    capture: recorder.usage(),
    problems: now.problems,
  };
}

function portsOf(config: Config): Status['ports'] {
  const dhcp = { what: 'DHCP', protocol: 'udp', port: config['dhcp.port'] } as const;
  return [
    ...(config['dhcp.mode'] === 'off' ? [] : [dhcp]),
    ...(config['dhcp.mode'] === 'proxy' ? [{ what: 'PXE', protocol: 'udp', port: PROXY_PORT } as const] : []),
    { what: 'TFTP', protocol: 'udp', port: config['tftp.port'] },
    { what: 'HTTP', protocol: 'tcp', port: config['http.port'] },
  ];
}

function leasesOf(dhcp: DhcpService | undefined): Status['dhcp']['leases'] {
  if (!dhcp) return undefined;
  const { used, free } = dhcp.addresses();
  return { pool: used + free, used, free };
}

function countStates(things: readonly { readonly state: string }[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { state } of things) counts.set(state, (counts.get(state) ?? 0) + 1);
  return Object.fromEntries(counts);
}
