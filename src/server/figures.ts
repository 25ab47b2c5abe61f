import { HOST_STATES } from '../domain/placement/host.ts';
import type { Usage } from '../domain/workload/status.ts';
import type { PromMeter } from '../io/metrics.ts';
import type { DhcpService } from '../service/dhcp/dhcp.ts';
import type { Placement } from '../service/placement/placement.ts';
import type { Registry } from '../service/registry/registry.ts';
import type { TftpService } from '../service/tftp/service.ts';
import type { Workloads } from '../service/workload/workloads.ts';

export interface FigureSources {
  readonly registry: Registry;
  readonly tftp: TftpService;
  /** Undefined where another server gives the addresses. */
  readonly dhcp: DhcpService | undefined;
  readonly placement: Placement;
  readonly workloads: Workloads;
}

const NODE_STATES = ['booting', 'stalled', 'up', 'silent', 'unknown'] as const;

/** The figures of /metrics that are looked up when somebody asks for them. */
export function addFigures(
  meter: PromMeter,
  { registry, tftp, dhcp, placement, workloads }: FigureSources,
): void {
  meter.sample({
    name: 'pxen_nodes',
    about: 'Machines that were ever seen, by state.',
    kind: 'gauge',
    label: 'state',
    read: () =>
      tally(
        NODE_STATES,
        registry.nodes().map(node => node.state),
      ),
  });
  meter.sample({
    name: 'pxen_tftp_transfers',
    about: 'TFTP transfers under way.',
    kind: 'gauge',
    read: () => [['', tftp.transfers]],
  });
  addWorkloadFigures(meter, workloads);
  addPlacementFigures(meter, placement);
  if (!dhcp) return;
  meter.sample({
    name: 'pxen_dhcp_datagrams_total',
    about: 'DHCP datagrams since the start, by what became of them.',
    kind: 'counter',
    label: 'result',
    read: () => Object.entries(dhcp.counts),
  });
  meter.sample({
    name: 'pxen_dhcp_addresses',
    about: 'Addresses of all pools, by whether they are leased now.',
    kind: 'gauge',
    label: 'state',
    read: () => Object.entries(dhcp.addresses()),
  });
}

/** Of each workload, the counters of its node since its virtual machine started. Not of workloads whose node is silent. */
const USAGE: readonly { name: string; kind: 'gauge' | 'counter'; about: string; of: keyof Usage }[] = [
  {
    name: 'pxen_workload_cpu_seconds_total',
    kind: 'counter',
    about: 'Processor time that the virtual machine has used.',
    of: 'cpuSeconds',
  },
  {
    name: 'pxen_workload_memory_bytes',
    kind: 'gauge',
    about: 'Memory of the node that the virtual machine holds.',
    of: 'memoryBytes',
  },
  {
    name: 'pxen_workload_disk_read_bytes_total',
    kind: 'counter',
    about: 'Bytes that the guest has read from its volumes.',
    of: 'diskReadBytes',
  },
  {
    name: 'pxen_workload_disk_written_bytes_total',
    kind: 'counter',
    about: 'Bytes that the guest has written to its volumes.',
    of: 'diskWrittenBytes',
  },
  {
    name: 'pxen_workload_network_received_bytes_total',
    kind: 'counter',
    about: 'Bytes that the guest has received on its bridged cards.',
    of: 'networkReceivedBytes',
  },
  {
    name: 'pxen_workload_network_sent_bytes_total',
    kind: 'counter',
    about: 'Bytes that the guest has sent on its bridged cards.',
    of: 'networkSentBytes',
  },
];

function addWorkloadFigures(meter: PromMeter, workloads: Workloads): void {
  meter.sample({
    name: 'pxen_workload_state',
    about: '1 for the state that a workload is in.',
    kind: 'gauge',
    named: true,
    label: ['workload', 'node', 'state'],
    read: () => workloads.statuses().map(({ node, status }) => [[status.name, node, status.state], 1]),
  });
  for (const { of, ...metric } of USAGE)
    meter.sample({
      ...metric,
      named: true,
      label: ['workload', 'node'],
      read: () =>
        workloads.statuses().flatMap(({ node, status }) => {
          const value = status.usage?.[of];
          return value === undefined ? [] : [[[status.name, node], value] as const];
        }),
    });
}

function addPlacementFigures(meter: PromMeter, placement: Placement): void {
  meter.sample({
    name: 'pxen_hosts',
    about: 'Hosts for workloads, by what they take.',
    kind: 'gauge',
    label: 'state',
    read: () => HOST_STATES.map(state => [state, placement.tallies().hosts[state] ?? 0]),
  });
  meter.sample({
    name: 'pxen_places',
    about: 'Workloads that hold a place: their start is under way, they run, or their host does not report.',
    kind: 'gauge',
    label: 'state',
    read: () => Object.entries(placement.tallies().vms),
  });
}

/** A state without nodes is 0, not absent. */
function tally(states: readonly string[], found: readonly string[]): [string, number][] {
  return states.map(state => [state, found.filter(each => each === state).length]);
}
