import * as z from 'zod';
import { BOOT_STAGES, FAULTS } from '../domain/node/timeline.ts';
import { factsSchema, loadSchema } from './facts.ts';
import { contentSchema, ipv4Schema, machineIdSchema, macSchema } from './values.ts';

const agreement = z.object({
  dhcp: machineIdSchema.optional(),
  script: machineIdSchema.optional(),
  init: machineIdSchema.optional(),
  agent: machineIdSchema.optional(),
});

/** An entry of the table in src/domain/node/symptoms.ts, with this machine's facts in `sentence`. */
const diagnosisSchema = z.object({
  symptom: z.string(),
  /** Last step seen, likely cause, what to try. */
  sentence: z.string(),
  /** Likeliest first. */
  causes: z.array(z.string()).readonly(),
  tries: z.array(z.string()).readonly(),
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
  /** What its agent says that it runs; `current`: it would get the same at a boot now. */
  overlay: z.object({ content: contentSchema, current: z.boolean().optional() }).optional(),
  /** What is wrong in its folder, a line each: the last good overlay is served. */
  folderProblems: z.array(z.string()).optional(),
  /** Why the current boot does not go on, or the node went silent. */
  diagnosis: diagnosisSchema.optional(),
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
  total: z.number().optional(),
  file: z.string().optional(),
  protocol: z.enum(['dhcp', 'tftp', 'http']).optional(),
  retransmissions: z.number().optional(),
  step: z.enum([...BOOT_STAGES, 'problem']).optional(),
  fault: z.enum(FAULTS).optional(),
  milliseconds: z.number().optional(),
});

const boot = z.object({
  startedAt: z.number(),
  bootId: z.string().optional(),
  events: z.array(bootEvent),
  dropped: z.number(),
  /** Why it did not get to its agent. */
  diagnosis: diagnosisSchema.optional(),
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
