import type { NodeSummary } from '../api/nodes.ts';
import type { HostView } from '../api/placement.ts';
import type { WorkloadView } from '../api/workloads.ts';
import { PxenError } from '../base/error.ts';
import type { Service } from '../base/ports.ts';
import { VERSION } from '../base/version.ts';
import type { Backstage } from '../service/http/api.ts';
import type { BuildChronicle } from '../service/overlay/chronicle.ts';
import type { Placement } from '../service/placement/placement.ts';
import type { Recorder } from '../service/recorder/recorder.ts';
import type { Registry } from '../service/registry/registry.ts';
import type { Remote } from '../service/remote.ts';
import type { BootTokens } from '../service/tokens.ts';
import type { Workloads } from '../service/workload/workloads.ts';
import type { MachineNames } from './machines.ts';
import { type StatusSources, statusOf } from './status.ts';

export interface BackstageParts {
  readonly placement: Placement;
  readonly registry: Registry;
  readonly remote: Remote;
  readonly names: MachineNames;
  readonly chronicle: BuildChronicle;
  readonly tokens: BootTokens;
  readonly recorder: Recorder;
  readonly workloads: Workloads;
  readonly status: StatusSources;
  /** Asked when health is asked: the list is complete only when the appliance is. */
  readonly services: () => readonly Service[];
}

/** What the API is told: the registry's nodes with the names of their folders, commands on nodes, and how every part is. */
export function backstage(parts: BackstageParts): Backstage {
  const { registry, remote, names, chronicle, placement, tokens, services, workloads } = parts;
  return {
    async report(report, from, token) {
      const answer = await registry.report(report, from, token);
      // It came with the credential of the machine's own overlay, so that has arrived.
      if (token !== undefined) await tokens.burn(report.id);
      workloads.heard(report.id);
      return answer;
    },
    async workloads() {
      await names.refresh();
      return withCosts(await workloads.list(), placement.hosts());
    },
    async runWorkloads(request, onLine, abort) {
      await names.refresh();
      await workloads.run(request, onLine, abort);
    },
    workloadOutput: (name, wanted, abort) => workloads.output(name, wanted, abort),
    workloadConsole: (name, abort) => workloads.console(name, abort),
    workloadGuest: (name, request, abort) => workloads.guest(name, request, abort),
    async nodes() {
      await names.refresh();
      return registry.nodes().map(node => withOverlay(node, names, chronicle));
    },
    async node(id) {
      await names.refresh();
      return withOverlay(registry.node(id), names, chronicle);
    },
    async forget(id) {
      registry.forget(id);
      await workloads.forget(id);
      await placement.forget(id);
    },
    async hosts() {
      await names.refresh();
      return placement.hosts();
    },
    async changeHost(name, change) {
      await names.refresh();
      return placement.changeHost(name, change);
    },
    async removeHost(name) {
      await names.refresh();
      return placement.removeHost(name);
    },
    realms: async () => placement.realms(),
    async placement({ curves, node, subject }) {
      await names.refresh();
      const [berthing] = await workloads.berthings([subject]);
      if (!berthing) throw new PxenError('BAD_REQUEST', 'nothing is to be placed');
      return placement.view({ ...berthing, asked: node ?? berthing.asked }, curves);
    },
    async plan({ subjects }) {
      await names.refresh();
      return placement.plan(await workloads.berthings(subjects));
    },
    ctl({ nodes, command, timeoutSeconds }, onLine, signal) {
      return remote.ctl(registry.targets(nodes), command, onLine, { timeoutSeconds, signal });
    },
    async capture(id) {
      const { macs, address, boots } = registry.node(id);
      const since = boots.at(-1)?.startedAt ?? 0;
      const heardFrom = boots.at(-1)?.events.flatMap(event => event.address ?? []) ?? [];
      const addresses = [...new Set([...heardFrom, ...(address ? [address] : [])])];
      const capture = parts.recorder.capture({ id, macs, addresses, since });
      if (capture) return capture;
      throw new PxenError('NOT_FOUND', `nothing is recorded of the last boot of ${id}`, {
        details: [
          'captures are kept in the memory of pxend: a restart, or many other machines since, loses them',
        ],
      });
    },
    async status() {
      await names.refresh();
      const problems = registry.problems(MOST_PROBLEMS).map(each => ({ ...each, name: names.of(each.node) }));
      const { hosts, vms: places } = placement.tallies();
      const now = {
        ...{ hosts: { ...hosts }, places: { ...places } },
        ...{ parts: complaintsOf(services()), nodes: registry.nodes(), problems },
        // A folder that cannot be listed is no reason to tell nothing at all.
        workloads: await workloads.list().catch(() => undefined),
      };
      return statusOf(parts.status, now);
    },
    health() {
      const complaints = Object.entries(complaintsOf(services()));
      return {
        ok: complaints.every(([, text]) => text === null),
        version: VERSION,
        parts: Object.fromEntries(complaints),
      };
    },
  };
}

const MOST_PROBLEMS = 5;

function complaintsOf(services: readonly Service[]): Record<string, string | null> {
  return Object.fromEntries(services.map(service => [service.name, service.health() ?? null]));
}

/** The node with the name and the problems of its folder, and with whether it runs what it would get now. */
function withOverlay<T extends NodeSummary>(node: T, names: MachineNames, chronicle: BuildChronicle): T {
  const name = names.of(node.id);
  const served = names.served(node.id);
  const overlay = node.overlay && { ...node.overlay, current: node.overlay.content === served };
  const problems = name === undefined ? [] : chronicle.problemsOf(name);
  return { ...node, name, overlay, folderProblems: problems.length === 0 ? undefined : [...problems] };
}

/** Of workloads that hold a place, the host, and what that costs with all that is on it. */
function withCosts(workloads: readonly WorkloadView[], hosts: readonly HostView[]): WorkloadView[] {
  const byId = new Map(hosts.map(host => [host.id, host]));
  return workloads.map(workload => {
    const host = workload.node && byId.get(workload.node);
    const holds = host?.workloads.some(({ name }) => name === workload.name) ?? false;
    return host && holds ? { ...workload, host: host.name, cost: host.cost } : workload;
  });
}
