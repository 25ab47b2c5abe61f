import * as z from 'zod';
import { HOST_STATES, LAST_BASE_PORT } from '../domain/placement/host.ts';
import { DRIVERS } from '../domain/placement/realm.ts';
import { MAX_WORKLOAD_BYTES } from '../domain/workload/lines.ts';
import { ipv4Schema, machineIdSchema } from './values.ts';

/** Infinity as the word, since JSON has no number for it. */
export const costNumberSchema = z.union([z.number(), z.literal('Infinity')]);

const word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
const count = z.number().int().nonnegative();

/** A machine that runs VMs, as `mesh host list` shows it. */
export const hostViewSchema = z.object({
  name: z.string(),
  /** What `-n` takes; a libvirt host has one made from its name. */
  id: machineIdSchema,
  /** Absent: a node with the agent. */
  uri: z.string().optional(),
  state: z.enum(HOST_STATES),
  /** Whether an admin has said anything about it, or all of it is made from what the node reports. */
  described: z.boolean(),
  /** `up`, `late`, `lost` ... of a node; `connected`, `unreachable` or `not asked` of a libvirt host. */
  liveness: z.string(),
  /** Why a libvirt host is unreachable, or what else is wrong, such as a profile that does not exist any more. */
  problem: z.string().optional(),
  profile: z.string(),
  realm: z.string().optional(),
  group: z.string().optional(),
  translation: z.object({ address: ipv4Schema, basePort: count }).optional(),
  cores: count.optional(),
  /** Bytes. */
  memory: count.optional(),
  usage: z.object({ vms: count, vcpus: count, memory: count, devices: z.record(z.string(), count) }),
  /** By type, how many the profile lists. */
  devices: z.record(z.string(), count),
  /** What it costs now, with what is on it. */
  cost: costNumberSchema.optional(),
  /** Names of the workloads that hold a place there. */
  workloads: z.array(z.object({ name: z.string(), state: z.enum(['reserved', 'running', 'unknown']) })),
});
export type HostView = z.infer<typeof hostViewSchema>;

/** Answer of `GET /api/v1/hosts`, sorted by name. */
export const hostListSchema = z.object({ hosts: z.array(hostViewSchema) });

/** Answer of `DELETE /api/v1/hosts/:name`; that of PUT is hostViewSchema. */
export const hostRemovedSchema = z.object({ removed: z.string() });

/**
 * Body of `PUT /api/v1/hosts/:name` (a libvirt host, or what is to be said of a node): everything that is absent stays
 * as it is, and of a new one is the default; null takes it away.
 */
export const hostChangeSchema = z.object({
  /** Refuse when there is one (`mesh host add`) or when there is none (`set-state` and `set-profile`). */
  expect: z.enum(['new', 'known']),
  uri: z.string().max(512).optional(),
  profile: word.nullable().optional(),
  state: z.enum(HOST_STATES).optional(),
  realm: word.nullable().optional(),
  group: word.nullable().optional(),
  translation: z
    .object({ address: ipv4Schema, basePort: count.max(LAST_BASE_PORT) })
    .nullable()
    .optional(),
});
export type HostChange = z.infer<typeof hostChangeSchema>;

/** What is wrong with, or questionable in, hardware.conf and realms/*.conf: `file:line: key: text`. */
const remarks = z.array(z.string());

/** Answer of `GET /api/v1/realms`. */
export const realmListSchema = z.object({
  realms: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      disabled: z.boolean(),
      driver: z.enum(DRIVERS),
      pools: z.object({ volumes: z.string(), drives: z.string(), bricks: z.string() }),
      logScheduling: z.boolean(),
      /** Milliseconds. */
      registrationTimeout: count,
      pollFrequency: count,
      networkFilter: z.string().optional(),
      drives: z.object({
        lazyAllocation: z.boolean(),
        cache: z.string(),
        minSize: count.optional(),
        maxSize: count.optional(),
      }),
      /** Names. */
      hosts: z.array(z.string()),
    }),
  ),
  /** Every hardware profile in force, sorted by id. */
  profiles: z
    .array(
      z.object({
        id: z.string(),
        name: z.string(),
        cores: count,
        /** Bytes. */
        memory: count,
        /** By type. */
        devices: z.record(z.string(), count),
        costFunction: z.string(),
      }),
    )
    .default([]),
  /** With problems, the rules that were read before them are in force. */
  problems: remarks,
  warnings: remarks,
});
export type RealmList = z.infer<typeof realmListSchema>;

const costParts = z.object({
  vms: costNumberSchema,
  vcpus: costNumberSchema,
  memory: costNumberSchema,
  devices: z.record(z.string(), costNumberSchema),
  offset: costNumberSchema,
  spread: costNumberSchema.optional(),
});

/** One thing that a host is priced by, with all that its cost function would ask for more or less of it. */
const costCurve = z.object({
  part: z.enum(['vms', 'vcpus', 'memory', 'device']),
  /** Of a device. */
  type: z.string().optional(),
  /** How much of it there would be, the workload counted in. */
  at: z.number(),
  cost: costNumberSchema,
  /** See Piece of domain/placement/curve.ts; absent bounds are Infinity. */
  pieces: z.array(
    z.object({
      above: z.number().optional(),
      upTo: z.number().optional(),
      start: z.number(),
      rise: z.number(),
      from: z.number(),
      run: z.number(),
      scale: z.number(),
    }),
  ),
});

/** Where a workload would go, and why: of a dry run and of `mesh cost explain`. */
export const placementViewSchema = z.object({
  workload: z.string(),
  /** Null: it fits nowhere. */
  host: z.string().nullable(),
  node: machineIdSchema.optional(),
  reasons: z.array(z.string()),
  costs: z.array(z.object({ host: z.string(), total: costNumberSchema, parts: costParts })),
  /** Where they are asked for: of the host that was named or, without one, that it would go to. */
  curves: z.object({ host: z.string(), of: z.array(costCurve) }).optional(),
});
export type PlacementView = z.infer<typeof placementViewSchema>;

/** A workload by its name on host0, or by a file that host0 need not have. */
const subject = z.union([
  z.object({ workload: z.string().min(1).max(256) }),
  z.object({ file: z.string().max(4096), text: z.string().max(MAX_WORKLOAD_BYTES) }),
]);

/** Body of `POST /api/v1/placements`; the answer is placementViewSchema. Nothing is held and nothing starts. */
export const placementRequestSchema = z.object({
  subject,
  node: machineIdSchema.optional(),
  curves: z.boolean().default(false),
});

export type PlacementRequest = z.infer<typeof placementRequestSchema>;

/** Body of `POST /api/v1/plans`. */
export const planRequestSchema = z.object({ subjects: z.array(subject).min(1).max(4096) });
export type PlanRequest = z.infer<typeof planRequestSchema>;

const score = z.object({ placed: count, cost: costNumberSchema });

/** Its answer: the same as of `mesh place --snapshot` with several requests. */
export const planViewSchema = z.object({
  placements: z.array(
    z.object({
      name: z.string(),
      host: z.string().nullable(),
      /** Of the host. */
      node: machineIdSchema.optional(),
      reasons: z.array(z.string()),
    }),
  ),
  placed: count,
  cost: costNumberSchema,
  oneByOne: score,
});
export type PlanView = z.infer<typeof planViewSchema>;
