import * as z from 'zod';
import { BOOT_STAGES } from '../domain/node/timeline.ts';
import { factsSchema, loadSchema } from './facts.ts';
import { ipv4Schema, machineIdSchema, macSchema } from './values.ts';

const agreement = z.object({
  dhcp: machineIdSchema.optional(),
  script: machineIdSchema.optional(),
  init: machineIdSchema.optional(),
  agent: machineIdSchema.optional(),
});

/** One line of `mesh node info`. Times are milliseconds since the epoch. */
export const nodeSummarySchema = z.object({
  id: machineIdSchema,
  /** The folder under /host0/machines that is for this machine, if there is one. */
  name: z.string().optional(),
  state: z.enum(['booting', 'stalled', 'up', 'silent', 'unknown']),
  address: ipv4Schema.optional(),
  macs: z.array(macSchema),
  firstSeenAt: z.number(),
  lastSeenAt: z.number(),
  reportedAt: z.number().optional(),
  /** The last step of the current boot. */
  stage: z.enum([...BOOT_STAGES, 'problem']).optional(),
  cpus: z.number().optional(),
  memoryKib: z.number().optional(),
  kvm: z.enum(['unknown', 'usable', 'unusable']).optional(),
  /** `token`: it runs its own overlay. `lease`: the default one. */
  trust: z.enum(['token', 'lease']).optional(),
  /** One sentence when two machines claim this id, or when the places that compute it disagree. */
  problem: z.string().optional(),
});

const bootEvent = z.object({
  at: z.number(),
  stage: z.enum([...BOOT_STAGES, 'problem']),
  text: z.string(),
  machineId: machineIdSchema.optional(),
  mac: macSchema.optional(),
  address: ipv4Schema.optional(),
  client: z.enum(['firmware', 'ipxe', 'os']).optional(),
  idFrom: z.enum(['dhcp', 'script', 'init', 'agent']).optional(),
  uuid: z.string().optional(),
  bytes: z.number().optional(),
  milliseconds: z.number().optional(),
});

const boot = z.object({
  startedAt: z.number(),
  bootId: z.string().optional(),
  events: z.array(bootEvent),
  dropped: z.number(),
});

/** Answer of `GET /api/v1/nodes/:id`. */
export const nodeDetailSchema = nodeSummarySchema.extend({
  uuid: z.string().optional(),
  agreement,
  hostKey: z.object({ line: z.string(), from: z.enum(['overlay', 'first-use']) }).optional(),
  facts: factsSchema.optional(),
  load: loadSchema.optional(),
  /** Oldest first. */
  boots: z.array(boot),
});

/** Answer of `GET /api/v1/nodes`, sorted by id. */
export const nodeListSchema = z.object({ nodes: z.array(nodeSummarySchema) });

export type NodeSummary = z.infer<typeof nodeSummarySchema>;
export type NodeDetail = z.infer<typeof nodeDetailSchema>;
export type NodeList = z.infer<typeof nodeListSchema>;

/** Answer of `GET /healthz`: 200 when every part is well, else 503. */
export const healthSchema = z.object({
  ok: z.boolean(),
  version: z.string(),
  /** The name of each part with its complaint, or null. */
  parts: z.record(z.string(), z.string().nullable()),
});

export type Health = z.infer<typeof healthSchema>;
