import type { PromMeter } from '../io/metrics.ts';
import type { DhcpService } from '../service/dhcp/dhcp.ts';
import type { Registry } from '../service/registry/registry.ts';
import type { TftpService } from '../service/tftp/service.ts';

export interface FigureSources {
  readonly registry: Registry;
  readonly tftp: TftpService;
  /** Undefined where another server gives the addresses. */
  readonly dhcp: DhcpService | undefined;
}

const NODE_STATES = ['booting', 'stalled', 'up', 'silent', 'unknown'] as const;

/** The figures of /metrics that are looked up when somebody asks for them. */
export function addFigures(meter: PromMeter, { registry, tftp, dhcp }: FigureSources): void {
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

/** A state without nodes is 0, not absent. */
function tally(states: readonly string[], found: readonly string[]): [string, number][] {
  return states.map(state => [state, found.filter(each => each === state).length]);
}
