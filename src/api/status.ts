import * as z from 'zod';
import { ipv4Schema, machineIdSchema } from './values.ts';

/** Answer of `GET /api/v1/status` on the control socket. Times are milliseconds since the epoch. */
export const statusSchema = z.object({
  version: z.string(),
  startedAt: z.number(),
  /** The name of each part with its complaint, or null. */
  parts: z.record(z.string(), z.string().nullable()),
  network: z.object({ interface: z.string(), address: ipv4Schema, prefix: z.number() }),
  /** What is listened on: `DHCP`, `TFTP`, `HTTP`. */
  ports: z.array(z.object({ what: z.string(), protocol: z.enum(['udp', 'tcp']), port: z.number() })),
  dhcp: z.object({
    mode: z.string(),
    /** Absent where another server gives the addresses. */
    leases: z.object({ pool: z.number(), used: z.number(), free: z.number() }).optional(),
  }),
  /** How many nodes are in each state; states without a node are absent. */
  nodes: z.record(z.string(), z.number()),
  /** How many workloads are in each state, as `mesh workload list` shows it. */
  workloads: z.record(z.string(), z.number()).optional(),
  /** How many hosts are in each state, and how many workloads hold a place: `reserved`, `running`, `unknown`. */
  hosts: z.record(z.string(), z.number()).optional(),
  places: z.record(z.string(), z.number()).optional(),
  overlays: z.object({ folders: z.number() }),
  capture: z.object({ machines: z.number(), bytes: z.number() }),
  /** The latest of all nodes, newest first. */
  problems: z.array(
    z.object({ at: z.number(), node: machineIdSchema, name: z.string().optional(), text: z.string() }),
  ),
});

export type Status = z.infer<typeof statusSchema>;
