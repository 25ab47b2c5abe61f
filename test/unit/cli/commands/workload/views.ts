import type { NodeSummary } from '../../../../../src/api/nodes.ts';
import type { WorkloadView } from '../../../../../src/api/workloads.ts';

type WorkloadStatus = NonNullable<WorkloadView['status']>;

/** The time on every screen of the tests. */
export const NOW = 1_700_000_100_000;

export const TULIP = {
  id: '91d5815f' as NodeSummary['id'],
  name: 'tulip',
  state: 'up',
  address: '10.77.0.100',
  macs: ['52:54:00:77:00:01'],
  firstSeenAt: 0,
  lastSeenAt: NOW,
};
export const ROSE = {
  ...TULIP,
  id: '6e6da274' as NodeSummary['id'],
  name: 'rose',
  address: '10.77.0.101',
  macs: ['52:54:00:77:00:02'],
};
export const NODES = [TULIP, ROSE];

/** What a node says of a workload that runs for three minutes. */
export function told(name: string, more: Partial<WorkloadStatus> = {}): WorkloadStatus {
  return {
    name,
    uuid: `uuid-${name}`,
    state: 'running',
    since: NOW - 180_000,
    engine: 'qemu',
    accel: 'kvm',
    pid: 4242,
    console: { type: 'serial-tcp', port: 7900 },
    volumes: [],
    nics: [],
    ...more,
  };
}

export function view(name: string, more: Partial<WorkloadView> = {}): WorkloadView {
  return {
    name,
    uuid: `uuid-${name}`,
    file: `/var/pxen/monoliths/${name}.conf`,
    problems: [],
    state: 'stopped',
    ...more,
  };
}

/** One that runs on a node, with what that node said four seconds ago. */
export function running(
  name: string,
  status: Partial<WorkloadStatus> = {},
  more: Partial<WorkloadView> = {},
): WorkloadView {
  const said = told(name, status);
  return view(name, {
    node: TULIP.id,
    nodeName: TULIP.name,
    desired: 'running',
    state: said.state,
    status: said,
    reportedAt: NOW - 4000,
    ...more,
  });
}
