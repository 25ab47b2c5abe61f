import type { MachineId } from '../domain/machine/genid.ts';

/** Every path of the HTTP contract; `:id` is a machine id. */
export const PATHS = {
  report: '/api/v1/report',
  nodes: '/api/v1/nodes',
  node: '/api/v1/nodes/:id',
  capture: '/api/v1/nodes/:id/capture',
  status: '/api/v1/status',
  ctl: '/api/v1/nodes/ctl',
  workloads: '/api/v1/workloads',
  workloadRun: '/api/v1/workloads/run',
  workloadOutput: '/api/v1/workloads/:name/output',
  workloadConsole: '/api/v1/workloads/:name/console',
  workloadGuest: '/api/v1/workloads/:name/guest',
  hosts: '/api/v1/hosts',
  host: '/api/v1/hosts/:name',
  realms: '/api/v1/realms',
  placements: '/api/v1/placements',
  plans: '/api/v1/plans',
  health: '/healthz',
  metrics: '/metrics',
} as const;

export function nodePath(id: MachineId): string {
  return PATHS.node.replace(':id', id);
}

export function capturePath(id: MachineId): string {
  return PATHS.capture.replace(':id', id);
}

/** Text of `?of=log|serial&lines=N&follow=0|1`. */
export function workloadOutputPath(name: string): string {
  return PATHS.workloadOutput.replace(':name', encodeURIComponent(name));
}

/** Asked for with `Upgrade: pxen-console`: after 101 the bytes of the serial console, both ways. */
export function workloadConsolePath(name: string): string {
  return PATHS.workloadConsole.replace(':name', encodeURIComponent(name));
}

export function workloadGuestPath(name: string): string {
  return PATHS.workloadGuest.replace(':name', encodeURIComponent(name));
}

export function hostPath(name: string): string {
  return PATHS.host.replace(':name', encodeURIComponent(name));
}

/** Content type of a capture; pcapng has none of its own registered. */
export const PCAPNG = 'application/x-pcapng';

/** A report with every fact of a big machine (256 CPUs, 500 PCI devices) is about 70 KiB. */
export const MAX_REPORT_BYTES = 512 * 1024;
/** Any other request body. */
export const MAX_REQUEST_BYTES = 64 * 1024;
/** Content type of /metrics, the text format of Prometheus. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
/** Content type of a stream with one JSON value a line. */
export const NDJSON = 'application/x-ndjson';
