import type { MachineId } from '../domain/machine/genid.ts';

/** Every path of the HTTP contract; `:id` is a machine id. */
export const PATHS = {
  report: '/api/v1/report',
  nodes: '/api/v1/nodes',
  node: '/api/v1/nodes/:id',
  capture: '/api/v1/nodes/:id/capture',
  status: '/api/v1/status',
  ctl: '/api/v1/nodes/ctl',
  health: '/healthz',
  metrics: '/metrics',
} as const;

export function nodePath(id: MachineId): string {
  return PATHS.node.replace(':id', id);
}

export function capturePath(id: MachineId): string {
  return PATHS.capture.replace(':id', id);
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
